// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
	"github.com/mptcpctl/mptcpctl/pkg/netlab"
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
	wanted      [2]verdict                  // whether a family has a master list
	problems    []broken
}

func (k *checking) fail(kind, format string, a ...any) {
	k.problems = append(k.problems, broken{kind, fmt.Sprintf(format, a...)})
}

// check compares the kernel before and after a run with what DESIGN asks for, and
// asks it which way packets take.
func (c *checker) check(config *checkedConfig, before, now *kernelDump, lock string, router *netlab.Namespace) []broken {
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
		k.wanted[f] = k.hasList(f)
		k.rules(f)
		k.list(f)
		k.routes(f)
		k.linkdown(f)
	}
	k.endpoints()
	k.newIDs(before)
	k.limits()
	k.lockFile(lock)
	if err := k.ways(router); err != nil {
		k.fail("laboratory", "%v", err)
	}
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
