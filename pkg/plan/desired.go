// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"net/netip"
	"slices"

	"github.com/mptcpctl/mptcpctl/pkg/config"
)

// DefaultLikeBits is the prefix length, in bits, up to which a route stands for all
// destinations, so that rule 501 ignores it: it is a default route, or one of those by
// which a VPN takes its place (0.0.0.0/1, 64.0.0.0/2, 2000::/3). No LAN is that wide:
// the widest private network is 10.0.0.0/8 (RFC 1918).
const DefaultLikeBits = 7

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

// family works out what one family should have. The routes of all lines come first,
// since rule 500 depends on them.
func (p *planner) family(f Family) {
	for i := range p.lines {
		if l := &p.lines[i]; l.Participates() && l.Use[f].Usable {
			p.lineRoutes(l, f)
		}
	}
	overlapping := p.overlapping(f)
	p.owners, p.devices = p.owningLines(f)
	p.tables = p.localTables(f)
	for i := range p.lines {
		if l := &p.lines[i]; l.Participates() && l.Use[f].Usable {
			p.lineRules(l, f, overlapping[i])
		}
	}
	p.keepDeviceRules(f)
	p.masterList(f)
	if f == IPv6 && p.result.NoList[f] == "" {
		p.sourcesToMain()
		p.mainFallback()
	}
}

// owningLines says which usable line has the rules for an address that several have
// (DS-Lite gives every customer 192.0.0.2, RFC 6333 section 5.7), and for a device that
// several share: the first in the order of claim. The kernel obeys only the first of
// the rules that match the same packets, so one is enough.
func (p *planner) owningLines(f Family) (owners map[netip.Addr]*LineUse, devices map[int]*LineUse) {
	owners, devices = make(map[netip.Addr]*LineUse), make(map[int]*LineUse)
	for _, l := range p.claimants(f) {
		if index := l.Use[f].Device.Index; devices[index] == nil {
			devices[index] = l
		}
		for _, a := range l.Use[f].Addresses {
			if owners[a.Addr()] == nil {
				owners[a.Addr()] = l
			}
		}
	}
	return owners, devices
}

// claimants are the usable lines of a family in the order of claim, those of one mode in
// that of the file.
func (p *planner) claimants(f Family) (all []*LineUse) {
	for _, mode := range config.ClaimOrder() {
		for i := range p.lines {
			if l := &p.lines[i]; l.Mode == mode && l.Participates() && l.Use[f].Usable {
				all = append(all, l)
			}
		}
	}
	return all
}

// localTables are those into which netifd puts the networks of interfaces that take no
// part ("ip4table" of a LAN). The main table does not have these networks, and netifd's
// rules for these tables (10000 and up) come after those of the lines.
func (p *planner) localTables(f Family) (tables []uint32) {
	for i := range p.lines {
		l := &p.lines[i]
		if table := l.NetifdTable(f); l.off() && l.Netifd.Up && table != 0 && !slices.Contains(tables, table) {
			tables = append(tables, table)
		}
	}
	return tables
}

// lineRules adds the rules of one usable line.
func (p *planner) lineRules(l *LineUse, f Family, overlaps bool) {
	u := &l.Use[f]
	for _, a := range u.addresses {
		src := host(a.Prefix.Addr())
		if p.owners[src.Addr()] != l {
			continue
		}
		if overlaps {
			p.wantRule(Rule{Family: f, Priority: PriorityOverlap, Src: src, Table: u.Table, Suppress: 0},
				l.Name, "its networks overlap those of another line")
		}
		p.wantRule(Rule{Family: f, Priority: PriorityLocal, Src: src, Table: Main, Suppress: DefaultLikeBits},
			l.Name, "replies to LAN hosts stay on the LAN")
		for _, table := range p.tables {
			p.wantRule(Rule{Family: f, Priority: PriorityLocal, Src: src, Table: table, Suppress: DefaultLikeBits},
				l.Name, "replies to LAN hosts use netifd's table")
		}
		p.wantRule(Rule{Family: f, Priority: PrioritySource, Src: src, Table: u.Table, Suppress: -1},
			l.Name, "packets from its address leave over this line")
	}
	if p.devices[u.Device.Index] != l {
		return
	}
	p.wantRule(Rule{Family: f, Priority: PriorityDevice, OIF: u.Device.Name, Table: u.Table, Suppress: -1},
		l.Name, "sockets bound to its device leave over it")
}

// host is the prefix that holds one address.
func host(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

// keepDeviceRules keeps the rules 503 that mark the devices of kept endpoints as managed.
func (p *planner) keepDeviceRules(f Family) {
	usable := p.familyUsable(f)
	for _, r := range p.State.Rules {
		if r.Family != f || r.Priority != PriorityDevice {
			continue
		}
		if l := p.lineOfDeviceRule(r); l != nil && !usable {
			r.Table = l.Tables[f]
			p.wantRule(r, l.Name, "keeps its last endpoint managed")
		} else if p.marksEndpoint(r) {
			p.wantRule(r, "", "keeps an endpoint managed that connections still need")
		}
	}
}

// lineOfDeviceRule is the participating line to which a rule 503 belongs.
func (p *planner) lineOfDeviceRule(r Rule) *LineUse {
	var marked *LineUse
	best := 0
	for i := range p.lines {
		if l := &p.lines[i]; l.Participates() && l.markedBy(r) > best {
			marked, best = l, l.markedBy(r)
		}
	}
	return marked
}

func (p *planner) familyUsable(f Family) bool {
	return slices.ContainsFunc(p.lines, func(l LineUse) bool { return l.Use[f].Usable })
}

// sourcesToMain leads the IPv6 addresses of interfaces that take no part to the main table:
// the master list would send what has them as its source by the master. An address in a
// network of a line is the line's.
func (p *planner) sourcesToMain() {
	belongs := p.lineNetworks()
	for i := range p.lines {
		l := &p.lines[i]
		if !l.off() || !l.Netifd.Up {
			continue
		}
		for _, a := range l.Netifd.Addresses {
			if addr := a.Prefix.Addr(); FamilyOf(addr) == IPv6 && addr.IsGlobalUnicast() && !containsAddr(belongs, addr) {
				p.wantRule(Rule{Family: IPv6, Priority: PriorityLocal, Src: host(addr), Table: Main, Suppress: -1},
					l.Name, "takes no part: packets from its address use main")
			}
		}
	}
}

// mainFallback leads to the main table what has an IPv6 address of a line as its source while
// the line's table has no route, as after a loss of carrier; else the master list would
// decide. A socket keeps its route until the table that it came from changes there
// (rt6_check in net/ipv6/route.c). When the carrier returns, the line's own table and
// main change, which have routes by the device (fib6_ifup in net/ipv6/route.c), but not
// the table of the line that stood in: the socket would stay there for half a minute.
func (p *planner) mainFallback() {
	for i := range p.lines {
		l := &p.lines[i]
		if !l.Participates() || !l.Use[IPv6].Usable {
			continue
		}
		for _, a := range l.Use[IPv6].addresses {
			if p.owners[a.Prefix.Addr()] != l {
				continue
			}
			p.wantRule(Rule{Family: IPv6, Priority: PriorityFallback, Src: host(a.Prefix.Addr()), Table: Main, Suppress: -1},
				l.Name, "packets from its address use main while its table has no route")
		}
	}
}

// wantRoute adds a route unless there is one with its key.
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
