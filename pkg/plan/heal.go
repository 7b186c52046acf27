// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"net/netip"
	"slices"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
)

// Healing is what new endpoints for a line mean to the connections. A join is
// tried once, when an endpoint is added, so that a subflow that died while its
// line was out comes back only by a new endpoint.
type Healing struct {
	// Endpoints are those of the line that are renewed.
	Endpoints []mptcp.Endpoint
	// WithoutSubflow are the tokens of connections over other lines that have no
	// established subflow by any of the Endpoints and can get one, and of those
	// that have none at all.
	WithoutSubflow []uint32
	// Families are those in which these connections can get one.
	Families [2]bool
	// Interrupted counts the established subflows that the renewal closes; OnlyPath
	// are the tokens of connections that have no others which work.
	Interrupted int
	OnlyPath    []uint32
}

// Heal looks at the established subflows of the state, which must be known, and at
// connections that have none, each with the address with which it was set up. The
// result is a plan with Input.Heal for the line.
func (s *State) Heal(r *Result, line string, lost []Subflow) Healing {
	var h Healing
	ends := make(map[netip.Addr]bool) // addresses whose subflows the plan ends
	for _, op := range r.Ops {
		if op.Object == ObjectEndpoint && op.Action == Delete {
			ends[op.Endpoint.Addr] = true
		}
	}
	own := make(map[netip.Addr]bool) // addresses of managed endpoints on lines
	for _, e := range r.Endpoints {
		if e.Own && e.Interface != "" {
			own[e.Addr] = true
		}
		if e.Own && ends[e.Addr] && slices.ContainsFunc(r.Ops, func(op Op) bool { return op.renews(e.Addr, line) }) {
			h.Endpoints = append(h.Endpoints, e.Endpoint)
		}
	}
	type connection struct {
		here, works, grown bool
		joinable           [2]bool
		living             uint32
	}
	connections := make(map[uint32]connection)
	var tokens []uint32
	for _, subflow := range s.Subflows {
		c, seen := connections[subflow.Token]
		if !seen {
			tokens = append(tokens, subflow.Token)
		}
		c.living++
		c.grown = c.grown || !subflow.Young
		switch {
		case h.hasEndpoint(subflow.Local):
			h.Interrupted++
			c.here = true
		case !ends[subflow.Local]:
			c.works = c.works || !subflow.Stalled && s.carrier(subflow.Local)
		}
		if own[subflow.Local] && h.reaches(subflow) {
			c.joinable[FamilyOf(subflow.Local)] = true
		}
		connections[subflow.Token] = c
	}
	for _, token := range tokens {
		switch c := connections[token]; {
		case c.here && !c.works:
			h.OnlyPath = append(h.OnlyPath, token)
		case !c.here && c.grown && c.joinable != [2]bool{} && c.living <= s.Limits.Subflows:
			h.WithoutSubflow = append(h.WithoutSubflow, token)
			for f, joinable := range c.joinable {
				h.Families[f] = h.Families[f] || joinable
			}
		}
	}
	for _, c := range lost {
		if _, seen := connections[c.Token]; !seen && r.UsesLine(s, c.Local) && h.canRevive(c.Local) {
			h.WithoutSubflow = append(h.WithoutSubflow, c.Token)
			h.Families[FamilyOf(c.Local)] = true
		}
	}
	return h
}

// canRevive reports whether a connection without subflows keeps one that the endpoints
// give it. That the old endpoint of its first address is gone is told to the peer
// by the first new subflow, which the peer would then close (RFC 8684 section 3.4.2):
// another line has to do it.
func (h *Healing) canRevive(local netip.Addr) bool {
	return slices.ContainsFunc(h.Endpoints, func(e mptcp.Endpoint) bool {
		return FamilyOf(e.Addr) == FamilyOf(local) && e.Addr != local && e.Flags&mptcp.FlagSubflow != 0
	})
}

// UsesLine reports whether a connection that was set up with an address uses a
// line: the address is that of one, or of nothing any more.
func (r *Result) UsesLine(s *State, addr netip.Addr) bool { return r.OfLine(addr) || !s.Present(addr) }

// OfLine reports whether an address is that of a line which takes part.
func (r *Result) OfLine(addr netip.Addr) bool {
	for i := range r.Lines {
		if l := &r.Lines[i]; l.Participates() && l.Use[FamilyOf(addr)].Holds(addr) {
			return true
		}
	}
	return false
}

// renews reports whether an operation adds an endpoint of the line.
func (o *Op) renews(addr netip.Addr, line string) bool {
	return o.Object == ObjectEndpoint && o.Action == Add && o.Endpoint.Addr == addr && o.Interface == line
}

// carrier reports whether an address is there, on a device that is not known to be
// cut off: a subflow that has lost its address or its cable stays
// established for a quarter of an hour.
func (s *State) carrier(addr netip.Addr) bool {
	return slices.ContainsFunc(s.Addresses, func(a Address) bool {
		d := s.deviceByIndex(a.Index)
		return a.Prefix.Addr() == addr && (d.Index == 0 || d.Up && d.Carrier)
	})
}

// hasEndpoint reports whether one of the endpoints has the address.
func (h *Healing) hasEndpoint(addr netip.Addr) bool {
	return slices.ContainsFunc(h.Endpoints, func(e mptcp.Endpoint) bool { return e.Addr == addr })
}

// reaches reports whether the connection of a subflow gets another one by the
// endpoints: of the same family, and as the client; where an address is only
// announced, as the server.
func (h *Healing) reaches(s Subflow) bool {
	return !s.Plain && slices.ContainsFunc(h.Endpoints, func(e mptcp.Endpoint) bool {
		return FamilyOf(e.Addr) == FamilyOf(s.Local) && s.Opened == (e.Flags&mptcp.FlagSubflow != 0)
	})
}

// Healed looks at the connections that lacked a subflow and live on: how many have one by
// the Endpoints now, and which have none.
func (h *Healing) Healed(subflows, lost []Subflow) (back int, without []uint32) {
	for _, token := range h.WithoutSubflow {
		here, lives := false, slices.ContainsFunc(lost, func(c Subflow) bool { return c.Token == token })
		for _, s := range subflows {
			if s.Token == token {
				lives = true
				here = here || h.hasEndpoint(s.Local)
			}
		}
		switch {
		case here:
			back++
		case lives:
			without = append(without, token)
		}
	}
	return back, without
}
