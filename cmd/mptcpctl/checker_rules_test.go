// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/netip"
	"slices"
	"strings"
)

// askedMain is the rule by which the program asks main who has its default route.
var askedMain = dumpedRule{Priority: 501, Mark: "0x4d505443", Table: 254, Suppress: -1}

// wantRules are the rules before the list; optional are those of which DESIGN says
// nothing.
func (k *checking) wantRules(f int) (want, optional []dumpedRule) {
	const local = 7
	add := func(a verdict, r dumpedRule) {
		if a == yes {
			want = append(want, r)
		} else if a == either {
			optional = append(optional, r)
		}
	}
	// Of rules that match the same there is one, that of the first in the order of claim.
	addresses, devices := make(map[string]bool), make(map[string]bool)
	for _, l := range k.ranked(f, append(slices.Clone(listOrder), "signal")) {
		u := k.uses[l][f]
		for _, a := range u.addresses {
			from := a.Local.String()
			if addresses[from] {
				continue
			}
			addresses[from] = true
			add(k.overlaps(l, f), dumpedRule{Priority: 500, Src: from, Table: l.tables[f], Suppress: 0})
			add(yes, dumpedRule{Priority: 501, Src: from, Table: 254, Suppress: local})
			for _, table := range k.localTables(f) {
				add(yes, dumpedRule{Priority: 501, Src: from, Table: table, Suppress: local})
			}
			add(yes, dumpedRule{Priority: 502, Src: from, Table: l.tables[f], Suppress: -1})
			if f == 1 {
				add(k.wanted[f], dumpedRule{Priority: 504, Src: from, Table: 254, Suppress: -1})
			}
		}
		if !devices[l.device] {
			devices[l.device] = true
			add(yes, dumpedRule{Priority: 503, OIF: l.device, Table: l.tables[f], Suppress: -1})
		}
	}
	if k.wanted[f] == yes {
		add(yes, askedMain)
	} else if k.c.on {
		add(either, askedMain) // whether there is a list depends on the answer
	}
	if f == 1 {
		for _, a := range k.outsideAddresses() {
			add(k.wanted[f], dumpedRule{Priority: 501, Src: a.String(), Table: 254, Suppress: -1})
		}
	}
	return want, optional
}

// localTables are those of netifd's in which the networks of who takes no part are.
func (k *checking) localTables(f int) (tables []uint32) {
	for _, l := range k.c.lines {
		if table := l.fixed[1+f]; l.mode == "off" && !l.bad && l.Up && table != 0 && !slices.Contains(tables, table) {
			tables = append(tables, table)
		}
	}
	return tables
}

// overlaps reports whether a route of a line is, or overlaps, one of another line.
func (k *checking) overlaps(l *checkedLine, f int) verdict {
	for _, other := range k.linesOf(f) {
		if other == l {
			continue
		}
		for _, a := range k.wantRoutes(l, f) {
			for _, b := range k.wantRoutes(other, f) {
				if specific(a) && specific(b) && prefixOf(a).Overlaps(prefixOf(b)) && !(a.Via == "" && b.Via == "" && a.Dst == b.Dst && a.Dev == b.Dev) {
					return yes
				}
			}
		}
	}
	if len(k.held) > 0 { // whether a held line overlaps
		return either
	}
	return no
}

func specific(r dumpedRoute) bool {
	return r.Dst != "default" && r.Dst != "fe80::/64" && r.Type == ""
}

func prefixOf(r dumpedRoute) netip.Prefix {
	p, _ := netip.ParsePrefix(r.Dst) // the checker's own
	return p
}

// outsideAddresses are the IPv6 addresses of who takes no part, but for those that
// a line's prefix has.
func (k *checking) outsideAddresses() (all []netip.Addr) {
	for _, l := range k.c.lines {
		if l.mode != "off" || l.bad || !l.Up {
			continue
		}
		for _, a := range l.Addresses {
			inside := slices.ContainsFunc(k.linesOf(1), func(l *checkedLine) bool { return l.Prefix.IsValid() && l.Prefix.Contains(a.Addr()) })
			if a.Addr().Is6() && a.Addr().IsGlobalUnicast() && !inside {
				all = append(all, a.Addr())
			}
		}
	}
	return all
}

func ruleText(rules []dumpedRule) (texts []string) {
	for _, r := range rules {
		texts = append(texts, r.String())
	}
	slices.Sort(texts)
	return slices.Compact(texts)
}

// rules: 500 to 504 as section 4 has them; while no line is usable only marks.
func (k *checking) rules(f int) {
	want, optional := k.wantRules(f)
	wanted, allowed := ruleText(want), ruleText(optional)
	have := make(map[string]int)
	for _, r := range k.now.rules[f] {
		if !r.ours || r.Priority == 32765 {
			continue
		}
		have[r.String()]++
		was := slices.ContainsFunc(k.before.rules[f], func(b dumpedRule) bool { return b.ours && b.String() == r.String() })
		switch {
		case slices.Contains(wanted, r.String()), slices.Contains(allowed, r.String()):
		case was && k.heldRule(f, r):
		case len(k.linesOf(f)) == 0 && r.Priority == 503 && k.c.on && k.mark(r, f):
		default:
			k.fail("rules", "family %d: not wanted: %s\nwanted:\n%s", f, r, strings.Join(wanted, "\n"))
		}
	}
	for _, text := range wanted {
		if have[text] == 0 {
			k.fail("rules", "family %d: missing: %s", f, text)
		}
	}
	for text, n := range have {
		if n > 1 {
			k.fail("rules", "family %d: %d times: %s", f, n, text)
		}
	}
	for _, r := range k.before.rules[f] {
		if r.ours && r.Priority == 503 && have[r.String()] == 0 && k.heldDevice(r.OIF) {
			k.fail("held", "family %d: a line with a bad value lost: %s", f, r)
		}
	}
}

func (k *checking) heldDevice(name string) bool {
	for l := range k.held {
		if l.device == name && name != "" {
			return !slices.ContainsFunc(k.c.lines, func(l *checkedLine) bool {
				_, held := k.held[l]
				return !held && l.device == name
			})
		}
	}
	return false
}

// mark reports whether a rule 503 may stay as the mark of a kept endpoint.
func (k *checking) mark(r dumpedRule, f int) bool {
	return slices.ContainsFunc(k.c.lines, func(l *checkedLine) bool {
		return l.takesPart() && (l.device == r.OIF || l.device == "" && l.tables[f] == r.Table)
	})
}
