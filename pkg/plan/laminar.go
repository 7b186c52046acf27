// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
)

// A laminar endpoint opens the subflow to an address that a peer announces, if the
// connection has none from it yet (net/mptcp/pm_kernel.c, fill_local_laminar_endp).
// Without one, or fullmesh, the kernel leaves the choice of the line to the routes, which
// always choose the same.

// wantsLaminar reports whether the subflow endpoints are to be laminar. Fullmesh takes
// precedence in the kernel, and then every line connects to every address.
func (e *endpointPlan) wantsLaminar() bool {
	g := &e.Config.Globals
	accepted := e.State.Limits.AddAddrAccepted
	if g.AddAddrAccepted != nil {
		accepted = *g.AddAddrAccepted
	}
	return g.Laminar && e.State.Laminar && !g.Fullmesh && accepted > 0
}

// flagsOf are the flags with which an endpoint was added, as far as is known.
func (e *endpointPlan) flagsOf(there *mptcp.Endpoint) mptcp.Flags {
	if slices.Contains(e.Laminar, uint32(there.ID)) {
		return there.Flags | mptcp.FlagLaminar
	}
	return there.Flags
}

// chooseLaminar adds the flag to the wanted endpoints. It cannot be changed in place:
// the endpoints that are there are exchanged, which cuts their subflows. So that waits
// until none of them has any, and new ones are as those that are there: with some
// laminar and others not, the others open nothing to announced addresses. Where the
// kernel cannot list subflows, it waits until the endpoints are added again.
func (e *endpointPlan) chooseLaminar() {
	flag, waits := mptcp.Flags(0), false
	if e.wantsLaminar() {
		flag = mptcp.FlagLaminar
	}
	for i := range e.State.Endpoints {
		there := &e.State.Endpoints[i]
		if e.own[there.ID] && there.Flags&mptcp.FlagSubflow != 0 && e.flagsOf(there)&mptcp.FlagLaminar != flag {
			waits = e.used(*there) || waits || !e.State.SubflowsKnown
		}
	}
	if waits {
		e.result.Warnings = append(e.result.Warnings, "laminar is changed when no connection has a subflow over a line, at the next boot at the latest: the change would cut them")
		e.laminarWaits = flag != 0
		flag ^= mptcp.FlagLaminar
	}
	for i := range e.wanted {
		w := &e.wanted[i]
		if w.flags&mptcp.FlagSubflow == 0 {
			continue
		}
		if there := e.find(w.addr, w.line.Use[w.f].Device.Index); waits && there != nil {
			w.flags |= e.flagsOf(there) & mptcp.FlagLaminar
		} else {
			w.flags |= flag
		}
	}
}

// rememberLaminar notes the ids of the endpoints that have the flag after the plan.
func (e *endpointPlan) rememberLaminar() {
	for _, there := range e.endpointsAfter() {
		if there.Flags&mptcp.FlagLaminar != 0 {
			e.result.Laminar = append(e.result.Laminar, uint32(there.ID))
		}
	}
}
