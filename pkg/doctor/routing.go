// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/mptcpctl/mptcpctl/pkg/explain"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// routing finds foreign rules and routes that take the lines' packets.
func (e *examination) routing() {
	for _, f := range plan.Families {
		for place := range e.Rules[f] {
			r := &e.Rules[f][place]
			if r.managed() || r.Priority > plan.LastSteering {
				continue
			}
			var affected []string
			for _, l := range e.participants() {
				if e.diverts(place, l, f) {
					affected = append(affected, l.Name)
				}
			}
			if len(affected) > 0 {
				e.add(RuleBefore, affected[0], fmt.Sprintf("a foreign rule takes its packets: %d: %s%s", r.Priority, r.text(), also(affected[1:])),
					fmt.Sprintf("%srule del pref %d %s", ip(f), r.Priority, r.text()))
			}
		}
	}
	free := e.freeTable(1000)
	for _, l := range e.participants() {
		before := len(e.found)
		for _, f := range plan.Families {
			e.tableInUse(l, f, free)
		}
		if len(e.found) > before {
			free = e.freeTable(free + 1)
		}
	}
}

// also names further lines.
func also(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return " (those of " + list(lines) + " too)"
}

// diverts reports whether a rule leads packets of a line elsewhere, before any
// rule, managed or foreign, has sent them to the line's table.
func (e *examination) diverts(place int, l *plan.LineUse, f plan.Family) bool {
	u, r := &l.Use[f], &e.Rules[f][place]
	if !u.Usable || r.Table == u.Table {
		return false
	}
	for _, a := range u.Addresses {
		if r.decides(explain.Query{Src: a.Addr(), OIF: l.Device}) && e.before(place, a.Addr(), l, f) {
			return true
		}
	}
	return false
}

// before reports whether a rule is evaluated before one that sends packets from
// an address to the line's table. Managed rules are taken to do so.
func (e *examination) before(place int, from netip.Addr, l *plan.LineUse, f plan.Family) bool {
	for i := range place {
		other := &e.Rules[f][i]
		if other.Table == l.Use[f].Table && (other.decides(explain.Query{Src: from, OIF: l.Device}) || other.managed() && other.Src.Contains(from)) {
			return false
		}
	}
	return true
}

// tableInUse finds foreign routes in the table of a line, which lead its packets
// elsewhere or keep managed ones out. Those that netifd itself puts there
// (ip4table) are the line's own. free is the table to use in its place.
func (e *examination) tableInUse(l *plan.LineUse, f plan.Family, free uint32) {
	u := &l.Use[f]
	own := max(l.IP4Table, l.Netifd.IP4Table)
	if f == plan.IPv6 {
		own = max(l.IP6Table, l.Netifd.IP6Table)
	}
	if !u.Usable || own == u.Table {
		return
	}
	for _, r := range e.State.Foreign {
		if r.Family != f || r.Table != u.Table || !leadsElsewhere(r, l, u) {
			continue
		}
		e.add(TableInUse, l.Name, fmt.Sprintf("a foreign route to %[2]s is in its table %[1]d", u.Table, r.Dst),
			modeSetting(fmt.Sprintf("%s.multipath_table=%d", l.Name, free))...)
		return
	}
}

// leadsElsewhere reports whether a foreign route leads elsewhere what is the line's:
// everything, or its own network. A higher metric only hides that until the
// line loses its carrier.
func leadsElsewhere(r plan.Route, l *plan.LineUse, u *plan.Use) bool {
	if r.Default() {
		return r.Device != l.Device || r.Gateway != u.Gateway
	}
	for _, a := range u.Addresses {
		if r.Dst == a.Masked() && r.Device != l.Device {
			return true
		}
	}
	return false
}

// freeTable is a number from table up that no line and no known route has.
func (e *examination) freeTable(table uint32) uint32 {
	var taken []uint32
	for i := range e.Result.Lines {
		taken = append(taken, e.Result.Lines[i].Tables[:]...)
	}
	taken = append(taken, e.Config.DefaultTables...)
	for _, rules := range e.Rules {
		for i := range rules {
			taken = append(taken, rules[i].Table)
		}
	}
	for slices.Contains(taken, table) {
		table++
	}
	return table
}
