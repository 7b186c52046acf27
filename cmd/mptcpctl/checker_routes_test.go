// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/netip"
	"slices"
)

// wantRoutes are the routes of a usable line's table.
func (k *checking) wantRoutes(l *checkedLine, f int) (want []dumpedRoute) {
	u := k.uses[l][f]
	base := dumpedRoute{Dev: l.device, Table: l.tables[f], Metric: 1024 * f}
	add := func(r dumpedRoute) {
		if !slices.ContainsFunc(want, func(w dumpedRoute) bool { return w.Dst == r.Dst }) {
			want = append(want, r)
		}
	}
	reach := func(gateway netip.Addr) bool {
		return slices.ContainsFunc(want, func(r dumpedRoute) bool { return r.Via == "" && prefixOf(r).Contains(gateway) })
	}
	for _, a := range append(slices.Clone(u.addresses), k.neighbours(l, f)...) {
		if network := k.network(a, l.device); network.IsValid() {
			r := base
			r.Dst, r.Src = network.String(), a.source()
			r.optional = a.Deprecated || a.Failed || a.Temporary || a.NoPrefix && !u.carries // its network cannot be looked up
			add(r)
		}
	}
	if f == 1 {
		r := base
		r.Dst = "fe80::/64"
		add(r)
	}
	for _, route := range l.Routes {
		if familyIndex(route.Target.Addr()) != f {
			continue
		}
		r := base
		r.Dst, r.Via, r.OnLink = route.Target.String(), route.Via.String(), !reach(route.Via)
		throw := dumpedRoute{Type: throwRoute, Table: base.Table, Metric: base.Metric}
		for _, inside := range k.throws(route.Target, f) {
			throw.Dst = inside.String()
			if inside == route.Target { // DESIGN leaves open who has it
				r.optional, throw.optional = true, true
				want = append(want, throw)
				continue
			}
			add(throw)
		}
		if r.optional {
			want = append(want, r)
			continue
		}
		add(r)
	}
	r := base
	r.Dst, r.Src = "default", u.address.source()
	if !u.gateway.IsUnspecified() {
		r.Via, r.OnLink = u.gateway.String(), !reach(u.gateway)
	}
	if len(u.addresses) == 0 {
		r.Src = k.inPrefix(l)
	}
	add(r)
	return want
}

// network is the connected one of an address; one that the kernel makes no route of
// counts where main has it on that device all the same.
func (k *checking) network(a dumpedAddress, device string) netip.Prefix {
	if p := netip.PrefixFrom(a.Local, a.Bits).Masked(); a.NoPrefix && !p.IsSingleIP() && k.now.mainHas[p.String()+" "+device] {
		return p
	}
	return a.connected()
}

// neighbours are the addresses that the kernel has on a line's device beside the
// line's own.
func (k *checking) neighbours(l *checkedLine, f int) (all []dumpedAddress) {
	link, _ := k.now.link(l.device)
	for _, a := range link.Addresses {
		if familyIndex(a.Local) == f && a.Scope == "0" && !slices.ContainsFunc(k.uses[l][f].addresses, func(b dumpedAddress) bool { return b.Local == a.Local }) {
			all = append(all, a)
		}
	}
	return all
}

// throws are the networks on devices that are no line, and the routes of interfaces
// that are none, within a route.
func (k *checking) throws(route netip.Prefix, f int) (all []netip.Prefix) {
	add := func(p netip.Prefix) {
		if p.IsValid() && route.Addr().Is4() == p.Addr().Is4() && route.Contains(p.Addr()) && route.Bits() <= p.Bits() && !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	line := func(l *checkedLine) bool { return l.mode != "off" || l.bad }
	for _, link := range k.now.links {
		if slices.ContainsFunc(k.c.lines, func(l *checkedLine) bool { return line(l) && l.device == link.Name }) {
			continue
		}
		for _, a := range link.Addresses {
			if familyIndex(a.Local) == f && a.Scope == "0" {
				add(a.connected())
			}
		}
	}
	for _, l := range k.c.lines {
		for _, other := range l.Routes {
			if l.Up && !line(l) && familyIndex(other.Target.Addr()) == f {
				add(other.Target)
			}
		}
	}
	return all
}

// inPrefix is the router's own address in the prefix of a line that has no other.
func (k *checking) inPrefix(l *checkedLine) string {
	for _, link := range k.now.links {
		for _, a := range link.Addresses {
			if l.Prefix.IsValid() && l.Prefix.Contains(a.Local) && a.counts() {
				return a.source()
			}
		}
	}
	return ""
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
		if ours[w.String()] != 1 && !taken && !(w.optional && ours[w.String()] == 0) {
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
