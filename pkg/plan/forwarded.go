// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/mptcpctl/mptcpctl/pkg/netifd"
)

// forwardedNetworks are the IPv6 networks from which the provider of an interface
// accepts what hosts behind the router send: the delegated prefixes, the networks of
// the interface's own addresses (NDP relay, the translator of 464XLAT), and the source
// prefixes of netifd's default routes. A LAN, which takes no part and has no default
// route, has none of the last two. index is that of the device; 0: whichever has the
// addresses.
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
	if _, uplink := l.defaultRoute(IPv6); !uplink && l.off() {
		return all
	}
	for i := range s.Addresses {
		a := &s.Addresses[i]
		if addr := a.Prefix.Addr(); (a.Index == index || index == 0) && a.Global && !addr.IsPrivate() && l.reports(addr) {
			add(a.Network(IPv6))
		}
	}
	for _, routes := range [...][]netifd.Route{l.Netifd.Routes, l.Netifd.Inactive} {
		for _, r := range routes {
			switch {
			case !ordinary(r, IPv6):
			case r.Default():
				add(r.Source)
			case !r.Nexthop.IsValid() && l.ownNetwork(r.Target):
				add(r.Target)
			}
		}
	}
	return all
}

// ownNetwork reports whether a network holds one of the line's global addresses, unique
// local ones aside.
func (l *Line) ownNetwork(network netip.Prefix) bool {
	return slices.ContainsFunc(l.Netifd.Addresses, func(a netifd.Address) bool {
		addr := a.Prefix.Addr()
		return network.Contains(addr) && addr.IsGlobalUnicast() && !addr.IsPrivate()
	})
}

// forwardedRules are the entries of the IPv6 master list by source: what comes from the
// networks of a line leaves by its table, what comes from those of an interface that
// takes no part by the main table. They come after all policies and after what the main
// table has for the destination, as the default routes do that the list replaces. The
// entries of a line that is down stay until it returns.
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
		if !l.Participates() || !l.Use[IPv6].Usable || l.Use[IPv6].Health.NoForward {
			continue
		}
		for _, network := range l.Use[IPv6].Forwarded {
			want(network, l.Use[IPv6].Table, l.Name, "hosts with its prefix leave over it")
		}
	}
	for _, r := range p.State.Rules {
		if r.Family != IPv6 || r.Priority != PriorityList || !r.Src.IsValid() {
			continue
		}
		if p.frozenTables[IPv6][r.Table] {
			want(r.Src, r.Table, p.formerLine(r), "bad configuration: left in place")
		} else if l := p.absentLine(r.Table); l != nil {
			want(r.Src, r.Table, l.Name, "kept until its line returns")
		}
	}
	belongs := p.lineNetworks()
	for i := range p.lines {
		l := &p.lines[i]
		if !l.off() || !l.Netifd.Up {
			continue
		}
		for _, network := range l.Use[IPv6].Forwarded {
			if !containsAddr(belongs, network.Addr()) {
				want(network, Main, l.Name, "takes no part: hosts with its prefix use main")
			}
		}
	}
	return all
}

// absentLine is the unusable line with IPv6 to which alone a table belongs; nil: there
// is none. A rule into its empty table leads nowhere. To leave it there saves rule
// writes when the line returns: each costs the kernel about 0.2 us for every IPv6 route
// in main (measured on 6.18).
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
		if l.Has(IPv6) || p.childHas(l, IPv6) {
			absent = l
		}
	}
	return absent
}

// lineNetworks are the networks of all lines that netifd has up, usable or not.
func (p *planner) lineNetworks() []netip.Prefix {
	var all []netip.Prefix
	for i := range p.lines {
		if l := &p.lines[i]; l.Netifd.Up && !l.off() {
			all = append(all, l.Use[IPv6].Forwarded...)
		}
	}
	return all
}

func containsAddr(networks []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(networks, func(network netip.Prefix) bool { return network.Contains(a) })
}

// orderForwarded puts the rules that the kernel has first, in the order in which it has
// them, so that few are written. If a network would then come after one that contains
// it, all are put in the wished order, the longest prefixes first.
func (p *planner) orderForwarded(rules []wantedRule, current []Rule) []wantedRule {
	wish, place := make(map[Rule]int, len(rules)), make(map[Rule]int, len(rules))
	order := make([]*wantedRule, len(rules))
	for i := range rules {
		r := rules[i].Rule
		order[i], wish[r] = &rules[i], i
		if place[r] = slices.Index(current, r); place[r] < 0 {
			place[r] = len(current)
		}
	}
	wished := func(a, b *wantedRule) int {
		return cmp.Or(cmp.Compare(b.Src.Bits(), a.Src.Bits()), cmp.Compare(wish[a.Rule], wish[b.Rule]))
	}
	slices.SortFunc(order, func(a, b *wantedRule) int { return cmp.Or(cmp.Compare(place[a.Rule], place[b.Rule]), wished(a, b)) })
	if p.misplaced(order, wish) {
		slices.SortFunc(order, wished)
	}
	ordered := make([]wantedRule, len(order))
	for i, r := range order {
		ordered[i] = *r
	}
	return ordered
}

// misplaced reports whether a network comes before one that lies within it, or whether
// two lines with the same network are not in the wished order. That of a line that is
// absent may come first, where it leads nowhere.
func (p *planner) misplaced(order []*wantedRule, wish map[Rule]int) bool {
	for i, r := range order {
		for _, later := range order[i+1:] {
			if r.Src.Bits() < later.Src.Bits() && r.Src.Contains(later.Src.Addr()) ||
				r.Src == later.Src && wish[later.Rule] < wish[r.Rule] && p.absentLine(r.Table) == nil {
				return true
			}
		}
	}
	return false
}
