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
	if slices.Contains(e.Laminar, there.ID) {
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
	laminar, waits := e.wantsLaminar(), false
	for i := range e.wanted {
		w := &e.wanted[i]
		there := e.find(w.addr, w.line.Use[w.f].Device.Index)
		if there == nil || w.flags&mptcp.FlagSubflow == 0 || there.Flags&mptcp.FlagSubflow == 0 || laminar == (e.flagsOf(there)&mptcp.FlagLaminar != 0) || e.renew(*w, *there) {
			continue
		}
		if e.used(*there) || !e.State.SubflowsKnown {
			waits = true
		}
	}
	e.laminarWaits = laminar && waits
	if waits && e.State.SubflowsKnown {
		e.result.Warnings = append(e.result.Warnings, "laminar is changed when no connection has a subflow over a line, which the change would cut")
	} else if waits {
		e.result.Warnings = append(e.result.Warnings, "laminar is changed at the next boot: the kernel cannot list the subflows that the change would cut")
	}
	for i := range e.wanted {
		w := &e.wanted[i]
		if w.flags&mptcp.FlagSubflow == 0 {
			continue
		}
		there, set := e.find(w.addr, w.line.Use[w.f].Device.Index), laminar != waits
		if waits && there != nil {
			set = e.flagsOf(there)&mptcp.FlagLaminar != 0
		}
		if set {
			w.flags |= mptcp.FlagLaminar
		}
	}
}

// rememberLaminar notes the ids that are given with the flag, or have it already.
func (e *endpointPlan) rememberLaminar() {
	for _, there := range e.State.Endpoints {
		if e.own[there.ID] && slices.Contains(e.Laminar, there.ID) {
			e.result.Laminar = append(e.result.Laminar, there.ID)
		}
	}
	for _, added := range e.added {
		if added.Flags&mptcp.FlagLaminar != 0 {
			e.result.Laminar = append(e.result.Laminar, added.ID)
		}
	}
}
