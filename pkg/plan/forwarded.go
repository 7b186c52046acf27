// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/netifd"
)

// forwardedNetworks are the IPv6 networks whose hosts send by an interface, as
// far as its provider is concerned: the delegated prefixes, the networks of its
// own addresses (NDP relay, the translator of 464XLAT), and every source for which
// netifd has a default route. A LAN has none of them. index is that of the device, 0
// where that was not looked up.
func (l *Line) forwardedNetworks(s *State, index int) []netip.Prefix {
	var all []netip.Prefix
	add := func(network netip.Prefix) {
		if network.IsValid() && !network.IsSingleIP() && network.Bits() > 0 && !slices.Contains(all, network) {
			all = append(all, network)
		}
	}
	for _, prefix := range l.Netifd.Prefixes {
		add(prefix)
	}
	if _, uplink := l.defaultRoute(IPv6); !uplink && l.Mode == config.Off && !l.Frozen {
		return all
	}
	for i := range s.Addresses {
		a := &s.Addresses[i]
		if addr := a.Prefix.Addr(); (a.Index == index || index == 0) && a.Global && !addr.IsPrivate() && l.reports(addr) {
			add(a.Network(IPv6))
		}
	}
	for _, r := range slices.Concat(l.Netifd.Routes, l.Netifd.Inactive) {
		switch {
		case !ordinary(r, IPv6):
		case r.Default():
			add(r.Source)
		case !r.Nexthop.IsValid() && l.ownNetwork(r.Target):
			add(r.Target)
		}
	}
	return all
}

// ownNetwork reports whether a global address of the line is in a network.
func (l *Line) ownNetwork(network netip.Prefix) bool {
	return slices.ContainsFunc(l.Netifd.Addresses, func(a netifd.Address) bool {
		addr := a.Prefix.Addr()
		return network.Contains(addr) && addr.IsGlobalUnicast() && !addr.IsPrivate()
	})
}

// forwardedRules are the entries of the IPv6 master list that lead what comes from
// the networks of an interface out by it: by the table of a line, by the main table
// where the interface takes no part. They stand in the list, behind everybody's
// policies and what the main table has for the destination, as the default routes do
// in whose place the list stands.
func (p *planner) forwardedRules() []wantedRule {
	var all []wantedRule
	seen := make(map[Rule]bool)
	want := func(network netip.Prefix, table uint32, iface, reason string) {
		r := Rule{Family: IPv6, Priority: PriorityList, Src: network, Table: table, Suppress: -1}
		if !seen[r] {
			seen[r] = true
			all = append(all, wantedRule{r, wanted{iface, reason}})
		}
	}
	for i := range p.lines {
		l := &p.lines[i]
		if !l.Participates() || !l.Use[IPv6].Usable {
			continue
		}
		for _, network := range l.Use[IPv6].Forwarded {
			want(network, l.Use[IPv6].Table, l.Name, "hosts with its prefix leave by it")
		}
	}
	for _, r := range p.State.Rules {
		if r.Family != IPv6 || r.Priority != PriorityList || !r.Src.IsValid() {
			continue
		}
		if p.frozenTables[IPv6][r.Table] {
			want(r.Src, r.Table, p.formerLine(r), "its configuration is bad: left in its place")
		} else if l := p.absentLine(r.Table); l != nil {
			want(r.Src, r.Table, l.Name, "stays until its line returns")
		}
	}
	belongs := p.lineNetworks()
	for i := range p.lines {
		l := &p.lines[i]
		if l.Mode != config.Off || l.Frozen || !l.Netifd.Up {
			continue
		}
		for _, network := range l.Use[IPv6].Forwarded {
			if !containsAddr(belongs, network.Addr()) {
				want(network, Main, l.Name, "takes no part: its prefix stays with the main table")
			}
		}
	}
	return all
}

// absentLine is the line with IPv6 that is not usable and to which alone a table
// belongs. Its table is empty, so that a rule into it leads nowhere; to leave it
// saves making the whole list again when the line returns.
func (p *planner) absentLine(table uint32) *LineUse {
	var absent *LineUse
	for i := range p.lines {
		l := &p.lines[i]
		if !l.Participates() || l.Tables[IPv6] != table {
			continue
		}
		if l.Use[IPv6].Usable {
			return nil
		}
		if l.Has(IPv6) || p.bears(l, IPv6) {
			absent = l
		}
	}
	return absent
}

// lineNetworks are the networks of all lines, usable or not.
func (p *planner) lineNetworks() []netip.Prefix {
	var all []netip.Prefix
	for i := range p.lines {
		if l := &p.lines[i]; l.Netifd.Up && (l.Mode != config.Off || l.Frozen) {
			all = append(all, l.Use[IPv6].Forwarded...)
		}
	}
	return all
}

func containsAddr(networks []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(networks, func(network netip.Prefix) bool { return network.Contains(a) })
}

// orderForwarded puts those that stand first, in their standing order, so that few
// of them have to be written; but a network comes before one that it lies within.
func orderForwarded(rules []wantedRule, standing []Rule) []wantedRule {
	wish, stands := make(map[Rule]int, len(rules)), make(map[Rule]int, len(rules))
	order := make([]*wantedRule, len(rules))
	for i := range rules {
		r := rules[i].Rule
		order[i], wish[r] = &rules[i], i
		if stands[r] = slices.Index(standing, r); stands[r] < 0 {
			stands[r] = len(standing)
		}
	}
	wished := func(a, b *wantedRule) int {
		return cmp.Or(cmp.Compare(b.Src.Bits(), a.Src.Bits()), cmp.Compare(wish[a.Rule], wish[b.Rule]))
	}
	slices.SortFunc(order, func(a, b *wantedRule) int { return cmp.Or(cmp.Compare(stands[a.Rule], stands[b.Rule]), wished(a, b)) })
	if misplaced(order, wish) {
		slices.SortFunc(order, wished)
	}
	ordered := make([]wantedRule, len(order))
	for i, r := range order {
		ordered[i] = *r
	}
	return ordered
}

// misplaced reports whether a network comes before one that lies within it, or two
// lines that have the same one are not in the wished order.
func misplaced(order []*wantedRule, wish map[Rule]int) bool {
	for i, r := range order {
		for _, later := range order[i+1:] {
			if r.Src.Contains(later.Src.Addr()) && (r.Src.Bits() < later.Src.Bits() || r.Src == later.Src && wish[later.Rule] < wish[r.Rule]) {
				return true
			}
		}
	}
	return false
}
