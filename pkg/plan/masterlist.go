// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"

	"github.com/mptcpctl/mptcpctl/pkg/config"
)

// listRank is the order of preference of the master list; modes that are
// missing have no place in it.
var listRank = []config.Mode{config.Master, config.On, config.Backup, config.Handover}

// masterList puts the usable lines into the order in which all other traffic
// uses them.
func (p *planner) masterList(f Family) {
	ranked := p.ranked(f)
	held := p.heldEntries(f)
	master := p.hasMaster(f)
	reason := p.noList(f, ranked, master || p.bearsMaster(f), len(held) > 0)
	if len(held) > 0 || reason == "" || (master || p.readsKernel(f)) && p.wantsMark(f) {
		// Not only while there is a list, which depends on the answer.
		p.wantRule(Rule{Family: f, Priority: PriorityLocal, Mark: QueryMark, Table: Main, Suppress: -1}, "",
			"who has the default route of the main table can be asked")
	}
	if reason != "" {
		p.result.NoList[f] = reason
		return
	}
	p.wantRule(Rule{Family: f, Priority: PriorityList, Table: Main, Suppress: 0}, "",
		"LAN, VPN and static routes before the master list")
	if f == IPv6 {
		for _, r := range orderForwarded(p.forwardedRules(), p.standingList(f)) {
			p.wantRule(r.Rule, r.iface, r.reason)
		}
	}
	list := make([]wantedRule, 0, len(ranked)+len(held))
	for _, l := range ranked {
		list = append(list, wantedRule{listEntry(f, l.Use[f].Table), wanted{l.Name, "master list: " + l.Mode.String()}})
	}
	for _, h := range held {
		place := min(h.place, len(list))
		list = append(list, wantedRule{})
		copy(list[place+1:], list[place:])
		list[place] = wantedRule{h.rule, wanted{p.formerLine(h.rule), "its configuration is bad: left in its place"}}
	}
	for _, r := range list {
		p.result.MasterList[f] = append(p.result.MasterList[f], r.iface)
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

// wantsMark reports whether a rule 503 of the family is wanted: it has a line, or the
// mark of one.
func (p *planner) wantsMark(f Family) bool {
	return slices.ContainsFunc(p.draft.rules, func(w wantedRule) bool { return w.Family == f && w.Priority == PriorityDevice })
}

// standingList is the list in the kernel.
func (p *planner) standingList(f Family) []Rule {
	var all []Rule
	for _, r := range p.State.Rules {
		if r.Family == f && r.Priority == PriorityList {
			all = append(all, r)
		}
	}
	return all
}

func (p *planner) ranked(f Family) []*LineUse {
	var ranked []*LineUse
	for _, mode := range listRank {
		for i := range p.lines {
			if l := &p.lines[i]; l.Mode == mode && l.Participates() && l.Use[f].Usable {
				ranked = append(ranked, l)
			}
		}
	}
	return ranked
}

// heldEntry is the list entry of a line with a bad value.
type heldEntry struct {
	rule  Rule
	place int // among the entries of lines
}

func (p *planner) heldEntries(f Family) []heldEntry {
	var held []heldEntry
	place := 0
	for _, r := range p.standingList(f) {
		if r.Table == Main || r.Src.IsValid() {
			continue
		}
		if p.frozenTables[f][r.Table] {
			held = append(held, heldEntry{r, place})
		}
		place++
	}
	return held
}

// hasMaster reports whether a line with a section of the family is a master. One
// that is a master by the saved configuration counts, whatever its mode is until the
// next reboot: somebody has put it last, or switched it off, for it to be replaced.
func (p *planner) hasMaster(f Family) bool {
	return slices.ContainsFunc(p.lines, func(l LineUse) bool { return l.isMaster() && l.Has(f) })
}

func (l *Line) isMaster() bool {
	return !l.Frozen && (l.Mode == config.Master || l.Saved == config.Master)
}

func (p *planner) bearsMaster(f Family) bool {
	return slices.ContainsFunc(p.lines, func(l LineUse) bool { return l.isMaster() && p.bears(&l, f) })
}

// bears reports whether netifd has made an interface of the line that has the family
// ("wan_6" of PPPoE, "wan6_4" of DS-Lite), though it is not there now: such a one goes
// with the line, and comes a moment after it. The list of the family tells, which is
// there only if some master was; in IPv6 the entries of its networks, which stay.
func (p *planner) bears(l *LineUse, f Family) bool {
	if !config.BearsChildren(l.Proto) && (f == IPv6 || l.Proto != "dhcpv6") {
		return false
	}
	if !slices.ContainsFunc(p.standingList(f), func(r Rule) bool { return f == IPv4 || r.Src.IsValid() && r.Table == l.Tables[f] }) {
		return false
	}
	return !slices.ContainsFunc(p.lines, func(other LineUse) bool {
		return other.Name != l.Name && !other.Netifd.Dynamic && other.Has(f) && (other.Interface.Device == "@"+l.Name || other.Device == l.Device && l.Device != "")
	})
}

// readsKernel reports whether the default route of a line is asked of the main
// table (netifd's protocol "none").
func (p *planner) readsKernel(f Family) bool {
	return slices.ContainsFunc(p.lines, func(l LineUse) bool {
		return l.Participates() && l.Netifd.Up && l.Netifd.Proto == "none" && l.Has(f)
	})
}

// noList says why a family has no master list, or nothing when it has one.
func (p *planner) noList(f Family, ranked []*LineUse, master, held bool) string {
	switch {
	case held:
		return ""
	case !master:
		return "no line with " + f.Name() + " has mode master"
	case len(ranked) == 0:
		return "no line is usable"
	}
	if name := p.outsider(f, ranked[0]); name != "" {
		return name + " has the default route of the main table"
	}
	return ""
}
