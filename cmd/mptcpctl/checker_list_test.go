// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/netip"
	"slices"
	"strings"
)

// verdict is what DESIGN says of a question: it may leave it open.
type verdict int

const (
	no verdict = iota
	yes
	either
)

// noGroup is a group that no device has: what tells the entries of the IPv6 list
// from those with a source (DESIGN section 4).
const noGroup = "2147483647"

var listOrder = []string{"master", "on", "backup", "handover"}

func (k *checking) ranked(f int, modes []string) (ranked []*checkedLine) {
	for _, mode := range modes {
		for _, l := range k.linesOf(f) {
			if l.mode == mode {
				ranked = append(ranked, l)
			}
		}
	}
	return ranked
}

// hasList says whether a family has a master list (section 4).
func (k *checking) hasList(f int) verdict {
	ranked := k.ranked(f, listOrder)
	master := slices.ContainsFunc(k.c.lines, func(l *checkedLine) bool {
		return l.has(f) && (l.mode == "master" || l.saved == "master") && (!l.bad || l.parent == nil && l.own)
	})
	switch {
	case !k.c.on:
		return no
	case k.heldEntry(f):
		return yes
	case len(k.held) > 0:
		return either
	case !master && len(ranked) > 0 && k.bears(f):
		return either
	case !master || len(ranked) == 0:
		return no
	}
	return k.leftToMain(f)
}

// bears says that a master may get the family by an interface that netifd makes of it,
// and that there was a list: it may stay until that comes.
func (k *checking) bears(f int) bool {
	stood := slices.ContainsFunc(k.before.rules[f], func(r dumpedRule) bool { return r.ours && r.Priority == 32765 })
	return stood && slices.ContainsFunc(k.c.lines, func(l *checkedLine) bool {
		return (l.mode == "master" || l.saved == "master") && l.options["proto"] == "pppoe"
	})
}

// leftToMain says that there is no list while main's default route is an outsider's.
// The first of the list is compared by its metric where main has not its route.
func (k *checking) leftToMain(f int) verdict {
	route, certain := k.mainDefault(f)
	if route == nil || route.Type != "" {
		return yes
	}
	outsider, line := false, false
	for _, l := range k.c.lines {
		if l.device != route.Dev || !l.Up || !slices.ContainsFunc(l.Gateways, func(g netip.Addr) bool {
			return g.String() == route.Via || g.IsUnspecified() && route.Via == "" && familyIndex(g) == f
		}) {
			continue
		}
		line = line || l.hasMode && l.mode != "off"
		outsider = outsider || !l.hasMode && l.parent == nil
	}
	switch {
	case !certain:
		return either
	case !outsider || line:
		return yes
	}
	first := k.ranked(f, listOrder)[0]
	if (first.NoDefaultRoute || first.fixed[1+f] != 0) && stored(f, first.Metric) < route.Metric {
		return yes
	}
	return no
}

// stored is a metric as the kernel stores it.
func stored(f, metric int) int {
	if f == 1 && metric == 0 {
		return 1024
	}
	return metric
}

// mainDefault is the default route that main would take, and whether that is certain:
// of two equal ones, and of one whose carrier is lost, it is not.
func (k *checking) mainDefault(f int) (best *dumpedRoute, certain bool) {
	certain = true
	for i, r := range k.now.routes[f] {
		if r.Table != 254 || r.Dst != "default" || r.From != "" || r.ours {
			continue
		}
		link, there := k.now.link(r.Dev)
		certain = certain && (!there || slices.Contains(link.Flags, "LOWER_UP"))
		switch {
		case best == nil || r.Metric < best.Metric:
			best = &k.now.routes[f][i]
		case r.Metric == best.Metric:
			certain = false
		}
	}
	return best, certain
}

func (k *checking) heldEntry(f int) bool {
	return slices.ContainsFunc(k.before.rules[f], func(r dumpedRule) bool {
		return r.ours && r.Priority == 32765 && r.Table != 254 && k.heldRule(f, r)
	})
}

// list: the master list, in its order: main, the sources, and every line.
func (k *checking) list(f int) {
	var entries, sources, ends []string
	for _, r := range k.now.rules[f] {
		switch {
		case !r.ours || r.Priority != 32765:
		case r.Src != "":
			k.source(f, r)
			sources = append(sources, r.Src)
		case r.Table == 254 || !k.heldRule(f, r) || k.wanted[f] == yes && len(k.held) == 0:
			entries = append(entries, r.String())
			if len(sources) > 0 {
				ends = append(ends, r.String())
			}
		}
	}
	var want []string
	if k.wanted[f] == yes || k.wanted[f] == either && len(entries) > 0 {
		want = append(want, "32765: from  lookup 254 suppress_prefixlength 0")
		for _, l := range k.ranked(f, listOrder) {
			r := dumpedRule{Priority: 32765, Table: l.tables[f], Suppress: -1}
			if f == 1 {
				r.Group = noGroup
			}
			want = append(want, r.String())
		}
	}
	if !slices.Equal(want, entries) && len(k.held) == 0 {
		k.fail("list", "family %d: master list\n%s\nwanted\n%s", f, strings.Join(entries, "\n"), strings.Join(want, "\n"))
	}
	if len(sources) > 0 && len(ends)+1 < len(entries) && len(k.held) == 0 {
		k.fail("list", "family %d: the sources do not stand behind main and before the lines", f)
	}
	k.sorted(sources)
}

// source: an entry with a source is of a delegated prefix or a network of a line, and
// leads into its table, or of who takes no part. That of a line which is not usable
// may stay: it alone has the table, which is empty then.
func (k *checking) source(f int, r dumpedRule) {
	p, err := netip.ParsePrefix(r.Src)
	if err != nil {
		k.fail("list", "family %d: %s is no prefix", f, r.Src)
		return
	}
	if k.heldRule(f, r) || k.absent(f, r) {
		return
	}
	for _, l := range k.c.lines {
		own := slices.ContainsFunc(l.Addresses, func(a netip.Prefix) bool { return a.Masked() == p }) || l.Prefix.IsValid() && l.Prefix.Masked() == p
		switch {
		case !own || !l.Up:
		case k.uses[l][f].usable && r.Table == l.tables[f], !l.takesPart() && r.Table == 254:
			return
		}
	}
	k.fail("list", "not wanted: %s", r)
}

// absent reports whether a rule that stood before leads into the empty table of a
// line that is not usable.
func (k *checking) absent(f int, r dumpedRule) bool {
	there := false
	for _, l := range k.c.lines {
		if l.takesPart() && l.tables[f] == r.Table {
			if k.uses[l][f].usable {
				return false
			}
			there = true
		}
	}
	stood := slices.ContainsFunc(k.before.rules[f], func(b dumpedRule) bool { return b.ours && b.String() == r.String() })
	return there && stood && !slices.ContainsFunc(k.now.routes[f], func(route dumpedRoute) bool { return route.ours && route.Table == r.Table })
}

// sorted: a network comes before one that it lies within.
func (k *checking) sorted(sources []string) {
	for i, text := range sources {
		wide, err := netip.ParsePrefix(text)
		for _, later := range sources[i+1:] {
			narrow, laterErr := netip.ParsePrefix(later)
			if err == nil && laterErr == nil && narrow.Bits() > wide.Bits() && wide.Contains(narrow.Addr()) && len(k.held) == 0 {
				k.fail("list", "%s comes before %s", wide, narrow)
			}
		}
	}
}
