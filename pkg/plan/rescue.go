// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
)

// Connections is what a look at the established connections shows.
type Connections struct {
	Count int
	// WithoutSubflow are those of them without a subflow, by family.
	WithoutSubflow [2]WithoutSubflow
	// Locals are the addresses that subflows have, also of other connections.
	Locals []netip.Addr
}

// WithoutSubflow are the connections of one family that have lost their last subflow.
// The kernel tries a join once, and resets it when the first packet after the
// handshake comes out of order (net/mptcp/options.c, check_fully_established):
// a burst of losses is enough. The application is told nothing.
type WithoutSubflow struct {
	// Count is how many they are.
	Count int
	// Opening is the most subflows that one of them still tries to open.
	Opening uint32
}

// MayNeedRescue reports whether the plan deletes endpoints by which connections may have
// their last subflow, and leaves another one of the family by which they can be
// given one.
func (r *Result) MayNeedRescue() bool {
	var cut, left [2]bool
	gone := make(map[uint8]bool)
	for _, op := range r.Ops {
		if op.Object != ObjectEndpoint || op.Endpoint.Flags&mptcp.FlagSubflow == 0 {
			continue
		}
		f := FamilyOf(op.Endpoint.Addr)
		switch op.Action {
		case Add:
			left[f] = true
		case Delete:
			cut[f], gone[op.Endpoint.ID] = true, true
		}
	}
	for _, e := range r.Endpoints {
		if e.opensSubflows() && !gone[e.ID] {
			left[FamilyOf(e.Addr)] = true
		}
	}
	return cut[IPv4] && left[IPv4] || cut[IPv6] && left[IPv6]
}

// Joins reports whether the plan adds an endpoint by which connections are joined, if
// there are any. The kernel tries that once, and for one without any subflow not always.
func (r *Result) Joins() bool {
	return slices.ContainsFunc(r.Ops, func(op Op) bool {
		return op.Object == ObjectEndpoint && op.Action == Add && op.Endpoint.Flags&mptcp.FlagSubflow != 0
	})
}

// opensSubflows reports whether an endpoint is a managed one from which subflows are opened.
func (e *EndpointUse) opensSubflows() bool {
	return e.Own && e.Interface != "" && e.Flags&mptcp.FlagSubflow != 0 && !e.Addr.IsUnspecified()
}

// Rescue gives the connections without a subflow one and leaves the others alone. Result
// is a plan for the state with nothing to do about endpoints; attempt counts from
// 0, and takes the lines in turns.
//
// Only a new endpoint makes the kernel join again. Renewing that of a line would
// cut the subflows that live by it, so it is one with the unspecified address, on
// the line's device: the route gives its subflows their source address, and they
// get the id of the endpoint which has that (net/mptcp/subflow.c,
// __mptcp_subflow_connect, of 6.18). So it can be deleted at once. Meanwhile the limit keeps out connections with a subflow besides their
// first.
func (r *Result) Rescue(s *State, without [2]WithoutSubflow, attempt int) []Op {
	var adds, deletes []Op
	opening := uint32(0)
	for _, f := range Families {
		line := r.endpointToJoin(s, f, attempt)
		if without[f].Count == 0 || line == nil || len(s.Endpoints)+len(adds) >= s.MaxEndpoints {
			continue
		}
		opening = max(opening, without[f].Opening)
		op := Op{
			Action: Add, Object: ObjectEndpoint, Device: line.Device, Interface: line.Interface,
			Endpoint: mptcp.Endpoint{ID: r.freeID(s), Addr: unspecified[f], Flags: line.Flags &^ (mptcp.FlagFullmesh | mptcp.FlagLaminar), IfIndex: line.IfIndex},
			Reason:   fmt.Sprintf("%d connections have no subflow left", without[f].Count),
		}
		adds = append(adds, op)
		op.Action, op.Reason = Delete, "no longer needed"
		deletes = append(deletes, op)
	}
	if len(adds) == 0 || s.Limits.Subflows == 0 {
		return nil
	}
	var ops []Op
	low := s.Limits
	if low.Subflows = min(low.Subflows, opening+1); low != s.Limits {
		ops = append(ops, Op{Action: Change, Object: ObjectLimits, Limits: low, Reason: "no new subflows for other connections"})
	}
	first := len(ops)
	for i := range deletes {
		deletes[i].After = []int{first + i}
	}
	ops = append(append(ops, adds...), deletes...)
	if low != s.Limits {
		ops = append(ops, Op{Action: Change, Object: ObjectLimits, Limits: s.Limits, Reason: "restored"})
	}
	return ops
}

// RemovedAddrs are the addresses that a plan removes at the peers once more, by a
// REMOVE_ADDR (RFC 8684 section 3.4.2).
func (r *Result) RemovedAddrs() []netip.Addr {
	var gone []netip.Addr
	for _, op := range r.Ops {
		if op.Object == ObjectEndpoint && op.Action == Delete && op.Endpoint.ID == 0 {
			gone = append(gone, op.Endpoint.Addr)
		}
	}
	return gone
}

// RepeatRemoveAddr sends REMOVE_ADDR for the RemovedAddrs again: one that is sent while
// the new subflow of a connection is being opened is lost. An address that is in use
// again, by a line or by another program, is left out.
func (r *Result) RepeatRemoveAddr(gone []netip.Addr, all *Connections) []Op {
	var ops []Op
	for _, addr := range gone {
		if !addressInUse(r.Lines, addr) && !slices.Contains(all.Locals, addr) {
			ops = append(ops, removeAddr(addr, ""))
		}
	}
	return ops
}

// removeAddr sends the peers REMOVE_ADDR for an address.
func removeAddr(addr netip.Addr, name string) Op {
	return Op{
		Action: Delete, Object: ObjectEndpoint, Endpoint: mptcp.Endpoint{Addr: addr},
		Interface: name, Reason: "withdrawn from peers over the other lines",
	}
}

// unspecified are the addresses that leave the choice to the route.
var unspecified = [2]netip.Addr{IPv4: netip.IPv4Unspecified(), IPv6: netip.IPv6Unspecified()}

// endpointToJoin is one of the endpoints by which subflows can be opened now, those that
// are no backup first, or nil.
func (r *Result) endpointToJoin(s *State, f Family, attempt int) *EndpointUse {
	var primary, backup []*EndpointUse
	for i := range r.Endpoints {
		switch e := &r.Endpoints[i]; {
		case !e.opensSubflows() || FamilyOf(e.Addr) != f || !s.deviceByIndex(e.IfIndex).Carrier:
		case e.Flags&mptcp.FlagBackup != 0:
			backup = append(backup, e)
		default:
			primary = append(primary, e)
		}
	}
	all := append(primary, backup...)
	if len(all) == 0 {
		return nil
	}
	return all[attempt%len(all)]
}

// freeID is the next id after the last one that was given.
func (r *Result) freeID(s *State) uint8 {
	r.LastID = idAfter(r.LastID, func(id uint8) bool {
		return slices.ContainsFunc(s.Endpoints, func(there mptcp.Endpoint) bool { return there.ID == id })
	})
	return r.LastID
}
