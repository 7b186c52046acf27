// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"net/netip"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
	"github.com/mptcpctl/mptcpctl/pkg/sockdiag"
)

// connections finds connections without a subflow over a line that has an
// endpoint for one. The kernel tries each endpoint once for a connection, so
// that a subflow which died is never made again.
func (e *examination) connections() {
	for _, l := range e.participants() {
		missing := 0
		for i := range e.Connections {
			if e.lacksSubflow(&e.Connections[i], l) {
				missing++
			}
		}
		if missing > 0 {
			text := fmt.Sprintf("connections without a subflow over it (closed, or refused by the server): %d", missing)
			if why := e.failed(); why != "" {
				text += "; joins that failed since boot, over all lines: " + why
			}
			e.add(LostSubflow, l.Name, text, "mptcpctl iface "+l.Name+" heal")
		}
	}
}

// lostConnections finds connections over lines that have no subflow left.
func (e *examination) lostConnections() {
	n := 0
	var first netip.Addr // with which the first of them was set up
	for i := range e.Connections {
		c := &e.Connections[i]
		if local := c.Local.Addr(); c.Lost() && !e.isLocal(c.Remote.Addr()) && e.Result.UsesLine(&e.State, local) {
			if n++; n == 1 {
				first = local
			}
		}
	}
	if n > 0 {
		e.add(NoSubflow, "", fmt.Sprintf("stalled connections without any subflow: %d", n), e.rejoin(first)...)
	}
}

// rejoin is the command that adds an endpoint, at which the kernel joins once more.
// heal does so for a connection that was not set up over the line itself.
func (e *examination) rejoin(local netip.Addr) []string {
	f := plan.FamilyOf(local)
	for i := range e.Result.Ops {
		if op := &e.Result.Ops[i]; op.Object == plan.ObjectEndpoint && op.Action == plan.Add && plan.FamilyOf(op.Endpoint.Addr) == f {
			return []string{"mptcpctl apply"}
		}
	}
	for _, l := range e.participants() {
		if by := e.joinAddr(l, f); by.IsValid() && by != local {
			return []string{"mptcpctl iface " + l.Name + " heal"}
		}
	}
	return nil
}

// joinAddr is the address from which a line opens subflows in a family now, or zero.
func (e *examination) joinAddr(l *plan.LineUse, f plan.Family) (by netip.Addr) {
	u := &l.Use[f]
	if l.Mode.Announces() || !u.Usable || !u.Device.Carrier {
		return by
	}
	for i := range e.Result.Endpoints {
		there := &e.Result.Endpoints[i]
		if there.Own && there.Flags&mptcp.FlagSubflow != 0 && there.IfIndex == u.Device.Index && plan.FamilyOf(there.Addr) == f {
			return there.Addr
		}
	}
	return by
}

// lacksSubflow reports whether a connection could use a line and does not.
func (e *examination) lacksSubflow(c *sockdiag.Connection, l *plan.LineUse) bool {
	by := e.joinAddr(l, plan.FamilyOf(c.Remote.Addr()))
	if !by.IsValid() || !e.multipath(c) {
		return false
	}
	for _, s := range c.Subflows {
		if alive(s) && s.Local.Addr() == by {
			return false
		}
	}
	return true
}

// isLocal reports whether a peer is this machine itself.
func (e *examination) isLocal(peer netip.Addr) bool {
	return peer.IsLoopback() || e.State.Present(peer)
}

// multipath reports whether a connection goes from a line to a peer on the internet,
// was opened by this machine, and has room for another subflow: only the client
// opens joins.
func (e *examination) multipath(c *sockdiag.Connection) bool {
	if c.State != sockdiag.Established || c.Fallback || e.isLocal(c.Remote.Addr()) {
		return false
	}
	var opened, byLine bool
	living := uint32(0)
	for _, s := range c.Subflows {
		opened = opened || s.Flags&(sockdiag.CapableLocal|sockdiag.JoinLocal) != 0
		if alive(s) {
			living++
			byLine = byLine || e.Result.OfLine(s.Local.Addr())
		}
	}
	return opened && byLine && living <= e.State.Limits.Subflows
}

// alive reports whether a subflow works, or is about to.
func alive(s sockdiag.Subflow) bool {
	return s.State == sockdiag.Established || s.State == sockdiag.SynSent || s.State == sockdiag.SynRecv
}
