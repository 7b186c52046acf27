// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"slices"
)

// overlapping says for each line whether one of its routes has the destination of
// another line's route, or overlaps with it: rule 501 would then find the other's in
// the main table. Default routes, throw routes, link-local networks, and the same
// network on the same link do not count.
func (p *planner) overlapping(f Family) []bool {
	lines := make([]bool, len(p.lines))
	place := make(map[string]int, len(p.lines))
	for i := range p.lines {
		place[p.lines[i].Name] = i
	}
	var routes []*wantedRoute
	for i := range p.draft.routes {
		if r := &p.draft.routes[i]; r.Family == f && !r.Default() && !r.Throw && r.Dst != LinkLocal {
			routes = append(routes, r)
		}
	}
	// A network comes before those within it; of two that overlap, one contains the other.
	slices.SortFunc(routes, func(a, b *wantedRoute) int {
		return cmp.Or(a.Dst.Addr().Compare(b.Dst.Addr()), cmp.Compare(a.Dst.Bits(), b.Dst.Bits()))
	})
	var around []*wantedRoute
	for _, r := range routes {
		for len(around) > 0 && !around[len(around)-1].Dst.Overlaps(r.Dst) {
			around = around[:len(around)-1]
		}
		for _, other := range around {
			if other.iface != r.iface && !sameLink(&other.Route, &r.Route) {
				lines[place[other.iface]], lines[place[r.iface]] = true, true
			}
		}
		around = append(around, r)
	}
	return lines
}

// sameLink reports whether two routes lead to the same network on the same link.
func sameLink(a, b *Route) bool {
	return a.Dst == b.Dst && a.Index == b.Index && !a.Gateway.IsValid() && !b.Gateway.IsValid()
}
