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

// property is one way in which a mode differs from others.
type property uint8

const (
	primary   property = 1 << iota // keeps handover interfaces waiting
	backup                         // its subflows are backup subflows
	listed                         // has an entry in the master list
	waiting                        // has no endpoint while a primary interface is usable
	announces                      // its endpoint announces its address and opens no subflow
)

var modeProperties = [len(modeWords)]property{
	Off:      0,
	On:       primary | listed,
	Master:   primary | listed,
	Backup:   primary | listed | backup,
	Handover: listed | waiting,
	Signal:   announces,
}

func (m Mode) has(p property) bool { return modeProperties[m]&p != 0 }

// Primary reports whether the mode keeps handover interfaces waiting.
func (m Mode) Primary() bool { return m.has(primary) }

// Backup reports whether the subflows of the mode are backup subflows.
func (m Mode) Backup() bool { return m.has(backup) }

// Listed reports whether an interface of the mode has an entry in the master list.
func (m Mode) Listed() bool { return m.has(listed) }

// Waits reports whether an interface of the mode has no endpoint while a primary one
// is usable.
func (m Mode) Waits() bool { return m.has(waiting) }

// Announces reports whether the endpoint of the mode announces its address to the
// peers, and opens no subflow.
func (m Mode) Announces() bool { return m.has(announces) }

// claimOrder is the order in which modes claim the kernel's few endpoints, an address
// that several interfaces have, and the entries of the master list.
var claimOrder = [...]Mode{Master, On, Backup, Handover, Signal}

// ClaimOrder is the order of claim: what several interfaces want is for the one whose
// mode comes first. Off claims nothing.
func ClaimOrder() []Mode { return claimOrder[:] }

// Claims is the place of the mode in ClaimOrder, -1 if it has none.
func (m Mode) Claims() int { return slices.Index(claimOrder[:], m) }

// phrases are what the command "multipath" says of a device, the mode that uses it
// most first. Scripts look for them.
var phrases = [...]string{"is in default mode", "is in backup mode", "is in handover mode", "is deactivated"}

var modePhrases = [len(modeWords)]uint8{Off: 3, On: 0, Master: 0, Backup: 1, Handover: 2, Signal: 0}

// Phrase is what the command "multipath" says of a device with interfaces of these
// modes.
func Phrase(modes ...Mode) string {
	best := modePhrases[Off]
	for _, m := range modes {
		best = min(best, modePhrases[m])
	}
	return phrases[best]
}

// ParseMode reads the word of a mode; ok is false for any other word.
func ParseMode(word string) (m Mode, ok bool) {
	i := slices.Index(modeWords[:], word)
	if i < 0 {
		return Off, false
	}
	return Mode(i), true
}
