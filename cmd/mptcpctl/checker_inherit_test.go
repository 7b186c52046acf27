// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"strings"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

// inherit lets sections without a mode of their own take another's over (section 1):
// an alias that of its line, what netifd made that of the section at its root, and
// a section that of the only other one on its device, where that one cannot have
// its family.
func (c *checkedConfig) inherit() {
	follow := make(map[*checkedLine]*checkedLine)
	for _, l := range c.lines {
		if p := c.owner(l); p != nil && p.own && !l.own {
			follow[l] = p
		}
	}
	for l, p := range follow {
		l.mode, l.saved, l.hasMode, l.bad = p.mode, p.saved, true, l.bad || p.bad
	}
	for _, l := range c.lines {
		if p := l.parent; p != nil {
			l.bad = p.bad
		}
	}
}

// owner is the section whose mode another one may take over.
func (c *checkedConfig) owner(l *checkedLine) *checkedLine {
	if l.parent != nil {
		return l.parent
	}
	if l.options["defaultroute"] == "0" {
		return nil
	}
	if name, alias := strings.CutPrefix(l.device, "@"); alias {
		target := c.named(name)
		if target != nil && l.may(0) == target.may(0) && l.may(1) == target.may(1) && l.may(0) != l.may(1) {
			return nil // a second network of the line, for the modem's page
		}
		return target
	}
	if l.options["proto"] == "" {
		return nil
	}
	on := c.setsFor(l)
	if on == nil {
		return nil
	}
	families := 0
	for f := range 2 {
		if l.has(f) && on.may(f) {
			return nil
		}
		if l.has(f) {
			families++
		}
	}
	if families == 0 {
		return nil
	}
	return on
}

// setsFor is the only section of a line's device that has a mode of its own. One that
// is off for good does not count beside those that are not.
func (c *checkedConfig) setsFor(l *checkedLine) *checkedLine {
	var on []*checkedLine
	for _, other := range c.lines {
		if other != l && other.own && other.device == l.device && l.device != "" {
			on = append(on, other)
		}
	}
	off := func(other *checkedLine) bool { return other.mode == "off" && other.saved == "" && !other.bad }
	if slices.ContainsFunc(on, func(other *checkedLine) bool { return !off(other) }) {
		on = slices.DeleteFunc(on, off)
	}
	if len(on) == 0 || len(on) > 1 && !off(on[0]) {
		return nil
	}
	return on[0]
}

// may reports whether a section can have a family, by its protocol or, if that is
// static, by its options; or whether netifd reports it.
func (l *checkedLine) may(f int) bool {
	set := func(options ...string) bool {
		return slices.ContainsFunc(options, func(o string) bool { return l.options[o] != "" })
	}
	proto := l.options["proto"]
	if l.options == nil {
		proto = l.Proto
	}
	switch proto {
	case "dhcp", "pppoe", "dslite", "map", "464xlat":
		return f == 0 || l.reports(f)
	case "dhcpv6", "6in4", "6rd", "6to4":
		return f == 1 || l.reports(f)
	case "static":
		return f == 0 && set("ipaddr") || f == 1 && set("ip6addr", "ip6assign", "ip6prefix") || l.reports(f)
	}
	return true
}

// bears reports whether a section can have a family, itself or by what netifd makes of it.
func (l *checkedLine) bears(f int) bool { return l.may(f) || l.options["proto"] == "pppoe" }

// has reports whether a section has a family: one that may have both has, while it
// is up, what it has.
func (l *checkedLine) has(f int) bool {
	if l.Up && l.may(0) && l.may(1) {
		return l.reports(f)
	}
	return l.may(f)
}

// reports says that netifd has something of a family on the interface now.
func (l *checkedLine) reports(f int) bool {
	if !l.Up {
		return false
	}
	for _, a := range l.Addresses {
		if familyIndex(a.Addr()) == f {
			return true
		}
	}
	return f == 1 && l.Prefix.IsValid()
}

func (c *checkedConfig) named(name string) *checkedLine {
	i := slices.IndexFunc(c.lines, func(l *checkedLine) bool { return l.name == name })
	if i < 0 {
		return nil
	}
	return c.lines[i]
}

// withoutSection places an interface that has none: a dynamic one behind the section
// that it comes from, by its name up to an underscore, however many there are, and
// behind that one's other children.
func (c *checkedConfig) withoutSection(i netlab.Interface) *checkedLine {
	l := &checkedLine{name: i.Name, mode: "off"}
	at := len(c.lines)
	for name := i.Name; i.Dynamic && l.parent == nil; {
		cut := strings.LastIndexByte(name, '_')
		if cut <= 0 {
			break
		}
		name = name[:cut]
		if p := c.named(name); p != nil && p.position > 0 {
			l.parent, at = p, slices.Index(c.lines, p)+1
		}
	}
	for l.parent != nil && at < len(c.lines) && c.lines[at].parent == l.parent {
		at++
	}
	c.lines = slices.Insert(c.lines, at, l)
	return l
}
