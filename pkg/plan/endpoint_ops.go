// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
)

const comesBack = "comes back with a new id"

// emit turns the decisions into operations.
func (e *endpointPlan) emit() {
	for _, there := range e.State.Endpoints {
		w, ok := e.matched[there.ID]
		if !ok {
			continue
		}
		changed := there
		changed.Flags = e.flagsNow(there, w)
		if (there.Flags^changed.Flags)&changeable == 0 {
			continue
		}
		reason := "mode " + w.line.Mode.String()
		if w.draining {
			reason = "a primary line is back; connections move to it"
		}
		e.draft.add(phaseFlags, Op{Action: Change, Object: ObjectEndpoint, Endpoint: changed, Interface: w.line.Name, Reason: reason})
	}
	for _, there := range e.clear {
		reason := "replaced by a new endpoint"
		again := func(w wantedEndpoint) bool { return w.addr == there.Addr }
		if slices.ContainsFunc(e.adds, again) || slices.ContainsFunc(e.later, again) {
			reason = comesBack
		}
		e.delete(phaseEndpointClear, there, reason)
	}
	adds := make([]int, len(e.adds))
	exchanged := -1
	for i, w := range e.adds {
		old, exchange := e.exchanged[w.addr]
		if !exchange {
			adds[i] = e.add(w)
			continue
		}
		// One line after the other: a connection keeps its other lines meanwhile.
		id := e.delete(phaseEndpoint, old, comesBack)
		if exchanged >= 0 {
			e.draft.require(id, exchanged)
		}
		adds[i] = e.add(w)
		e.draft.require(adds[i], id)
		exchanged = adds[i]
	}
	for _, there := range e.retired {
		e.retireOne(there, adds)
	}
	for _, w := range e.beside {
		id := e.add(w)
		there := e.added[len(e.added)-1]
		e.added = e.added[:len(e.added)-1]
		e.draft.require(e.delete(phaseEndpointDelete, there, "no longer needed"), id)
	}
	e.warnLast()
}

// retireOne deletes an endpoint after the adds of its family. It stays when the
// new one of its line fails, or any one that would leave its family without.
func (e *endpointPlan) retireOne(there mptcp.Endpoint, adds []int) {
	f := FamilyOf(there.Addr)
	name := e.interfaceWith(there.Addr, e.State.deviceByIndex(there.IfIndex).Name)
	id := e.delete(phaseEndpointDelete, there, "")
	alone := true
	for _, w := range e.matched {
		alone = alone && w.f != f
	}
	for i, w := range e.adds {
		switch {
		case w.f != f:
		case alone || w.line.Name == name:
			e.draft.require(id, adds[i])
		default:
			e.draft.order(id, adds[i])
		}
	}
	joined := there.Flags&mptcp.FlagSubflow != 0 && !there.Addr.IsUnspecified()
	if joined && e.Config.Globals.Multipath && e.familyUsable(f) && !addressInUse(e.lines, there.Addr) {
		// The kernel sends REMOVE_ADDR once, over a line that may be dead: where the first
		// subflow of a connection was its only one, as before a handover, always so. The
		// peers would take that subflow for alive when the line is back, and send over it
		// what its closed socket acknowledges and throws away (net/mptcp/protocol.c,
		// __mptcp_close_ssk). Other subflows are reset then and need nothing.
		e.draft.require(e.draft.add(phaseEndpointDelete, removeAddr(there.Addr, name)), id)
	}
}

// addressInUse reports whether a usable line that takes part has the address.
func addressInUse(lines []LineUse, addr netip.Addr) bool {
	return slices.ContainsFunc(lines, func(l LineUse) bool {
		u := &l.Use[FamilyOf(addr)]
		return l.Participates() && u.living() && u.Holds(addr)
	})
}

// flagsNow are the flags that an existing endpoint can have at once. The kernel
// changes fullmesh by closing the endpoint's subflows, and does not always make
// them again (net/mptcp/pm_kernel.c, mptcp_pm_nl_fullmesh): that waits until no
// connection has one. A kernel that cannot list them changes it at once, since
// the right moment would never be known.
func (e *endpointPlan) flagsNow(there mptcp.Endpoint, w wantedEndpoint) mptcp.Flags {
	if (there.Flags^w.flags)&mptcp.FlagFullmesh == 0 || !e.used(there) {
		return w.flags
	}
	e.result.Warnings = append(e.result.Warnings, fmt.Sprintf(
		"%s: fullmesh changes once no connection has a subflow over it: the change would close them", w.line.Name))
	return w.flags&^mptcp.FlagFullmesh | there.Flags&mptcp.FlagFullmesh
}

// add makes an endpoint after the routes and rules of its line.
func (e *endpointPlan) add(w wantedEndpoint) int {
	u := &w.line.Use[w.f]
	endpoint := mptcp.Endpoint{ID: e.nextID(w), Addr: w.addr, Flags: w.flags, IfIndex: u.Device.Index}
	e.added = append(e.added, endpoint)
	id := e.draft.add(phaseEndpoint, Op{
		Action: Add, Object: ObjectEndpoint, Endpoint: endpoint, Device: u.Device.Name,
		Interface: w.line.Name, Reason: "mode " + w.line.Mode.String(),
	})
	for before := range e.draft.ops[:id] {
		op := &e.draft.ops[before]
		if op.Interface != w.line.Name || op.Action == Delete {
			continue
		}
		route := op.Object == ObjectRoute && op.Route.Family == w.f && op.Route.Default()
		rule := op.Object == ObjectRule && op.Rule.Family == w.f && op.Rule.Priority != PriorityList
		if route || rule {
			e.draft.require(id, before)
		}
	}
	return id
}

// nextID is the next free id after the last one that was given; it climbs and
// wraps at 255, so that a late RM_ADDR never meets its successor. Where the last
// one is unknown, the highest that is present counts for it. An implicit
// endpoint of the address is taken over with the id that it has, which the
// kernel does only when none is given (net/mptcp/pm_kernel.c).
func (e *endpointPlan) nextID(w wantedEndpoint) uint8 {
	used := make(map[uint8]bool)
	for _, there := range e.State.Endpoints {
		if there.Addr == w.addr && there.Flags&mptcp.FlagImplicit != 0 {
			return 0
		}
		used[there.ID] = true
	}
	if len(used) == mptcp.MaxID { // one that is deleted first is the only choice
		delete(used, e.exchanged[w.addr].ID)
		for _, there := range e.clear {
			delete(used, there.ID)
		}
	}
	for _, there := range e.added {
		used[there.ID] = true
	}
	e.result.LastID = idAfter(e.result.LastID, func(id uint8) bool { return used[id] })
	return e.result.LastID
}

// idAfter is the next id after the last one that is not used.
func idAfter(last uint8, used func(uint8) bool) uint8 {
	id := last
	for range mptcp.MaxID {
		if id = id%mptcp.MaxID + 1; !used(id) {
			break
		}
	}
	return id
}

func (e *endpointPlan) delete(phase int, there mptcp.Endpoint, reason string) int {
	d := e.State.deviceByIndex(there.IfIndex)
	name := e.interfaceWith(there.Addr, d.Name)
	switch {
	case d.Index == 0:
		reason = "its device is gone"
	case name == "":
		reason = "its interface no longer takes part"
	case reason == "":
		reason = e.endpointRemovalReason(name, FamilyOf(there.Addr))
	}
	return e.draft.add(phase, Op{Action: Delete, Object: ObjectEndpoint, Endpoint: there, Device: d.Name, Interface: name, Reason: reason})
}

// endpointRemovalReason says why an endpoint of a line goes.
func (e *endpointPlan) endpointRemovalReason(name string, f Family) string {
	for i := range e.lines {
		if u := &e.lines[i].Use[f]; e.lines[i].Name == name && u.Usable && u.NoEndpoint != "" {
			return u.NoEndpoint
		}
	}
	return e.removalReason(name, f)
}

// warnLast warns that the configuration takes the last endpoint away. One whose section
// is gone has no connection that depends on it.
func (e *endpointPlan) warnLast() {
	left := len(e.matched) + len(e.adds) + len(e.later) + len(e.kept)
	used := func(there mptcp.Endpoint) bool { return !e.Config.Globals.Multipath || len(e.ownersOf(there)) > 0 }
	if left == 0 && (slices.ContainsFunc(e.retired, used) || slices.ContainsFunc(e.clear, used)) {
		e.result.Warnings = append(e.result.Warnings,
			"the last endpoint is deleted: connections without another subflow will stall")
	}
}

// limits asks for as many subflows as there are endpoints, and never lowers
// what is there unless the configuration says so.
func (e *endpointPlan) limits() {
	want, reason := e.State.Limits, "one subflow for each endpoint"
	if former := min(e.FormerLimit, e.State.MaxLimit); former > want.Subflows {
		want.Subflows, reason = former, "restored after a run that was killed"
	}
	if e.Config.Globals.Multipath {
		want = e.wantedLimits(want)
	}
	if want == e.State.Limits {
		return
	}
	e.draft.add(phaseSetting, Op{Action: Change, Object: ObjectLimits, Limits: want, Reason: reason})
}

func (e *endpointPlan) wantedLimits(want mptcp.Limits) mptcp.Limits {
	subflows := uint32(0)
	for _, there := range e.endpointsAfter() {
		if there.Flags&mptcp.FlagSubflow != 0 {
			subflows++
		}
	}
	if e.Config.Globals.Fullmesh && subflows > 0 {
		subflows = e.State.MaxLimit
	}
	want.Subflows = max(want.Subflows, min(subflows, e.State.MaxLimit))
	e.setLimit(&want.Subflows, e.Config.Globals.Subflows, "mptcp_subflows")
	// Until all endpoints are laminar, an accepted address would be used over the line
	// with the default route alone, also by servers that allow no other (RFC 8684
	// section 3.1, the flag C): the kernel uses all lines for those while it accepts none.
	if want.AddAddrAccepted > 0 || !e.laminarWaits {
		e.setLimit(&want.AddAddrAccepted, e.Config.Globals.AddAddrAccepted, "mptcp_add_addr_accepted")
	}
	return want
}

// setLimit is what an option asks for, up to the kernel's bound.
func (e *endpointPlan) setLimit(limit, option *uint32, name string) {
	if option == nil {
		return
	}
	*limit = min(*option, e.State.MaxLimit)
	if *limit < *option {
		e.result.Warnings = append(e.result.Warnings, fmt.Sprintf("option %s '%d': this kernel allows %d, which is used", name, *option, *limit))
	}
}

// endpointsAfter are the endpoints that are there after the plan.
func (e *endpointPlan) endpointsAfter() []mptcp.Endpoint {
	var all []mptcp.Endpoint
	for _, there := range e.State.Endpoints {
		if slices.Contains(e.clear, there) || slices.Contains(e.retired, there) || e.exchanged[there.Addr] == there {
			continue
		}
		if w, ok := e.matched[there.ID]; ok {
			there.Flags = w.flags
		}
		all = append(all, there)
	}
	return append(all, e.added...)
}

// report lists the endpoints that the kernel has now, for status.
func (e *endpointPlan) report() {
	for _, there := range e.State.Endpoints {
		d := e.State.deviceByIndex(there.IfIndex)
		use := EndpointUse{Endpoint: there, Own: e.own[there.ID], Device: d.Name}
		if use.Own {
			use.Interface = e.interfaceWith(there.Addr, d.Name)
		}
		e.result.Endpoints = append(e.result.Endpoints, use)
	}
}
