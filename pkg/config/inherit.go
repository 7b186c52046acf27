// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"
	"strings"
)

// inherit gives a section without the option the mode of another, by the first of
// these cases that fits: it is that one's alias ("option device '@wan'"), or its
// device is that of exactly one section that sets the option and that cannot have
// its family (OpenWrt's default "wan6", DHCPv6, beside "wan", DHCP or PPPoE). The
// interfaces that netifd makes itself need no section and are Config.Dynamic. A
// section with "defaultroute 0" takes nothing over: nothing is to leave by it. Nor
// does an alias that has the one family that its target has: it is for the modem's
// page, and no second line.
func (p *parser) inherit() {
	byName := make(map[string]int, len(p.cfg.Interfaces))
	owners := make(map[string][]int) // by device: the sections that set the option
	for i, section := range p.cfg.Interfaces {
		if _, seen := byName[section.Name]; !seen {
			byName[section.Name] = i
		}
		if device := section.Device; section.Own && device != "" {
			owners[device] = append(owners[device], i)
		}
	}
	parents := make([]int, len(p.cfg.Interfaces)) // -1: none, -2: being looked for
	for i := range parents {
		parents[i] = unknownParent
	}
	var parent func(i int) int
	parent = func(i int) int {
		if parents[i] == lookedFor {
			return noParent // a circle of aliases
		}
		if parents[i] != unknownParent {
			return parents[i]
		}
		parents[i] = lookedFor
		parents[i] = p.parent(i, byName, owners, parent)
		return parents[i]
	}
	for i := range p.cfg.Interfaces {
		child := &p.cfg.Interfaces[i]
		if child.Own || parent(i) < 0 {
			continue
		}
		from := &p.cfg.Interfaces[parent(i)]
		child.Mode, child.From = from.Mode, from.Name
		child.Frozen = child.Frozen || from.Frozen
	}
}

const (
	noParent      = -1
	lookedFor     = -2
	unknownParent = -3
)

// parent is the section that sets the option for another, or noParent. up asks for
// the parent of an alias' target.
func (p *parser) parent(i int, byName map[string]int, owners map[string][]int, up func(int) int) int {
	child := &p.cfg.Interfaces[i]
	if child.NoDefaultRoute {
		return noParent
	}
	if name, alias := strings.CutPrefix(child.Device, "@"); alias {
		target, ok := byName[name]
		switch {
		case !ok || target == i:
			return noParent
		case !p.cfg.Interfaces[target].Own:
			target = up(target)
		}
		if target >= 0 && child.Families.same(p.cfg.Interfaces[target].Families) {
			return noParent
		}
		return target
	}
	if child.Proto == "" {
		return noParent
	}
	candidates := owners[child.Device]
	if len(candidates) == 0 {
		candidates = p.pppOwner(child.Device, byName)
	}
	if len(candidates) != 1 || p.cfg.Interfaces[candidates[0]].Families.Overlap(child.Families) {
		return noParent
	}
	return candidates[0]
}

// pppProtocols make a device that has their own name and that of the section.
var pppProtocols = []string{"pppoe", "pppoa", "ppp", "pppossh", "pptp"}

// pppOwner is the section whose protocol makes a device of that name: PPP's
// handlers name it after both, "pppoe-wan" (ppp.sh of OpenWrt).
func (p *parser) pppOwner(device string, byName map[string]int) []int {
	proto, name, _ := strings.Cut(device, "-")
	if i, ok := byName[name]; ok && p.cfg.Interfaces[i].Own && p.cfg.Interfaces[i].Proto == proto && slices.Contains(pppProtocols, proto) {
		return []int{i}
	}
	return nil
}
