// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode"
)

// Config is the multipath configuration of one router.
type Config struct {
	Globals Globals
	// Interfaces are all "config interface" sections in file order, those
	// that take no part included.
	Interfaces []Interface
	// DefaultTables are the tables into which a "config route" or "config
	// route6" section puts a default route.
	DefaultTables []uint32
	// Problems are the bad values; the interfaces that they concern are
	// Frozen.
	Problems []Problem
	// Warnings are one line each; nothing is left undone because of them.
	Warnings []string
	// Hidden says that this user may not read the runtime choices: modes may be
	// others, and so what should be in the kernel.
	Hidden bool
}

// Globals are the options of the section "globals".
type Globals struct {
	// Multipath is the main switch.
	Multipath bool
	// Fullmesh adds the fullmesh flag to subflow endpoints.
	Fullmesh bool
	// Laminar adds the laminar flag to subflow endpoints, where the kernel has it and
	// announced addresses are accepted.
	Laminar bool
	// Subflows and AddAddrAccepted are the endpoint limits; nil when unset.
	Subflows, AddAddrAccepted *uint32
	// Sysctls are the kernel settings that the section asks for.
	Sysctls []Sysctl
	// Watch says that the watch service runs, so that the return of a lost
	// carrier will be noticed.
	Watch bool
	// Check says that the watch service looks after the health of the lines.
	Check bool
}

// Sysctl is one kernel setting asked for by an option.
type Sysctl struct {
	Option string // the UCI option, "mptcp_scheduler"
	Key    string // the sysctl, "net.mptcp.scheduler"
	Value  string
}

// Interface is one "config interface" section, or a dynamic interface that
// netifd derived from one.
type Interface struct {
	Name string
	// Position counts the interface sections of the file from 1.
	Position int
	// Mode is the mode in force, own or taken over.
	Mode Mode
	// Saved is the mode in the configuration of an interface whose mode is a
	// runtime choice; Off for all others. A line that is switched off for a
	// while is still one of the user's lines, and its master one of the masters.
	Saved Mode
	// Chosen says that the mode is a runtime choice. Unsaved says of one that the
	// configuration has no mode below it.
	Chosen, Unsaved bool
	// Own says that the section itself has the option "multipath".
	Own bool
	// From names the interface whose mode was taken over; empty otherwise.
	From string
	// Frozen says that a value of the section, or of the one whose mode it
	// takes over, is bad: nothing of the interface may be changed.
	Frozen bool
	// Device is the option "device", or the first word of "ifname".
	Device string
	// Proto is the option "proto"; empty when unset.
	Proto string
	// Families are the address families that the section may have.
	Families Families
	// NoDefaultRoute says that the option "defaultroute" is false: nothing is to
	// leave by the interface because of a default route.
	NoDefaultRoute bool
	// Addresses are those of the options "ipaddr" and "ip6addr" that can be read.
	// They matter only where there is no netifd and sections share a device.
	Addresses []netip.Addr
	// Table is the option "multipath_table"; 0 when unset.
	Table uint32
	// IP4Table and IP6Table are the numeric options of those names; 0 when
	// unset or symbolic.
	IP4Table, IP6Table uint32
	// Gateway and IP6Gateway are the options "gateway" and "ip6gw"; the zero
	// Addr when unset, the unspecified one for a default route without gateway.
	// They matter only where there is no netifd.
	Gateway, IP6Gateway netip.Addr
	// Check is how the health of the line is examined, where that is asked for.
	Check Check
}

// HasMode reports whether the interface has a multipath option, its own or one
// that it takes over. Endpoints on the device of such an interface are managed.
func (i Interface) HasMode() bool { return i.Own || i.From != "" }

// Problem is a bad value. It is an error whose text is one line that names
// the file, the section, the option, the value and the accepted ones.
type Problem struct {
	File, Section, Option, Value, Accepted string
}

func (p Problem) Error() string {
	return fmt.Sprintf("%s: section '%s': option %s '%s': expected %s", p.File, Shown(p.Section), p.Option, Shown(p.Value), p.Accepted)
}

// maxShown is how many characters of a value a message has.
const maxShown = 80

// Shown is a word of the configuration as messages have it: UCI can hold what breaks a
// line, what a terminal obeys, and what is longer than a screen.
func Shown(word string) string {
	var b strings.Builder
	n := 0
	for _, r := range word {
		if n == maxShown {
			return b.String() + "..."
		}
		if unicode.IsControl(r) {
			r = '?'
		}
		b.WriteRune(r)
		n++
	}
	return b.String()
}

// ErrNoInterfaces says that the configuration has no "config interface"
// section: it is then taken for unreadable rather than for empty.
var ErrNoInterfaces = errors.New("no 'config interface' section")

// ErrUnconfigured says that the configuration is empty: none has been written yet.
var ErrUnconfigured = errors.New("not configured yet: it has no sections")

// Interface finds the section of that name.
func (c *Config) Interface(name string) (Interface, bool) {
	i := slices.IndexFunc(c.Interfaces, func(i Interface) bool { return i.Name == name })
	if i < 0 {
		return Interface{}, false
	}
	return c.Interfaces[i], true
}

// Names are the sections by their names, as indexes into Interfaces. Of two with one
// name the first counts, as in Interface.
func (c *Config) Names() map[string]int {
	names := make(map[string]int, len(c.Interfaces))
	for i := len(c.Interfaces) - 1; i >= 0; i-- {
		names[c.Interfaces[i].Name] = i
	}
	return names
}

// SetSaved notes that the modes of interfaces are runtime choices, and the modes that are
// saved below them; for those that take these modes over too. The words are by the names
// of the interfaces; one that is no mode says that nothing is saved.
func (c *Config) SetSaved(words map[string]string) {
	for i := range c.Interfaces {
		one := &c.Interfaces[i]
		if word, chosen := words[one.Name]; chosen {
			mode, known := ParseMode(word)
			one.Chosen, one.Saved, one.Unsaved = true, mode, !known
		}
	}
	c.inherit()
}

// Dynamic gives the configuration of an interface that netifd made itself
// (its "dynamic" is true) and that has no section: that of its parent, whose
// name is its own up to the last underscore, looked for repeatedly ("wan" of
// "wan_6" and "wan_6_4"). protocol is that of the interface.
func (c *Config) Dynamic(name, protocol string) (Interface, bool) {
	child, parent := c.DynamicOf(c.Names(), name, protocol)
	return child, parent >= 0
}

// DynamicOf is Dynamic with the names at hand. parent is the index of the parent in
// Interfaces, -1 if there is none.
func (c *Config) DynamicOf(names map[string]int, name, protocol string) (child Interface, parent int) {
	for cut := strings.LastIndexByte(name, '_'); cut > 0; cut = strings.LastIndexByte(name[:cut], '_') {
		parent, ok := names[name[:cut]]
		if !ok {
			continue
		}
		child := c.Interfaces[parent]
		child.Name, child.Own, child.Device, child.From = name, false, "", ""
		child.Proto, child.Families, child.Addresses = protocol, ProtocolFamilies(protocol), nil
		if c.Interfaces[parent].HasMode() {
			child.From = c.Interfaces[parent].Name
		}
		return child, parent
	}
	return Interface{}, -1
}
