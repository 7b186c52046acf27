// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"net/netip"
	"slices"

	"github.com/mptcpctl/mptcpctl/pkg/config"
)

// How much of the main table rule 501 looks at: a prefix of this length or
// shorter is a default route, or the half or quarter that a VPN puts before
// it, and does not count.
const suppressLocal = 7

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

// family works out what one family should have. Rules come after the routes of all
// lines, which some of them compare.
func (p *planner) family(f Family) {
	for i := range p.lines {
		if l := &p.lines[i]; l.Participates() && l.Use[f].Usable {
			p.lineRoutes(l, f)
		}
	}
	overlapping := p.overlapping(f)
	p.owners, p.devices = p.owningLines(f)
	for i := range p.lines {
		if l := &p.lines[i]; l.Participates() && l.Use[f].Usable {
			p.lineRules(l, f, overlapping[i])
		}
	}
	p.keepMarks(f)
	p.masterList(f)
	if f == IPv6 && p.result.NoList[f] == "" {
		p.outsiders()
		p.strays()
	}
}

// owningLines says to which usable line an address belongs that several have (DS-Lite
// gives every customer 192.0.0.2), and a device that several share: to the first in
// the order of claim. Of rules that match the same packets the kernel takes the
// first, so that there is one.
func (p *planner) owningLines(f Family) (owners map[netip.Addr]*LineUse, devices map[int]*LineUse) {
	owners, devices = make(map[netip.Addr]*LineUse), make(map[int]*LineUse)
	for _, mode := range claimRank {
		for i := range p.lines {
			l := &p.lines[i]
			if l.Mode != mode || !l.Participates() || !l.Use[f].Usable {
				continue
			}
			if index := l.Use[f].Device.Index; devices[index] == nil {
				devices[index] = l
			}
			for _, a := range l.Use[f].Addresses {
				if owners[a.Addr()] == nil {
					owners[a.Addr()] = l
				}
			}
		}
	}
	return owners, devices
}

// localTables are those into which netifd puts the networks of interfaces that take no
// part ("ip4table" of a LAN): the main table does not have them, and netifd's rules
// that lead there come behind those of the lines.
func (p *planner) localTables(f Family) (tables []uint32) {
	for i := range p.lines {
		l := &p.lines[i]
		if table := l.NetifdTable(f); l.Mode == config.Off && !l.Frozen && l.Netifd.Up && table != 0 && !slices.Contains(tables, table) {
			tables = append(tables, table)
		}
	}
	return tables
}

// lineRules are the rules of one usable line.
func (p *planner) lineRules(l *LineUse, f Family, overlaps bool) {
	u := &l.Use[f]
	for _, a := range u.addresses {
		src := host(a.Prefix.Addr())
		if p.owners[src.Addr()] != l {
			continue
		}
		if overlaps {
			p.wantRule(Rule{Family: f, Priority: PriorityOverlap, Src: src, Table: u.Table, Suppress: 0},
				l.Name, "its networks are on another line too")
		}
		p.wantRule(Rule{Family: f, Priority: PriorityLocal, Src: src, Table: Main, Suppress: suppressLocal},
			l.Name, "answers to the LAN stay on the LAN")
		for _, table := range p.localTables(f) {
			p.wantRule(Rule{Family: f, Priority: PriorityLocal, Src: src, Table: table, Suppress: suppressLocal},
				l.Name, "answers to a LAN that netifd has put into a table of its own")
		}
		p.wantRule(Rule{Family: f, Priority: PrioritySource, Src: src, Table: u.Table, Suppress: -1},
			l.Name, "its own source leaves by its own line")
	}
	if p.devices[u.Device.Index] != l {
		return
	}
	p.wantRule(Rule{Family: f, Priority: PriorityDevice, OIF: u.Device.Name, Table: u.Table, Suppress: -1},
		l.Name, "sockets bound to its device leave by it")
}

// host is the prefix that holds one address.
func host(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

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

// markedLine is the participating line whose device a rule 503 names, the one whose
// table it leads into where several share the device; or else the one with that
// table: a device may have gone with its line.
func (p *planner) markedLine(r Rule) *LineUse {
	var marked *LineUse
	best := 0
	for i := range p.lines {
		l := &p.lines[i]
		fits := 0
		if l.Device == r.OIF {
			fits = 2
		}
		if l.Tables[r.Family] == r.Table && (l.Device == "" || fits > 0) {
			fits++
		}
		if l.Participates() && fits > best {
			marked, best = l, fits
		}
	}
	return marked
}

func (p *planner) familyUsable(f Family) bool {
	return slices.ContainsFunc(p.lines, func(l LineUse) bool { return l.Use[f].Usable })
}

// outsiders keeps the IPv6 addresses of interfaces that take no part in the main
// table: the master list would send them out by the master's line. An address in
// a network that belongs to a line is the line's.
func (p *planner) outsiders() {
	belongs := p.lineNetworks()
	for i := range p.lines {
		l := &p.lines[i]
		if l.Mode != config.Off || l.Frozen || !l.Netifd.Up {
			continue
		}
		for _, a := range l.Netifd.Addresses {
			if addr := a.Prefix.Addr(); FamilyOf(addr) == IPv6 && addr.IsGlobalUnicast() && !containsAddr(belongs, addr) {
				p.wantRule(Rule{Family: IPv6, Priority: PriorityLocal, Src: host(addr), Table: Main, Suppress: -1},
					l.Name, "takes no part: its source stays with the main table")
			}
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
			if p.owners[a.Prefix.Addr()] != l {
				continue
			}
			p.wantRule(Rule{Family: IPv6, Priority: PriorityStray, Src: host(a.Prefix.Addr()), Table: Main, Suppress: -1},
				l.Name, "where its table has no route, main decides")
		}
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
