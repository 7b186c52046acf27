// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"net/netip"
	"slices"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
	"github.com/mptcpctl/mptcpctl/pkg/netifd"
)

// freeze collects the tables of lines with a bad value, and leaves lines alone
// whose own number has become one of them.
func (p *planner) freeze() {
	for again := true; again; {
		again = false
		for _, f := range Families {
			p.frozenTables[f] = make(map[uint32]bool)
			for i := range p.lines {
				if p.lines[i].Frozen {
					p.collectFrozen(&p.lines[i], f)
				}
			}
		}
		for i := range p.lines {
			l := &p.lines[i]
			if !l.Participates() {
				continue
			}
			for _, f := range Families {
				if p.frozenTables[f][l.Tables[f]] {
					l.Frozen, again = true, true
					for g := range l.Use {
						l.Use[g].Usable, l.Use[g].Reason = false, ReasonTableBlocked
					}
				}
			}
		}
	}
}

func (p *planner) collectFrozen(l *LineUse, f Family) {
	for _, r := range p.State.Rules {
		if r.Family == f && r.Table != Main && p.frozenRule(l, r) {
			p.frozenTables[f][r.Table] = true
		}
	}
	for _, r := range p.State.Routes {
		if r.Family == f && r.Device == l.Device && l.Device != "" && !r.Throw && !p.sharedDevice(l.Device) {
			p.frozenTables[f][r.Table] = true
		}
	}
}

// frozenRule reports whether a rule is that of a line with a bad value: by its
// device, by its source or, since the device of a line that is down may be
// unknown, by its table. What serves a line that is all right is never.
func (p *planner) frozenRule(l *LineUse, r Rule) bool {
	if slices.ContainsFunc(p.lines, func(other LineUse) bool {
		return other.Participates() && other.Device != "" &&
			(other.Device == r.OIF && other.Device != l.Device || other.Device == l.Device && other.Tables[r.Family] == r.Table)
	}) {
		return false
	}
	if r.OIF != "" {
		return r.OIF == l.Device || r.Table == l.Tables[r.Family]
	}
	return r.Priority == PrioritySource && r.Src.IsSingleIP() && l.reports(r.Src.Addr())
}

// reports reports whether netifd has the address on the line.
func (l *Line) reports(addr netip.Addr) bool {
	return slices.ContainsFunc(l.Netifd.Addresses, func(a netifd.Address) bool { return a.Prefix.Addr() == addr })
}

// frozenDevice reports whether a line with a bad value is on a device.
func (p *planner) frozenDevice(name string) bool {
	return slices.ContainsFunc(p.lines, func(l LineUse) bool { return l.Frozen && l.Device == name })
}

// sharedDevice reports whether a line that is all right is on a device.
func (p *planner) sharedDevice(name string) bool {
	return slices.ContainsFunc(p.lines, func(l LineUse) bool { return l.Participates() && l.Device == name })
}

// frozenSources are the sources whose rules lead into a frozen table.
func (p *planner) frozenSources() map[selector]bool {
	sources := make(map[selector]bool)
	for _, r := range p.State.Rules {
		if p.frozenTables[r.Family][r.Table] && r.Src.IsValid() {
			sources[selector{family: r.Family, src: r.Src}] = true
		}
	}
	return sources
}

// keptRule reports whether a rule belongs to a line with a bad value.
func (p *planner) keptRule(r Rule, sources map[selector]bool) bool {
	if p.frozenTables[r.Family][r.Table] {
		return true
	}
	return (r.Priority == PriorityLocal || r.Priority == PriorityFallback) && sources[selector{family: r.Family, src: r.Src}]
}

// keptRoute reports whether a route belongs to a line with a bad value.
func (p *planner) keptRoute(r Route) bool {
	return p.frozenTables[r.Family][r.Table] || !r.Throw && p.frozenDevice(r.Device) && !p.sharedDevice(r.Device)
}

// frozenEndpoint reports whether an endpoint belongs to a line with a bad
// value. One on a device that is gone does when the device of such a line is.
func (e *endpointPlan) frozenEndpoint(there mptcp.Endpoint) bool {
	d := e.State.deviceByIndex(there.IfIndex)
	return slices.ContainsFunc(e.lines, func(l LineUse) bool {
		switch {
		case !l.Frozen:
			return false
		case d.Index == 0:
			return e.State.deviceByName(l.Device).Index == 0
		}
		return l.Device == d.Name && (!e.sharedDevice(d.Name) || l.reports(there.Addr))
	})
}
