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
	// Endpoints are those of the line that would be made anew.
	Endpoints []mptcp.Endpoint
	// Lacking are the tokens of connections over other lines that have no
	// established subflow by any of the Endpoints.
	Lacking []uint32
	// Live counts the established subflows that would be interrupted; Last are
	// the tokens of connections that have no others.
	Live int
	Last []uint32
}

// Heal looks at the established subflows of the state, which must be known.
// endpoints are those that a Result lists.
func (s *State) Heal(endpoints []EndpointUse, line string) Healing {
	var h Healing
	own := make(map[netip.Addr]bool) // addresses of our endpoints: is it the line's?
	for _, e := range endpoints {
		if !e.Own || e.Interface == "" {
			continue
		}
		own[e.Addr] = e.Interface == line
		if e.Interface == line {
			h.Endpoints = append(h.Endpoints, e.Endpoint)
		}
	}
	type connection struct{ here, elsewhere, joinable bool }
	connections := make(map[uint32]connection)
	var tokens []uint32
	for _, subflow := range s.Subflows {
		c, seen := connections[subflow.Token]
		if !seen {
			tokens = append(tokens, subflow.Token)
		}
		here, ours := own[subflow.Local]
		if here {
			h.Live++
			c.here = true
		} else {
			c.elsewhere = true
			c.joinable = c.joinable || ours && h.reaches(FamilyOf(subflow.Local))
		}
		connections[subflow.Token] = c
	}
	for _, token := range tokens {
		switch c := connections[token]; {
		case c.here && !c.elsewhere:
			h.Last = append(h.Last, token)
		case !c.here && c.joinable:
			h.Lacking = append(h.Lacking, token)
		}
	}
	return h
}

// reaches reports whether an endpoint of the line is of this family.
func (h *Healing) reaches(f Family) bool {
	return slices.ContainsFunc(h.Endpoints, func(e mptcp.Endpoint) bool { return FamilyOf(e.Addr) == f })
}

// Healed counts the connections that lacked a subflow: those that live on, and
// of them those that have one by the Endpoints now.
func (h *Healing) Healed(subflows []Subflow) (back, alive int) {
	for _, token := range h.Lacking {
		here, lives := false, false
		for _, s := range subflows {
			if s.Token == token {
				lives = true
				here = here || slices.ContainsFunc(h.Endpoints, func(e mptcp.Endpoint) bool { return e.Addr == s.Local })
			}
		}
		if lives {
			alive++
		}
		if here {
			back++
		}
	}
	return back, alive
}
