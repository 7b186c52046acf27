// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/mptcpctl/mptcpctl/pkg/kernel"
	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
)

// idDistance is how many ids must have been given before one comes again.
const idDistance = 100

// slots is how many endpoints the kernel takes.
func slots() int {
	bound, err := endpointBound()
	if err != nil {
		panic(err)
	}
	return bound
}

// wantedSlot is an endpoint that should be there.
type wantedSlot struct {
	line  string
	addr  netip.Addr
	index int
	flags mptcp.Flags
	// may: its address is tentative again. What stands there stays, unless it has to
	// be made anew, which waits.
	may bool
}

// wantEndpoints are those of the usable lines, in the order of their claim. A
// laboratory of the walks has no connections: a waiting handover line has none.
func (k *checking) wantEndpoints() (want []wantedSlot) {
	taken := make(map[netip.Addr]bool)
	for _, e := range k.now.endpoints {
		if !k.own(k.now, e) && e.Port == 0 {
			taken[e.Addr] = true
		}
	}
	for f := range 2 {
		waits := k.handoverWaits(f)
		for _, l := range k.ranked(f, append(slices.Clone(listOrder), "signal")) {
			u := k.uses[l][f]
			a := k.endpointAddress(l, f)
			if l.mode == "handover" && waits || !a.Local.IsValid() || taken[a.Local] {
				continue
			}
			taken[a.Local] = true
			w := wantedSlot{l.name, a.Local, u.index, mptcp.FlagSubflow, a.Tentative}
			if l.mode == "backup" {
				w.flags |= mptcp.FlagBackup
			}
			if k.c.fullmesh {
				w.flags |= mptcp.FlagFullmesh
			}
			if k.laminar() {
				w.flags |= mptcp.FlagLaminar
			}
			if l.mode == "signal" {
				w.flags = mptcp.FlagSignal
			}
			want = append(want, w)
		}
	}
	return want
}

// laminar says whether the endpoints are: from 6.18 on, where announced addresses are
// accepted and fullmesh is off. The laboratory has no connections, for which it would wait.
func (k *checking) laminar() bool {
	accepted := k.c.accepted
	if accepted < 0 {
		accepted = int(k.before.limits.AddAddrAccepted)
	}
	var major, minor int
	if _, err := fmt.Sscanf(kernel.Release(), "%d.%d", &major, &minor); err != nil {
		k.fail("laboratory", "%v", err)
	}
	return k.c.laminar && accepted > 0 && !k.c.fullmesh && (major > 6 || major == 6 && minor >= 18)
}

// handoverWaits says whether a handover line waits in a family: a primary line is
// usable in it or, where none has it at all, in any.
func (k *checking) handoverWaits(f int) bool {
	has, usable, any := false, false, false
	for _, l := range k.c.lines {
		if _, held := k.held[l]; held || !slices.Contains([]string{"master", "on", "backup"}, l.mode) {
			continue
		}
		has = has || l.has(f)
		usable = usable || k.uses[l][f].usable
		any = any || k.uses[l][0].usable || k.uses[l][1].usable
	}
	return usable || !has && any
}

// endpointAddress is where a usable line's endpoint is: on the line's address, or on
// the router's own in its prefix, unless that is tentative and had none before.
func (k *checking) endpointAddress(l *checkedLine, f int) dumpedAddress {
	u := k.uses[l][f]
	may := func(a dumpedAddress) bool { return !a.Tentative || k.stood(a, u.index) }
	if len(u.addresses) > 0 {
		if may(u.address) {
			return u.address
		}
		if at := slices.IndexFunc(u.addresses, may); at >= 0 {
			return u.addresses[at]
		}
		return dumpedAddress{}
	}
	for _, link := range k.now.links {
		for _, a := range link.Addresses {
			if f == 1 && l.Prefix.IsValid() && l.Prefix.Contains(a.Local) && a.counts() && may(a) {
				return a
			}
		}
	}
	return dumpedAddress{}
}

// stood reports whether an address had an endpoint of ours before the run.
func (k *checking) stood(a dumpedAddress, index int) bool {
	return slices.ContainsFunc(k.before.endpoints, func(e mptcp.Endpoint) bool {
		return e.Addr == a.Local && e.IfIndex == index && k.own(k.before, e)
	})
}

// kept are the endpoints of families without a usable line: they stay.
func (k *checking) kept() (kept []mptcp.Endpoint) {
	for _, e := range k.before.endpoints {
		if !k.c.on || !k.own(k.before, e) || len(k.linesOf(familyIndex(e.Addr))) > 0 {
			continue
		}
		at := slices.IndexFunc(k.now.links, func(l dumpedLink) bool { return l.Index == e.IfIndex })
		if slices.ContainsFunc(k.c.lines, func(l *checkedLine) bool {
			return l.takesPart() && l.bears(familyIndex(e.Addr)) && (at < 0 || k.now.links[at].Name == l.device)
		}) {
			kept = append(kept, e)
		}
	}
	return kept
}

func (k *checking) endpoints() {
	var ours []mptcp.Endpoint
	free := slots()
	for _, e := range k.now.endpoints {
		if k.own(k.now, e) || k.own(k.before, e) {
			ours = append(ours, e)
		} else {
			free--
		}
	}
	if len(k.held) > 0 {
		k.endpointsBesideHeld(ours)
		return
	}
	kept, want := k.kept(), k.wantEndpoints()
	want = want[:max(0, min(len(want), free-len(kept)))]
	matched := 0
	for _, w := range want {
		if w.may && !slices.ContainsFunc(ours, func(e mptcp.Endpoint) bool { return e.Addr == w.addr && e.IfIndex == w.index }) {
			continue
		}
		if !slices.ContainsFunc(ours, func(e mptcp.Endpoint) bool { return e.Addr == w.addr && e.IfIndex == w.index && e.Flags == w.flags }) {
			k.fail("endpoints", "%s: no endpoint %+v among %+v", w.line, w, ours)
			continue
		}
		matched++
	}
	for _, e := range kept {
		if !slices.Contains(ours, e) {
			k.fail("last", "the last endpoint is gone: %+v, now %+v", e, ours)
			continue
		}
		matched++
	}
	if matched < len(ours) {
		k.fail("endpoints", "more than wanted: %+v\nwanted %+v\nkept %+v", ours, want, kept)
	}
}

// endpointsBesideHeld: what a held line has stays, and the others have theirs.
func (k *checking) endpointsBesideHeld(ours []mptcp.Endpoint) {
	for _, e := range k.before.endpoints {
		at := slices.IndexFunc(k.now.links, func(l dumpedLink) bool { return l.Index == e.IfIndex })
		if at >= 0 && k.own(k.before, e) && k.heldDevice(k.now.links[at].Name) && !slices.Contains(k.now.endpoints, e) {
			k.fail("held", "a line with a bad value lost %+v", e)
		}
	}
	if len(k.now.endpoints) == slots() {
		return
	}
	for _, w := range k.wantEndpoints() {
		if l := k.c.named(w.line); l.mode != "handover" && !w.may && !slices.ContainsFunc(ours, func(e mptcp.Endpoint) bool { return e.Addr == w.addr && e.IfIndex == w.index }) {
			k.fail("endpoints", "%s: beside a line with a bad value: no endpoint %+v among %+v", w.line, w, ours)
		}
	}
}

// newIDs: no id is given again soon.
func (k *checking) newIDs(before *kernelDump) {
	identity := func(e mptcp.Endpoint) string { return fmt.Sprint(e.ID, e.Addr, e.IfIndex, e.Port) }
	var fresh []uint8
	for _, e := range k.now.endpoints {
		there := slices.ContainsFunc(before.endpoints, func(b mptcp.Endpoint) bool { return identity(b) == identity(e) })
		if there || !k.own(k.now, e) {
			continue
		}
		if slices.Contains(k.ids[max(0, len(k.ids)-idDistance):], e.ID) ||
			slices.ContainsFunc(before.endpoints, func(b mptcp.Endpoint) bool { return b.ID == e.ID }) {
			k.fail("ids", "id %d is given again to %s; given before: %v", e.ID, e.Addr, k.ids)
		}
		fresh = append(fresh, e.ID)
	}
	k.ids = append(k.ids, fresh...)
}
