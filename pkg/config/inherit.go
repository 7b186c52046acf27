// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"
	"strings"
)

// inherit gives a section without the option the mode of another, by the first of these
// cases that fits: it is that one's alias ("option device '@wan'"), or its device is
// that of exactly one section that sets the option, and that one cannot have its family
// (OpenWrt's default "wan6", DHCPv6, beside "wan", DHCP or PPPoE). A section that is
// off for good counts there only if no other on the device sets the option. Interfaces
// that netifd makes have no section: see Dynamic.
//
// A section with "defaultroute 0" takes nothing over: nothing is to leave by it. Nor
// does an alias that has the one family that its target has: it is for the modem's
// page, and not a line.
func (c *Config) inherit() {
	byName := c.Names()
	owners := make(map[string][]int) // by device: the sections that set the option
	for i := range c.Interfaces {
		section := &c.Interfaces[i]
		if device := section.Device; section.Own && section.Wanted() && device != "" {
			owners[device] = append(owners[device], i)
		}
	}
	for i := range c.Interfaces {
		if section := &c.Interfaces[i]; section.Own && !section.Wanted() && len(owners[section.Device]) == 0 {
			owners[section.Device] = []int{i}
		}
	}
	parents := make([]int, len(c.Interfaces)) // by section, or one of the constants below
	for i := range parents {
		parents[i] = unknownParent
	}
	var parent func(i int) int
	parent = func(i int) int {
		if parents[i] == searching {
			return noParent // a loop of aliases
		}
		if parents[i] != unknownParent {
			return parents[i]
		}
		parents[i] = searching
		parents[i] = c.parent(i, byName, owners, parent)
		return parents[i]
	}
	for i := range c.Interfaces {
		child := &c.Interfaces[i]
		if child.Own {
			continue
		}
		child.Mode, child.Saved, child.From = Off, Off, ""
		child.Chosen, child.Unsaved = false, false
		if parent(i) >= 0 {
			from := &c.Interfaces[parent(i)]
			child.Mode, child.Saved, child.From = from.Mode, from.Saved, from.Name
			child.Chosen, child.Unsaved = from.Chosen, from.Unsaved
			child.Frozen = child.Frozen || from.Frozen
		}
	}
}

// Wanted reports whether the user wants a section to be a line, though it may be off
// until the next reboot. One that is off for good is not: that is how one says that a
// section on the device of a line is for the modem's page.
func (i *Interface) Wanted() bool { return i.Mode != Off || i.Saved != Off || i.Frozen }

const (
	noParent      = -1
	searching     = -2
	unknownParent = -3
)

// parent is the section whose mode another takes over, or noParent. up finds that of an
// alias's target.
func (c *Config) parent(i int, byName map[string]int, owners map[string][]int, up func(int) int) int {
	child := &c.Interfaces[i]
	if child.NoDefaultRoute {
		return noParent
	}
	if name, alias := strings.CutPrefix(child.Device, "@"); alias {
		target, ok := byName[name]
		switch {
		case !ok || target == i:
			return noParent
		case !c.Interfaces[target].Own:
			target = up(target)
		}
		if target >= 0 && child.Families.same(c.Interfaces[target].Families) {
			return noParent
		}
		return target
	}
	if child.Proto == "" {
		return noParent
	}
	candidates := owners[child.Device]
	if len(candidates) == 0 {
		candidates = c.pppOwner(child.Device, byName)
	}
	if len(candidates) != 1 || c.Interfaces[candidates[0]].Families.Overlap(child.Families) {
		return noParent
	}
	return candidates[0]
}

// pppProtocols name their device after themselves and the section.
var pppProtocols = []string{"pppoe", "pppoa", "ppp", "pppossh", "pptp"}

// pppOwner is the section whose protocol makes the device: "pppoe-wan" is that of wan,
// of protocol pppoe (ppp.sh of OpenWrt).
func (c *Config) pppOwner(device string, byName map[string]int) []int {
	proto, name, _ := strings.Cut(device, "-")
	if i, ok := byName[name]; ok && c.Interfaces[i].Own && c.Interfaces[i].Proto == proto && slices.Contains(pppProtocols, proto) {
		return []int{i}
	}
	return nil
}
