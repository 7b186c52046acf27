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
	if reason := p.noList(f, ranked, len(held) > 0); reason != "" {
		p.result.NoList[f] = reason
		return
	}
	p.wantRule(Rule{Family: f, Priority: PriorityList, Table: Main, Suppress: 0}, "",
		"LAN, VPN and static routes before the master list")
	list := make([]wantedRule, 0, len(ranked)+len(held))
	for _, l := range ranked {
		list = append(list, wantedRule{
			Rule{Family: f, Priority: PriorityList, Table: l.Use[f].Table, Suppress: -1},
			wanted{l.Name, "master list: " + l.Mode.String()},
		})
	}
	for _, h := range held {
		list = slices.Insert(list, min(h.place, len(list)), wantedRule{h.rule, wanted{p.formerLine(h.rule), "its configuration is bad: left in its place"}})
	}
	for _, r := range list {
		p.result.MasterList[f] = append(p.result.MasterList[f], r.iface)
		p.wantRule(r.Rule, r.iface, r.reason)
	}
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
	place int // among the entries after the first
}

func (p *planner) heldEntries(f Family) []heldEntry {
	var held []heldEntry
	place := 0
	for _, r := range p.State.Rules {
		if r.Family != f || r.Priority != PriorityList || r.Table == Main {
			continue
		}
		if p.frozenTables[f][r.Table] {
			held = append(held, heldEntry{r, place})
		}
		place++
	}
	return held
}

// noList says why a family has no master list, or nothing when it has one.
func (p *planner) noList(f Family, ranked []*LineUse, held bool) string {
	if held {
		return ""
	}
	var configured, up, usable bool
	for i := range p.lines {
		l := &p.lines[i]
		configured = configured || l.Saved == config.Master && !l.Frozen
		if l.Mode != config.Master || !l.Participates() {
			continue
		}
		configured = true
		up = up || p.up(l)
		usable = usable || l.Use[f].Usable
	}
	switch {
	case !configured:
		return "no interface has mode master"
	case len(ranked) == 0:
		return "no line is usable"
	case up && !usable:
		return "the master is up without " + f.Name()
	}
	if name := p.lowerDefault(f, ranked[0]); name != "" {
		return name + " has taken the default route (lower metric)"
	}
	return ""
}

// up is netifd's word, and the carrier where that counts.
func (p *planner) up(l *LineUse) bool {
	if !l.Netifd.Up {
		return false
	}
	device := p.State.deviceByName(l.Device)
	return !p.carrierMatters() || device.Carrier
}

// lowerDefault names an interface outside that has a default route with a
// lower metric than that of the first of the list. A line that is switched off
// till the next reboot is not outside: somebody knows it to be dead.
func (p *planner) lowerDefault(f Family, first *LineUse) string {
	for i := range p.lines {
		l := &p.lines[i]
		if l.Mode != config.Off || l.Saved != config.Off || l.Frozen || !l.Netifd.Up || l.NetifdTable(f) != 0 {
			continue
		}
		for _, r := range l.Netifd.Routes {
			if r.Default() && ordinary(r, f) && r.Metric < first.Use[f].route.Metric {
				return l.Name
			}
		}
	}
	return ""
}
