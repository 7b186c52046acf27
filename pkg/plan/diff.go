// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"slices"
)

// draft collects what should be there, and then the operations, unordered.
type draft struct {
	rules     []wantedRule
	ruleSet   map[Rule]bool
	routes    []wantedRoute
	routeKeys map[routeKey]int
	sysctls   []wantedSysctl
	ops       []pendingOp
}

// diffRules compares the rules family by family: the list, in which the order
// counts, and the others.
func (p *planner) diffRules() {
	there := make(map[Rule]bool, len(p.State.Rules))
	for _, r := range p.State.Rules {
		there[r] = true
	}
	for _, w := range p.draft.rules {
		if w.Priority != PriorityList && !there[w.Rule] {
			p.draft.add(phaseRule, Op{Action: Add, Object: ObjectRule, Rule: w.Rule, Interface: w.iface, Reason: w.reason})
		}
	}
	for _, f := range Families {
		p.diffList(f)
	}
	sources := p.frozenSources()
	for _, r := range p.State.Rules {
		if r.Priority == PriorityList || p.draft.ruleSet[r] || p.carriedRule(r, sources) {
			continue
		}
		p.draft.add(phaseRuleDelete, Op{Action: Delete, Object: ObjectRule, Rule: r, Interface: p.formerLine(r), Reason: p.staleRule(r)})
	}
}

// staleRule says why a rule goes.
func (p *planner) staleRule(r Rule) string {
	if p.draft.ruleSet[r] {
		return "its place in the order is another now"
	}
	if reason := p.result.NoList[r.Family]; r.Priority == PriorityList && reason != "" {
		return "no master list: " + reason
	}
	return p.gone(p.formerLine(r), r.Family)
}

// gone says why an object of a line goes.
func (p *planner) gone(name string, f Family) string {
	for i := range p.lines {
		if u := &p.lines[i].Use[f]; p.lines[i].Name == name && !u.Usable {
			return string(u.Reason)
		}
	}
	return "nobody needs it any more"
}

// formerLine names the line that a rule serves, as far as that can be told: by
// its device, or by that of the rule 503 into the same table.
func (p *planner) formerLine(r Rule) string {
	device, table := r.OIF, r.Table
	for _, other := range p.State.Rules {
		if table == Main && other.Family == r.Family && other.Src == r.Src && other.Priority == PrioritySource {
			table = other.Table
		}
	}
	for _, other := range p.State.Rules {
		if device == "" && other.Family == r.Family && other.Table == table {
			device = other.OIF
		}
	}
	return p.interfaceOf(device, r.Family)
}

// interfaceOf names the interface that takes part on a device.
func (p *planner) interfaceOf(device string, f Family) string {
	name := ""
	for i := range p.lines {
		l := &p.lines[i]
		if l.Device == device && device != "" && l.HasMode() && (name == "" || l.Use[f].Usable) {
			name = l.Name
		}
	}
	return name
}

// diffList leaves a list alone from which only entries drop out or to which
// some are appended; otherwise the part behind the common beginning is made
// anew, for the kernel keeps rules of one priority in order of arrival.
func (p *planner) diffList(f Family) {
	var current, desired []Rule
	for _, r := range p.State.Rules {
		if r.Family == f && r.Priority == PriorityList {
			current = append(current, r)
		}
	}
	words := make(map[Rule]wanted)
	for _, w := range p.draft.rules {
		if w.Family == f && w.Priority == PriorityList {
			desired = append(desired, w.Rule)
			words[w.Rule] = w.wanted
		}
	}
	phase := phaseRuleDelete
	kept := slices.DeleteFunc(slices.Clone(current), func(r Rule) bool { return !slices.Contains(desired, r) })
	if len(kept) > len(desired) || !slices.Equal(kept, desired[:len(kept)]) {
		common := 0
		for common < len(kept) && common < len(desired) && kept[common] == desired[common] {
			common++
		}
		phase, kept = phaseListDelete, kept[:common]
	}
	for _, r := range current {
		if !slices.Contains(kept, r) {
			p.draft.add(phase, Op{Action: Delete, Object: ObjectRule, Rule: r, Interface: p.formerLine(r), Reason: p.staleRule(r)})
		}
	}
	previous := -1
	for _, r := range desired[len(kept):] {
		w := words[r]
		id := p.draft.add(phaseList, Op{Action: Add, Object: ObjectRule, Rule: r, Interface: w.iface, Reason: w.reason})
		if previous >= 0 {
			p.draft.order(id, previous)
		}
		previous = id
	}
}

// diffRoutes compares the routes by their identity in the kernel.
func (p *planner) diffRoutes() {
	current := make(map[routeKey][]Route)
	for _, r := range p.State.Routes {
		current[r.key()] = append(current[r.key()], r)
	}
	foreign := make(map[routeKey]bool)
	for _, r := range p.State.Foreign {
		if _, wanted := p.draft.routeKeys[r.key()]; wanted {
			foreign[r.key()] = true
		}
	}
	for _, w := range p.draft.routes {
		have := current[w.key()]
		op := Op{Object: ObjectRoute, Route: w.Route, Interface: w.iface, Reason: w.reason}
		switch {
		case slices.Contains(have, w.Route):
		case foreign[w.key()]:
			p.result.Warnings = append(p.result.Warnings, fmt.Sprintf("%s: table %s has somebody else's route to %s, ours is left out",
				w.iface, tableText(w.Table), w.Dst))
		case len(have) > 0:
			op.Action = Change
			have[0] = w.Route
			p.draft.add(phaseRoute, op)
		default:
			op.Action = Add
			p.draft.add(phaseRoute, op)
		}
	}
	for _, r := range p.State.Routes {
		if i, ok := p.draft.routeKeys[r.key()]; ok && (p.draft.routes[i].Route == r || !slices.Contains(current[r.key()], r)) {
			continue
		}
		if p.carriedRoute(r) {
			continue
		}
		phase := phaseRouteDelete
		if p.handed[tableKey{r.Family, r.Table}] {
			phase = phaseRouteClear
		}
		name := p.interfaceOf(r.Device, r.Family)
		p.draft.add(phase, Op{Action: Delete, Object: ObjectRoute, Route: r, Interface: name, Reason: p.gone(name, r.Family)})
	}
}

// leads reports whether the device that owns a rule's table from now on led
// there before.
func (p *planner) leads(r Rule, owner map[tableKey]string) bool {
	device := owner[tableKey{r.Family, r.Table}]
	return slices.Contains(p.State.Rules, Rule{Family: r.Family, Priority: PriorityDevice, OIF: device, Table: r.Table, Suppress: -1})
}

// tableKey is one table of one family.
type tableKey struct {
	family Family
	table  uint32
}

// changedHands are the tables that get another line's routes than they had.
func (p *planner) changedHands() map[tableKey]bool {
	owner := make(map[tableKey]string)
	for _, w := range p.draft.routes {
		owner[tableKey{w.Family, w.Table}] = w.Device
	}
	handed := make(map[tableKey]bool)
	note := func(f Family, table uint32, device string) {
		key := tableKey{f, table}
		if now, ok := owner[key]; ok && now != device {
			handed[key] = true
		}
	}
	for _, r := range p.State.Routes {
		note(r.Family, r.Table, r.Device)
	}
	for _, r := range p.State.Rules {
		if r.OIF != "" {
			note(r.Family, r.Table, r.OIF)
		}
	}
	for _, op := range p.draft.ops {
		if op.Object == ObjectRule && op.Action == Delete && op.Rule.Priority == PrioritySource && !p.leads(op.Rule, owner) {
			note(op.Rule.Family, op.Rule.Table, "")
		}
	}
	return handed
}
