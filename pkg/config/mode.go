// SPDX-License-Identifier: Apache-2.0

package config

import "slices"

// Mode says how an interface takes part in Multipath TCP. The zero value is
// Off.
type Mode uint8

// The modes, as the option "multipath" of a section spells them.
const (
	// Off takes no part: it has no managed rule, table or endpoint.
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

// Backup reports whether the subflows of the mode are backup subflows.
func (m Mode) Backup() bool { return m == Backup }

// Waits reports whether an interface of the mode has no endpoint while a primary one
// is usable.
func (m Mode) Waits() bool { return m == Handover }

// Announces reports whether the endpoint of the mode announces its address to the
// peers, and opens no subflow.
func (m Mode) Announces() bool { return m == Signal }

// Listed reports whether an interface of the mode has an entry in the master list.
func (m Mode) Listed() bool { return m.Primary() || m.Waits() }

// claimOrder is the order in which modes claim the kernel's few endpoints, an address
// that several interfaces have, and the entries of the master list.
var claimOrder = [...]Mode{Master, On, Backup, Handover, Signal}

// ClaimOrder is the order of claim: what several interfaces want is for the one whose
// mode comes first. Off claims nothing.
func ClaimOrder() []Mode { return claimOrder[:] }

// Claims is the place of the mode in ClaimOrder, -1 if it has none.
func (m Mode) Claims() int { return slices.Index(claimOrder[:], m) }

// Phrase is what the command "multipath" says of a device with an interface of the
// mode. Scripts look for these phrases.
func (m Mode) Phrase() string {
	switch m {
	case Off:
		return "is deactivated"
	case Backup:
		return "is in backup mode"
	case Handover:
		return "is in handover mode"
	}
	return "is in default mode"
}

// ParseMode reads the word of a mode; ok is false for any other word.
func ParseMode(word string) (m Mode, ok bool) {
	i := slices.Index(modeWords[:], word)
	if i < 0 {
		return Off, false
	}
	return Mode(i), true
}
