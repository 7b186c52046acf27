// SPDX-License-Identifier: Apache-2.0

package config

import "slices"

// Mode says how an interface takes part in Multipath TCP. The zero value is
// Off.
type Mode uint8

// The modes, as the option "multipath" of a section spells them.
const (
	// Off takes no part: no rule, no table, no endpoint of ours.
	Off Mode = iota
	// On takes part.
	On
	// Master takes part and is the default route of all other traffic.
	Master
	// Backup takes part with backup subflows (RFC 8684 section 3.3.8): they
	// carry data only when no other subflow can.
	Backup
	// Handover takes part in a family only while no primary interface is usable in
	// it; where none has the family, while none is usable at all.
	Handover
	// Signal announces its address to the peers and opens no subflow.
	Signal
)

var modeWords = [...]string{Off: "off", On: "on", Master: "master", Backup: "backup", Handover: "handover", Signal: "signal"}

// Modes are the accepted words in the order in which help texts list them.
func Modes() []string { return slices.Clone(modeWords[:]) }

// String is the word that the configuration uses.
func (m Mode) String() string {
	if int(m) < len(modeWords) {
		return modeWords[m]
	}
	return "unknown"
}

// Primary reports whether the mode keeps handover interfaces waiting.
func (m Mode) Primary() bool { return m == Master || m == On || m == Backup }

// ParseMode reads the word of a mode; ok is false for any other word.
func ParseMode(word string) (m Mode, ok bool) {
	i := slices.Index(modeWords[:], word)
	if i < 0 {
		return Off, false
	}
	return Mode(i), true
}
