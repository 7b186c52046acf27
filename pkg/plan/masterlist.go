// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"

	"github.com/mptcpctl/mptcpctl/pkg/config"
)

// masterList adds the usable lines in the order in which all other traffic uses them,
// and the rule by which the main table can be asked.
func (p *planner) masterList(f Family) {
	var ranked []*LineUse
	for _, l := range p.claimants(f) {
		if l.Mode.Listed() {
			ranked = append(ranked, l)
		}
	}
	frozen := p.frozenEntries(f)
	master, child := p.masters(f)
	reason := p.noList(f, ranked, master || child, len(frozen) > 0)
	if len(frozen) > 0 || reason == "" || (master || p.readsKernel(f)) && p.wantsDeviceRule(f) {
		// Without a list too: whether there is one depends on the answer.
		p.wantRule(Rule{Family: f, Priority: PriorityLocal, Mark: QueryMark, Table: Main, Suppress: -1}, "",
			"lookup of the main table's default route")
	}
	if reason != "" {
		p.result.NoList[f] = reason
		return
	}
	p.wantRule(Rule{Family: f, Priority: PriorityList, Table: Main, Suppress: 0}, "",
		"LAN, VPN and static routes before the master list")
	if f == IPv6 {
		for _, r := range p.orderForwarded(p.forwardedRules(), p.currentList(f)) {
			p.wantRule(r.Rule, r.iface, r.reason)
		}
	}
	list := p.lineEntries(f, ranked)
	for _, h := range frozen {
		place := min(h.place, len(list))
		list = append(list, wantedRule{})
		copy(list[place+1:], list[place:])
		list[place] = wantedRule{h.rule, wanted{p.formerLine(h.rule), "bad configuration: left in place"}}
	}
	for _, r := range list {
		if r.IIF != "" {
			p.result.OwnFirst[f] = r.iface
		} else {
			p.result.MasterList[f] = append(p.result.MasterList[f], r.iface)
		}
		p.wantRule(r.Rule, r.iface, r.reason)
	}
}

// listEntry is the entry of a line in the list.
func listEntry(f Family, table uint32) Rule {
	r := Rule{Family: f, Priority: PriorityList, Table: table, Suppress: -1}
	if f == IPv6 {
		r.Group = NoGroup
	}
	return r
}

// wantsDeviceRule reports whether the family wants a rule 503: for a usable line, or as the
// mark of a kept endpoint.
func (p *planner) wantsDeviceRule(f Family) bool {
	return slices.ContainsFunc(p.draft.rules, func(w wantedRule) bool { return w.Family == f && w.Priority == PriorityDevice })
}

// currentList are the managed rules of the list that the kernel has.
func (p *planner) currentList(f Family) []Rule {
	var all []Rule
	for _, r := range p.State.Rules {
		if r.Family == f && r.Priority == PriorityList {
			all = append(all, r)
		}
	}
	return all
}

// frozenEntry is the entry of a line with a bad value, which stays in its place.
type frozenEntry struct {
	rule  Rule
	place int // among the entries of lines
}

func (p *planner) frozenEntries(f Family) []frozenEntry {
	var frozen []frozenEntry
	place := 0
	for _, r := range p.currentList(f) {
		if r.Table == Main || r.Src.IsValid() || r.IIF != "" {
			continue
		}
		if p.frozenTables[f][r.Table] {
			frozen = append(frozen, frozenEntry{r, place})
		}
		place++
	}
	return frozen
}

// masters reports whether a master has the family, or an interface that netifd makes of
// one. A line that is a master by the saved configuration counts, whatever its mode is
// until the next reboot: it was put last, or switched off, for another to replace it.
func (p *planner) masters(f Family) (has, child bool) {
	for i := range p.lines {
		l := &p.lines[i]
		if l.Frozen || l.Mode != config.Master && l.Saved != config.Master {
			continue
		}
		has = has || l.Has(f)
		child = child || p.childHas(l, f)
	}
	return has, child
}

// childHas reports whether the line has the family by an interface that netifd makes
// ("wan_6" of PPPoE or of DHCP's 6rd, "wan6_4" of DS-Lite) and that is away: it goes
// with the line, and returns a moment after it. The list in the kernel tells that it was
// there: it exists only if some master had the family. In IPv6 the line must have
// entries by source in it, which stay while the line is away.
func (p *planner) childHas(l *LineUse, f Family) bool {
	if !config.MakesChildren(l.Proto) && l.Proto != [...]string{IPv4: "dhcpv6", IPv6: "dhcp"}[f] {
		return false
	}
	if !slices.ContainsFunc(p.currentList(f), func(r Rule) bool { return f == IPv4 || r.Src.IsValid() && r.Table == l.Tables[f] }) {
		return false
	}
	return !slices.ContainsFunc(p.lines, func(other LineUse) bool {
		return other.Name != l.Name && !other.Netifd.Dynamic && other.Has(f) && (other.Interface.Device == "@"+l.Name || other.Device == l.Device && l.Device != "")
	})
}

// readsKernel reports whether the default route of a line is read from the main table
// (netifd's protocol "none").
func (p *planner) readsKernel(f Family) bool {
	return slices.ContainsFunc(p.lines, func(l LineUse) bool {
		return l.Participates() && l.Netifd.Up && l.Netifd.Proto == "none" && l.Has(f)
	})
}

// noList says why a family has no master list; it is empty if it has one.
func (p *planner) noList(f Family, ranked []*LineUse, master, frozen bool) string {
	switch {
	case frozen:
		return ""
	case !master:
		return "no line with " + f.Name() + " has mode master"
	case len(ranked) == 0:
		return "no line is usable"
	}
	if name := p.unmanagedDefault(f, ranked[0]); name != "" {
		return name + " has the default route of the main table"
	}
	return ""
}
