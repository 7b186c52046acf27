// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
)

// checker states, after a run, what DESIGN says must hold. It shares no code
// with pkg/plan.
type checker struct {
	frozen map[string]frozenLine // by name, as they were when last sound
	ids    []uint8               // endpoint ids in the order in which they were given
}

// frozenLine is what belonged to a line when its configuration became bad.
type frozenLine struct {
	device  string
	tables  [2]uint32
	sources []string
}

// broken is what does not hold: its kind comes first, so that a shrunk walk
// fails for the same reason.
type broken struct{ kind, text string }

func (b broken) Error() string { return "check: " + b.kind + ": " + b.text }

// checking is one check.
type checking struct {
	*checker
	c           *checkedConfig
	before, now *kernelDump
	uses        map[*checkedLine]*[2]checkedUse
	held        map[*checkedLine]frozenLine // lines that must be left as they are
	problems    []broken
}

func (k *checking) fail(kind, format string, a ...any) {
	k.problems = append(k.problems, broken{kind, fmt.Sprintf(format, a...)})
}

// check compares the kernel before and after a run with what DESIGN asks for.
func (c *checker) check(config *checkedConfig, before, now *kernelDump, lock string) []broken {
	k := &checking{checker: c, c: config, before: before, now: now, uses: make(map[*checkedLine]*[2]checkedUse)}
	if config.badGlobals {
		k.untouched()
		return k.problems
	}
	for _, l := range config.lines {
		k.uses[l] = &[2]checkedUse{config.use(l, 0, now), config.use(l, 1, now)}
	}
	k.freeze()
	k.foreign()
	for f := range 2 {
		k.rules(f)
		k.list(f)
		k.routes(f)
		k.linkdown(f)
	}
	k.endpoints()
	k.newIDs(before)
	k.limits()
	k.lockFile(lock)
	k.remember()
	return k.problems
}

// untouched: a bad value in globals stops everything.
func (k *checking) untouched() {
	all := func(mptcp.Endpoint) bool { return false }
	text := func(d *kernelDump) string { return d.others(all) + fmt.Sprint(d.ours()) }
	if diff := gocmp.Diff(text(k.before), text(k.now)); diff != "" {
		k.fail("globals", "a bad value in globals, and yet: %s", diff)
	}
}

func (d *kernelDump) ours() (all []string) {
	for f := range d.rules {
		for _, r := range d.rules[f] {
			if r.ours {
				all = append(all, r.String())
			}
		}
		for _, r := range d.routes[f] {
			if r.ours {
				all = append(all, r.String())
			}
		}
	}
	return all
}

// freeze finds the lines that are left as they are: those with a bad value, and
// those whose table such a line still uses.
func (k *checking) freeze() {
	k.held = make(map[*checkedLine]frozenLine)
	for again := true; again; {
		again = false
		for _, l := range k.c.lines {
			if _, held := k.held[l]; held || l.mode == "off" && !l.bad {
				continue
			}
			if was, ok := k.frozen[l.name]; l.bad || k.blocked(l) {
				if !ok {
					was = frozenLine{device: l.device, tables: l.tables}
				}
				k.held[l], again = was, true
				k.uses[l] = &[2]checkedUse{}
			}
		}
	}
}

// blocked reports whether a line's number is that of a table in which rules of a
// held line still lead.
func (k *checking) blocked(l *checkedLine) bool {
	for f := range 2 {
		for _, r := range k.before.rules[f] {
			if r.ours && r.Table == l.tables[f] && k.heldRule(f, r) {
				return true
			}
		}
	}
	return false
}

func (k *checking) heldRule(f int, r dumpedRule) bool {
	for _, was := range k.held {
		if r.Table == was.tables[f] || r.OIF != "" && r.OIF == was.device || slices.Contains(was.sources, r.Src) {
			return true
		}
	}
	return false
}

// foreign: nothing of others is touched.
func (k *checking) foreign() {
	ours := func(e mptcp.Endpoint) bool { return k.own(k.before, e) || k.own(k.now, e) }
	if diff := gocmp.Diff(k.before.others(ours), k.now.others(ours)); diff != "" {
		k.fail("foreign", "what belongs to others changed, -before +after:\n%s", diff)
	}
}

// own is the ownership of endpoints (section 5).
func (k *checking) own(d *kernelDump, e mptcp.Endpoint) bool {
	if e.Port != 0 || e.Flags&mptcp.FlagImplicit != 0 || e.IfIndex == 0 {
		return false
	}
	at := slices.IndexFunc(d.links, func(l dumpedLink) bool { return l.Index == e.IfIndex })
	if at < 0 {
		return true
	}
	name := d.links[at].Name
	for f := range 2 {
		if slices.ContainsFunc(d.rules[f], func(r dumpedRule) bool { return r.ours && r.OIF == name }) ||
			slices.ContainsFunc(d.routes[f], func(r dumpedRoute) bool { return r.ours && r.Dev == name }) {
			return true
		}
	}
	return slices.ContainsFunc(k.c.lines, func(l *checkedLine) bool { return l.hasMode && l.device == name })
}

// linesOf are the lines usable in a family, in the order of the file.
func (k *checking) linesOf(f int) (usable []*checkedLine) {
	for _, l := range k.c.lines {
		if k.uses[l][f].usable {
			usable = append(usable, l)
		}
	}
	return usable
}

// wantRules are the rules before the list.
func (k *checking) wantRules(f int) (want, optional []dumpedRule) {
	local := []int{1, 7}[f]
	for _, l := range k.linesOf(f) {
		u := k.uses[l][f]
		var sources []string
		for _, a := range u.addresses {
			sources = append(sources, a.Local.String())
			r := dumpedRule{Priority: 500, Src: a.Local.String(), Table: l.tables[f], Suppress: 0}
			switch {
			case k.overlaps(l, f):
				want = append(want, r)
			case len(k.held) > 0: // DESIGN does not say whether a held line overlaps
				optional = append(optional, r)
			}
		}
		for _, p := range u.prefixes {
			sources = append(sources, p.String())
		}
		for _, src := range sources {
			want = append(want, dumpedRule{Priority: 501, Src: src, Table: 254, Suppress: local},
				dumpedRule{Priority: 502, Src: src, Table: l.tables[f], Suppress: -1})
		}
		want = append(want, dumpedRule{Priority: 503, OIF: l.device, Table: l.tables[f], Suppress: -1})
	}
	if f == 1 && k.hasList(f) {
		want = append(want, k.outsiders()...)
		for _, l := range k.linesOf(f) {
			for _, a := range k.uses[l][f].addresses {
				want = append(want, dumpedRule{Priority: 504, Src: a.Local.String(), Table: 254, Suppress: -1})
			}
		}
	}
	return want, optional
}

func (k *checking) overlaps(l *checkedLine, f int) bool {
	for _, other := range k.c.lines {
		if other == l || !k.uses[other][f].ready || k.uses[other][f].index == k.uses[l][f].index {
			continue
		}
		for _, a := range k.uses[l][f].addresses {
			for _, b := range k.uses[other][f].addresses {
				if a.connected().IsValid() && b.connected().IsValid() && a.connected().Overlaps(b.connected()) {
					return true
				}
			}
		}
	}
	return false
}

// outsiders keep the IPv6 sources of who takes no part in the main table.
func (k *checking) outsiders() (want []dumpedRule) {
	for _, l := range k.c.lines {
		if l.mode != "off" || l.bad || !l.Up {
			continue
		}
		var sources []string
		for _, a := range l.Addresses {
			inside := slices.ContainsFunc(k.linesOf(1), func(l *checkedLine) bool { return l.Prefix.IsValid() && l.Prefix.Contains(a.Addr()) })
			if a.Addr().Is6() && a.Addr().IsGlobalUnicast() && !inside {
				sources = append(sources, a.Addr().String())
			}
		}
		if l.Prefix.IsValid() {
			sources = append(sources, l.Prefix.Masked().String())
		}
		for _, src := range sources {
			want = append(want, dumpedRule{Priority: 501, Src: src, Table: 254, Suppress: -1})
		}
	}
	return want
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
func (k *checking) hasList(f int) bool {
	ranked := k.ranked(f, listOrder)
	configured, up, usable := false, false, false
	for _, l := range k.c.lines {
		configured = configured || l.saved == "master" && !l.bad
		if _, held := k.held[l]; l.mode != "master" || held {
			continue
		}
		link, _ := k.now.link(l.device)
		configured = true
		up = up || l.Up && (!k.c.watch || slices.Contains(link.Flags, "LOWER_UP"))
		usable = usable || k.uses[l][f].usable
	}
	if !k.c.on {
		return false
	}
	if k.heldEntry(f) {
		return true
	}
	if !configured || len(ranked) == 0 || up && !usable {
		return false
	}
	for _, l := range k.c.lines {
		if l.mode != "off" || l.saved != "" || l.bad || !l.Up || l.NoDefaultRoute || l.fixed[1+f] != 0 {
			continue
		}
		for _, g := range l.Gateways {
			if familyIndex(g) == f && l.Metric < ranked[0].Metric {
				return false
			}
		}
	}
	return true
}

func (k *checking) heldEntry(f int) bool {
	return slices.ContainsFunc(k.before.rules[f], func(r dumpedRule) bool {
		return r.ours && r.Priority == 32765 && r.Table != 254 && k.heldRule(f, r)
	})
}

// list: the master list, in its order.
func (k *checking) list(f int) {
	var want, have []string
	if k.hasList(f) {
		want = append(want, "32765: from  lookup 254 suppress_prefixlength 0")
		for _, l := range k.ranked(f, listOrder) {
			want = append(want, fmt.Sprintf("32765: from  lookup %d", l.tables[f]))
		}
	}
	for _, r := range k.now.rules[f] {
		if r.ours && r.Priority == 32765 && (r.Table == 254 || !k.heldRule(f, r) || slices.Contains(want, r.String())) {
			have = append(have, r.String())
		}
	}
	if !slices.Equal(want, have) {
		k.fail("list", "family %d: master list\n%s\nwanted\n%s", f, strings.Join(have, "\n"), strings.Join(want, "\n"))
	}
}

// wantRoutes are the routes of a usable line's table.
func (k *checking) wantRoutes(l *checkedLine, f int) (want []dumpedRoute) {
	u := k.uses[l][f]
	if l.fixed[1+f] != 0 && l.fixed[1+f] == l.tables[f] {
		return nil // netifd fills it
	}
	base := dumpedRoute{Dev: l.device, Table: l.tables[f], Metric: 1024 * f}
	add := func(dst, via, src string, onlink bool) {
		r := base
		r.Dst, r.Via, r.Src, r.OnLink = dst, via, src, onlink
		if !slices.ContainsFunc(want, func(w dumpedRoute) bool { return w.Dst == dst }) {
			want = append(want, r)
		}
	}
	reach := func(gateway netip.Addr) bool {
		return slices.ContainsFunc(u.addresses, func(a dumpedAddress) bool { return a.connected().IsValid() && a.connected().Contains(gateway) })
	}
	for _, a := range u.addresses {
		if a.connected().IsValid() {
			add(a.connected().String(), "", a.source(), false)
		}
	}
	if f == 1 {
		add("fe80::/64", "", "", false)
	}
	for _, r := range l.Routes {
		if familyIndex(r.Target.Addr()) == f {
			add(r.Target.String(), r.Via.String(), "", !reach(r.Via))
		}
	}
	src := ""
	if len(u.addresses) > 0 {
		src = u.addresses[0].source()
	}
	add("default", u.gateway.String(), src, !reach(u.gateway))
	return want
}

// routes: the tables of usable lines are complete, and there is nothing else.
func (k *checking) routes(f int) {
	var want []dumpedRoute
	for _, l := range k.linesOf(f) {
		want = append(want, k.wantRoutes(l, f)...)
	}
	ours := make(map[string]int)
	for _, r := range k.now.routes[f] {
		if !r.ours {
			continue
		}
		ours[r.String()]++
		if !slices.ContainsFunc(want, func(w dumpedRoute) bool { return w.String() == r.String() }) && !k.heldRoute(f, r) {
			k.fail("routes", "family %d: not wanted: %s", f, r)
		}
	}
	for _, w := range want {
		taken := slices.ContainsFunc(k.now.routes[f], func(r dumpedRoute) bool {
			return !r.ours && r.Dst == w.Dst && r.Table == w.Table && r.Metric == w.Metric
		})
		if ours[w.String()] != 1 && !taken {
			k.fail("routes", "family %d: %d times: %s", f, ours[w.String()], w)
		}
	}
}

func (k *checking) heldRoute(f int, r dumpedRoute) bool {
	if !slices.ContainsFunc(k.before.routes[f], func(b dumpedRoute) bool { return b.ours && b.String() == r.String() }) {
		return false
	}
	for _, was := range k.held {
		if r.Table == was.tables[f] || r.Dev == was.device {
			return true
		}
	}
	return false
}

// linkdown: 1 on the devices of usable lines while there are two, else 0.
func (k *checking) linkdown(f int) {
	devices := make(map[string]bool)
	for _, l := range k.c.lines {
		if k.uses[l][f].ready {
			devices[l.device] = true
		}
	}
	for _, link := range k.now.links {
		want := "0"
		if devices[link.Name] && len(devices) > 1 {
			want = "1"
		}
		if have := k.now.linkdown[fmt.Sprint(f, " ", link.Name)]; len(k.held) == 0 && have != "" && have != want {
			k.fail("linkdown", "family %d: %s has %s, wanted %s", f, link.Name, have, want)
		}
	}
}

func (k *checking) limits() {
	if !k.c.on {
		return
	}
	n := 0
	for _, e := range k.now.endpoints {
		if e.Flags&mptcp.FlagSubflow != 0 {
			n++
		}
	}
	if k.c.fullmesh && n > 0 {
		n = 8
	}
	have := k.now.limits
	switch {
	case k.c.subflows >= 0 && have.Subflows != uint32(k.c.subflows):
		k.fail("limits", "subflows %d, wanted %d", have.Subflows, k.c.subflows)
	case k.c.subflows < 0 && (have.Subflows < uint32(n) || have.Subflows < k.before.limits.Subflows):
		k.fail("limits", "subflows %d for %d endpoints, before %d", have.Subflows, n, k.before.limits.Subflows)
	case k.c.accepted >= 0 && have.AddAddrAccepted != uint32(k.c.accepted):
		k.fail("limits", "add_addr_accepted %d, wanted %d", have.AddAddrAccepted, k.c.accepted)
	case k.c.accepted < 0 && have.AddAddrAccepted != k.before.limits.AddAddrAccepted:
		k.fail("limits", "add_addr_accepted %d, before %d", have.AddAddrAccepted, k.before.limits.AddAddrAccepted)
	}
}

// lockFile: one line, "ID TABLE...", that names every table with routes of ours.
func (k *checking) lockFile(path string) {
	text, err := os.ReadFile(path)
	words := strings.Fields(string(text))
	if err != nil || len(words) == 0 || strings.Count(string(text), "\n") != 1 || !strings.HasSuffix(string(text), "\n") {
		k.fail("lock", "%q: %v", text, err)
		return
	}
	if id, err := strconv.ParseUint(words[0], 10, 8); err != nil || len(k.ids) > 0 && uint8(id) != k.ids[len(k.ids)-1] && id == 0 {
		k.fail("lock", "%q: last id: %v", text, err)
	}
	for f := range 2 {
		for _, r := range k.now.routes[f] {
			if r.ours && !slices.Contains(words[1:], fmt.Sprint(r.Table)) {
				k.fail("lock", "%q does not name table %d", text, r.Table)
			}
		}
	}
}

// remember notes what the sound lines have, for the day when one becomes bad.
func (k *checking) remember() {
	if k.frozen == nil {
		k.frozen = make(map[string]frozenLine)
	}
	for _, l := range k.c.lines {
		if _, held := k.held[l]; held {
			continue
		}
		was := frozenLine{device: cmp.Or(l.device, k.frozen[l.name].device), tables: l.tables}
		for f := range 2 {
			for _, a := range k.uses[l][f].addresses {
				was.sources = append(was.sources, a.Local.String())
			}
			for _, p := range k.uses[l][f].prefixes {
				was.sources = append(was.sources, p.String())
			}
		}
		k.frozen[l.name] = was
	}
}
