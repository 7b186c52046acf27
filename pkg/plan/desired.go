// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"net/netip"
	"slices"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/netifd"
)

// How much of the main table rule 501 looks at: a prefix of this length or
// shorter is a default route, or the half or quarter that a VPN puts before
// it, and does not count.
var suppressLocal = [2]int{IPv4: 1, IPv6: 7}

// wanted is a rule or route that should be there, with the words for a plan.
type wanted struct {
	iface, reason string
}

type wantedRule struct {
	Rule
	wanted
}

type wantedRoute struct {
	Route
	wanted
}

// family works out what one family should have.
func (p *planner) family(f Family) {
	for i := range p.lines {
		l := &p.lines[i]
		if l.Participates() && l.Use[f].Usable {
			p.lineRoutes(l, f)
			p.lineRules(l, f)
		}
	}
	p.keepMarks(f)
	p.masterList(f)
	if f == IPv6 && p.result.NoList[f] == "" {
		p.outsiders()
		p.strays()
	}
}

// lineRules are the rules of one usable line.
func (p *planner) lineRules(l *LineUse, f Family) {
	u := &l.Use[f]
	var sources []netip.Prefix
	overlaps := p.overlaps(l, f)
	for _, a := range u.addresses {
		src := netip.PrefixFrom(a.Prefix.Addr(), a.Prefix.Addr().BitLen())
		sources = append(sources, src)
		if overlaps {
			p.wantRule(Rule{Family: f, Priority: PriorityOverlap, Src: src, Table: u.Table, Suppress: 0},
				l.Name, "its network is on another line too")
		}
	}
	for _, src := range append(sources, u.Prefixes...) {
		p.wantRule(Rule{Family: f, Priority: PriorityLocal, Src: src, Table: Main, Suppress: suppressLocal[f]},
			l.Name, "answers to the LAN stay on the LAN")
		p.wantRule(Rule{Family: f, Priority: PrioritySource, Src: src, Table: u.Table, Suppress: -1},
			l.Name, "its own source leaves by its own line")
	}
	p.wantRule(Rule{Family: f, Priority: PriorityDevice, OIF: u.Device.Name, Table: u.Table, Suppress: -1},
		l.Name, "sockets bound to its device leave by it")
}

// overlaps reports whether another participating line has a connected prefix
// that overlaps with one of l.
func (p *planner) overlaps(l *LineUse, f Family) bool {
	for i := range p.lines {
		other := &p.lines[i]
		if other.Name == l.Name || !other.Use[f].LinkReady || other.Use[f].Device.Index == l.Use[f].Device.Index {
			continue
		}
		for _, a := range l.Use[f].addresses {
			for _, b := range other.Use[f].addresses {
				if a.connected.IsValid() && b.connected.IsValid() && a.connected.Overlaps(b.connected) {
					return true
				}
			}
		}
	}
	return false
}

// keepMarks leaves the rules that mark the devices of kept endpoints as ours
// while no line of the family is usable.
func (p *planner) keepMarks(f Family) {
	if p.familyUsable(f) {
		return
	}
	for _, r := range p.State.Rules {
		if r.Family != f || r.Priority != PriorityDevice {
			continue
		}
		if l := p.markedLine(r); l != nil {
			r.Table = l.Tables[f]
			p.wantRule(r, l.Name, "keeps the mark of its last endpoint")
		}
	}
}

// markedLine is the participating line whose device a rule 503 names, or else
// the one into whose table it leads: a device may have gone with its line.
func (p *planner) markedLine(r Rule) *LineUse {
	byDevice := func(l *LineUse) bool { return l.Device == r.OIF }
	byTable := func(l *LineUse) bool { return l.Device == "" && l.Tables[r.Family] == r.Table }
	for _, fits := range []func(*LineUse) bool{byDevice, byTable} {
		for i := range p.lines {
			if l := &p.lines[i]; l.Participates() && fits(l) {
				return l
			}
		}
	}
	return nil
}

func (p *planner) familyUsable(f Family) bool {
	return slices.ContainsFunc(p.lines, func(l LineUse) bool { return l.Use[f].Usable })
}

// outsiders keeps IPv6 sources of interfaces that take no part in the main
// table: the master list would send them out by the master's line. Addresses
// inside a line's delegated prefix belong to that line.
func (p *planner) outsiders() {
	for i := range p.lines {
		l := &p.lines[i]
		if l.Mode != config.Off || l.Frozen || !l.Netifd.Up {
			continue
		}
		var sources []netip.Prefix
		for _, a := range l.Netifd.Addresses {
			if addr := a.Prefix.Addr(); FamilyOf(addr) == IPv6 && addr.IsGlobalUnicast() && !p.delegated(addr) {
				sources = append(sources, netip.PrefixFrom(addr, addr.BitLen()))
			}
		}
		for _, src := range append(sources, l.Netifd.Prefixes...) {
			p.wantRule(Rule{Family: IPv6, Priority: PriorityLocal, Src: src, Table: Main, Suppress: -1},
				l.Name, "takes no part: its source stays with the main table")
		}
	}
}

// strays leaves to the main table what a line's own IPv6 sources send while its
// table has no way, as when its carrier is lost: the master list comes behind. A
// socket keeps the route that it was given, and IPv6 asks only whether the table
// that it came from has changed (rt6_check in net/ipv6/route.c). A carrier that
// returns changes the line's own table and main (fib6_ifup), but not the table of
// the line that stood in: the socket would stay there for half a minute.
func (p *planner) strays() {
	for i := range p.lines {
		l := &p.lines[i]
		if !l.Participates() || !l.Use[IPv6].Usable {
			continue
		}
		for _, a := range l.Use[IPv6].addresses {
			src := netip.PrefixFrom(a.Prefix.Addr(), a.Prefix.Addr().BitLen())
			p.wantRule(Rule{Family: IPv6, Priority: PriorityStray, Src: src, Table: Main, Suppress: -1},
				l.Name, "where its table has no route, main decides")
		}
	}
}

func (p *planner) delegated(a netip.Addr) bool {
	for i := range p.lines {
		u := &p.lines[i].Use[IPv6]
		if u.Usable && slices.ContainsFunc(u.Prefixes, func(prefix netip.Prefix) bool { return prefix.Contains(a) }) {
			return true
		}
	}
	return false
}

// lineRoutes are the routes of one usable line.
func (p *planner) lineRoutes(l *LineUse, f Family) {
	u := &l.Use[f]
	if l.filledByNetifd(f) {
		return
	}
	base := Route{Family: f, Table: u.Table, Device: u.Device.Name, Index: u.Device.Index}
	if f == IPv6 {
		base.Metric = metricIPv6
	}
	for _, a := range u.addresses {
		if !a.connected.IsValid() {
			continue
		}
		r := base
		r.Dst, r.Src = a.connected, source(a)
		p.wantRoute(r, l.Name, "connected network")
	}
	if f == IPv6 {
		r := base
		r.Dst = linkLocal
		p.wantRoute(r, l.Name, "neighbours on the link")
	}
	p.netifdRoutes(l, f, base)
	r := base
	r.Dst, r.Gateway = f.everything(), u.Gateway
	r.OnLink = l.needsOnLink(f, u.Gateway)
	if len(u.addresses) > 0 {
		r.Src = source(u.addresses[0])
	}
	p.wantRoute(r, l.Name, "default route of table "+tableText(r.Table))
}

// needsOnLink reports whether a gateway stands in none of the prefixes that are
// on the link: the kernel takes it only when told.
func (l *LineUse) needsOnLink(f Family, gateway netip.Addr) bool {
	if !gateway.IsValid() || f == IPv6 && gateway.IsLinkLocalUnicast() {
		return false
	}
	for _, a := range l.Use[f].addresses {
		if a.connected.IsValid() && a.connected.Contains(gateway) {
			return false
		}
	}
	return !slices.ContainsFunc(l.Netifd.Routes, func(r netifd.Route) bool {
		return ordinary(r, f) && !r.Default() && !r.Nexthop.IsValid() && r.Target.Contains(gateway)
	})
}

// linkLocal is the prefix that every IPv6 link has (RFC 4291 section 2.5.6).
var linkLocal = netip.MustParsePrefix("fe80::/64")

// source is the preferred source of a route; the kernel takes no tentative
// one.
func source(a lineAddress) netip.Addr {
	if a.Tentative {
		return netip.Addr{}
	}
	return a.Prefix.Addr()
}

// netifdRoutes are the line's further routes, the one with the lowest metric
// per destination.
func (p *planner) netifdRoutes(l *LineUse, f Family, base Route) {
	for _, known := range l.Netifd.Routes {
		beaten := func(other netifd.Route) bool {
			return other.Target == known.Target && other.Metric < known.Metric && ordinary(other, f)
		}
		if known.Default() || !ordinary(known, f) || slices.ContainsFunc(l.Netifd.Routes, beaten) {
			continue
		}
		r := base
		r.Dst, r.Gateway = known.Target, known.Nexthop
		r.OnLink = l.needsOnLink(f, known.Nexthop)
		p.wantRoute(r, l.Name, "route of the interface")
	}
}

// wantRoute adds a route unless one of its key is there.
func (p *planner) wantRoute(r Route, iface, reason string) {
	if _, there := p.draft.routeKeys[r.key()]; there {
		return
	}
	if p.draft.routeKeys == nil {
		p.draft.routeKeys = make(map[routeKey]int)
	}
	p.draft.routeKeys[r.key()] = len(p.draft.routes)
	p.draft.routes = append(p.draft.routes, wantedRoute{r, wanted{iface, reason}})
}

// wantRule adds a rule unless it is there.
func (p *planner) wantRule(r Rule, iface, reason string) {
	if p.draft.ruleSet == nil {
		p.draft.ruleSet = make(map[Rule]bool)
	}
	if !p.draft.ruleSet[r] {
		p.draft.ruleSet[r] = true
		p.draft.rules = append(p.draft.rules, wantedRule{r, wanted{iface, reason}})
	}
}
