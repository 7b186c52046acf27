// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"net/netip"
	"slices"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
)

// keptEndpoint reports whether an endpoint stays because no line of its family is
// usable: without one, connections would stall without an error. It goes when no section
// is left that it can be of, but not before the connections that have their only
// subflow there. When another line comes back first, it stays for these until they
// have a new one there: a peer may refuse that as long as it lacks bytes, which only the
// old one can bring (net/mptcp/protocol.c of 6.12.60 to 6.12.114, __mptcp_finish_join).
func (p *planner) keptEndpoint(there mptcp.Endpoint) bool {
	if !p.Config.Globals.Multipath {
		return false
	}
	f, owners := FamilyOf(there.Addr), p.ownersOf(there)
	if p.familyUsable(f) {
		down := func(l *LineUse) bool { return l.Participates() && !l.Use[f].Usable }
		known := p.State.SubflowsKnown || !p.State.SubflowsAsked
		return known && p.wasKept(there) && slices.ContainsFunc(owners, down) && p.lastSubflow(there.Addr, WaitLine)
	}
	if len(owners) == 0 {
		return p.lastSubflow(there.Addr, "connections have nothing but an endpoint whose section is gone")
	}
	return slices.ContainsFunc(owners, func(l *LineUse) bool { return l.Participates() })
}

// WaitLine is what Result.Waiting has while connections have no subflow but by a line
// that is down.
const WaitLine = "connections have nothing but a line that is down"

// wasKept reports whether an endpoint has outlived its line: of the line's rules, that
// for the device alone is left.
func (p *planner) wasKept(there mptcp.Endpoint) bool {
	d := p.State.deviceByIndex(there.IfIndex)
	device := func(r Rule) bool {
		return r.Family == FamilyOf(there.Addr) && r.Priority == PriorityDevice && r.OIF == d.Name
	}
	source := func(r Rule) bool { return r.Priority == PrioritySource && r.Src == host(there.Addr) }
	return d.Index != 0 && slices.ContainsFunc(p.State.Rules, device) && !slices.ContainsFunc(p.State.Rules, source)
}

// ownersOf are the lines that an endpoint can be of: those on its device; or, where that
// is gone, those to which a rule 503 of the family belongs, which marks the devices of
// kept endpoints, or all if there is no such rule.
func (p *planner) ownersOf(there mptcp.Endpoint) (owners []*LineUse) {
	f, d := FamilyOf(there.Addr), p.State.deviceByIndex(there.IfIndex)
	var marks []Rule
	for _, r := range p.State.Rules {
		if r.Family == f && r.Priority == PriorityDevice {
			marks = append(marks, r)
		}
	}
	for i := range p.lines {
		l := &p.lines[i]
		of := len(marks) == 0
		if d.Index != 0 {
			of = l.Device == d.Name
		}
		for _, r := range marks {
			of = of || d.Index == 0 && l.markedBy(r) > 0
		}
		if of && l.Position <= len(p.Config.Interfaces) && l.mayHave(f) { // else it has no section
			owners = append(owners, l)
		}
	}
	return owners
}

// mayHave reports whether an endpoint of a family can be of a line or of an interface
// that netifd makes of it.
func (l *LineUse) mayHave(f Family) bool {
	return [2]bool{IPv4: l.Families.IPv4, IPv6: l.Families.IPv6}[f] || l.Has(f) || config.MakesChildren(l.Proto)
}

// markedBy is more than 0 for a line to which a rule 503 can belong: the more, the
// likelier. Its device is that of the rule, or is unknown, since it may have gone with
// the line; then the table tells.
func (l *LineUse) markedBy(r Rule) (fits int) {
	if l.Device == r.OIF {
		fits = 2
	}
	if l.Tables[r.Family] == r.Table && (l.Device == "" || fits > 0) {
		fits++
	}
	if !l.mayHave(r.Family) {
		return 0
	}
	return fits
}

// lastSubflow reports whether a connection has its only subflow by an address, as far as
// is known, and asks for the subflows. Another run follows when there is none any more.
func (p *planner) lastSubflow(addr netip.Addr, wait string) bool {
	if !p.State.SubflowsAsked {
		p.result.NeedSubflows = true
	}
	if !p.State.SubflowsKnown {
		return true
	}
	others := make(map[uint32]bool)
	for _, s := range p.State.Subflows {
		others[s.Token] = others[s.Token] || s.Local != addr
	}
	last := slices.ContainsFunc(p.State.Subflows, func(s Subflow) bool { return s.Local == addr && !others[s.Token] })
	if last {
		p.wait(wait)
	}
	return last
}

// marksEndpoint reports whether a rule 503 is the mark of an endpoint that stays only for
// the connections on it.
func (p *planner) marksEndpoint(r Rule) bool {
	return slices.ContainsFunc(p.State.Endpoints, func(there mptcp.Endpoint) bool {
		d, marked := p.State.deviceByIndex(there.IfIndex), p.State.deviceByName(r.OIF)
		return FamilyOf(there.Addr) == r.Family && d.Index == marked.Index && // both are 0 where the device is gone
			p.ownEndpoint(there) && (p.familyUsable(r.Family) || len(p.ownersOf(there)) == 0) && p.keptEndpoint(there)
	})
}
