// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"net/netip"
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
	seen := make(map[Rule]bool, len(p.State.Rules))
	for _, r := range p.State.Rules {
		double := seen[r] && p.draft.ruleSet[r]
		seen[r] = true
		if r.Priority == PriorityList || !double && (p.draft.ruleSet[r] || p.keptRule(r, sources)) {
			continue
		}
		reason := "duplicate"
		if !double {
			reason = p.staleRule(r)
		}
		p.draft.add(phaseRuleDelete, Op{Action: Delete, Object: ObjectRule, Rule: r, Interface: p.formerLine(r), Reason: reason})
	}
}

// staleRule says why a rule goes.
func (p *planner) staleRule(r Rule) string {
	if p.draft.ruleSet[r] {
		return "its position has changed"
	}
	if reason := p.result.NoList[r.Family]; r.Priority == PriorityList && reason != "" {
		return "no master list: " + reason
	}
	return p.removalReason(p.formerLine(r), r.Family)
}

// removalReason says why an object of a line goes.
func (p *planner) removalReason(name string, f Family) string {
	for i := range p.lines {
		if u := &p.lines[i].Use[f]; p.lines[i].Name == name && !u.Usable {
			return string(u.Reason)
		}
	}
	return "no longer needed"
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
		if device == "" && table != Main && other.Family == r.Family && other.Table == table {
			device = other.OIF
		}
	}
	return p.tableOf(device, r.Family, table)
}

// tableOf names the interface on a device to which a table belongs; where none is
// there, one that takes part on the device.
func (p *planner) tableOf(device string, f Family, table uint32) string {
	for i := range p.lines {
		l := &p.lines[i]
		if l.Device == device && device != "" && l.HasMode() && l.Tables[f] == table && l.Has(f) {
			return l.Name
		}
	}
	return p.interfaceOf(device, f)
}

// interfaceOf names the interface that takes part on a device, the first of those
// that are usable.
func (p *planner) interfaceOf(device string, f Family) string {
	name := ""
	for i := range p.lines {
		l := &p.lines[i]
		if l.Device != device || device == "" || !l.HasMode() {
			continue
		}
		if l.Use[f].Usable {
			return l.Name
		}
		if name == "" {
			name = l.Name
		}
	}
	return name
}

// lineWith names the line that has an address, or whose Source it is.
func (p *planner) lineWith(a netip.Addr) string {
	for i := range p.lines {
		if l := &p.lines[i]; l.HasMode() && l.Use[FamilyOf(a)].Holds(a) {
			return l.Name
		}
	}
	return ""
}

// interfaceWith names the interface that has an address, or had it: several may
// share the device.
func (p *planner) interfaceWith(a netip.Addr, device string) string {
	if name := p.lineWith(a); name != "" {
		return name
	}
	for _, r := range p.State.Rules {
		if r.Priority == PrioritySource && r.Src.IsSingleIP() && r.Src.Addr() == a {
			return p.formerLine(r)
		}
	}
	return p.interfaceOf(device, FamilyOf(a))
}

// diffList keeps what it can of a list: the longest beginning of the wanted order
// that occurs in the current one. The rest is deleted and added again behind it,
// since the kernel keeps rules of one priority in order of arrival.
func (p *planner) diffList(f Family) {
	current := p.currentList(f)
	var desired []wantedRule
	for _, w := range p.draft.rules {
		if w.Family == f && w.Priority == PriorityList {
			desired = append(desired, w)
		}
	}
	kept := commonList(current, desired)
	phase := phaseRuleDelete
	if len(kept) < len(desired) {
		phase = phaseListDelete
	}
	seen := make(map[Rule]int)
	for _, r := range current {
		if seen[r]++; seen[r] == 1 && slices.Contains(kept, r) {
			continue
		}
		p.draft.add(phase, Op{Action: Delete, Object: ObjectRule, Rule: r, Interface: p.formerLine(r), Reason: p.staleRule(r)})
	}
	previous := -1
	for _, w := range desired[len(kept):] {
		id := p.draft.add(phaseList, Op{Action: Add, Object: ObjectRule, Rule: w.Rule, Interface: w.iface, Reason: w.reason})
		if previous >= 0 {
			p.draft.order(id, previous)
		}
		previous = id
	}
}

// commonList is the longest beginning of the desired list that occurs in the
// current one. Of two equal rules the kernel deletes the first, so that nothing
// counts from the first on that is there twice.
func commonList(current []Rule, desired []wantedRule) []Rule {
	var kept []Rule
	for i, r := range current {
		if slices.Contains(current[i+1:], r) {
			break
		}
		if len(kept) < len(desired) && desired[len(kept)].Rule == r {
			kept = append(kept, r)
		}
	}
	return kept
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
			p.result.Warnings = append(p.result.Warnings, fmt.Sprintf("%s: table %s has a foreign route to %s; the managed one is left out",
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
		if p.keptRoute(r) {
			continue
		}
		phase := phaseRouteDelete
		if p.reassigned[tableKey{r.Family, r.Table}] {
			phase = phaseRouteClear
		}
		name := p.tableOf(r.Device, r.Family, r.Table)
		p.draft.add(phase, Op{Action: Delete, Object: ObjectRoute, Route: r, Interface: name, Reason: p.removalReason(name, r.Family)})
	}
}

// ledBefore reports whether the device that owns a rule's table from now on led
// there before.
func (p *planner) ledBefore(r Rule, owner map[tableKey]string) bool {
	device := owner[tableKey{r.Family, r.Table}]
	return slices.Contains(p.State.Rules, Rule{Family: r.Family, Priority: PriorityDevice, OIF: device, Table: r.Table, Suppress: -1}) ||
		slices.ContainsFunc(p.State.Routes, func(there Route) bool {
			return there.Family == r.Family && there.Table == r.Table && there.Device == device && !there.Throw
		})
}

// tableKey is one table of one family.
type tableKey struct {
	family Family
	table  uint32
}

// reassignedTables are the tables that get another line's routes than they had.
func (p *planner) reassignedTables() map[tableKey]bool {
	owner, line := make(map[tableKey]string), make(map[tableKey]string)
	for _, w := range p.draft.routes {
		if !w.Throw {
			owner[tableKey{w.Family, w.Table}], line[tableKey{w.Family, w.Table}] = w.Device, w.iface
		}
	}
	reassigned := make(map[tableKey]bool)
	note := func(f Family, table uint32, device string) {
		key := tableKey{f, table}
		if now, ok := owner[key]; ok && now != device {
			reassigned[key] = true
		}
	}
	for _, r := range p.State.Routes {
		if !r.Throw {
			note(r.Family, r.Table, r.Device)
		}
	}
	for _, r := range p.State.Rules {
		if r.OIF != "" {
			note(r.Family, r.Table, r.OIF)
		}
	}
	for _, op := range p.draft.ops {
		if op.Object != ObjectRule || op.Action != Delete || op.Rule.Priority != PrioritySource {
			continue
		}
		key := tableKey{op.Rule.Family, op.Rule.Table}
		switch now := p.lineWith(op.Rule.Src.Addr()); {
		case !p.ledBefore(op.Rule, owner):
			note(key.family, key.table, "")
		case now != "" && line[key] != "" && now != line[key]: // on the same device
			reassigned[key] = true
		}
	}
	return reassigned
}
