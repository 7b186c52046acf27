// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
	"github.com/mptcpctl/mptcpctl/pkg/sockdiag"
)

// connections finds connections without a subflow over a line that has an
// endpoint for one. The kernel tries each endpoint once for a connection, so
// that a subflow which died is never made again.
func (e *examination) connections() {
	why := e.failed()
	if why != "" {
		why = "; joins that failed since boot, over all lines: " + why
	}
	for _, l := range e.participants() {
		missing, vain := 0, 0
		for i := range e.Connections {
			switch c := &e.Connections[i]; {
			case !e.lacksSubflow(c, l):
			case slices.Contains(e.Vain[l.Name], c.Token):
				vain++
			default:
				missing++
			}
		}
		if vain > 0 {
			e.add(HealedInVain, l.Name, fmt.Sprintf("connections to which a new endpoint gave no subflow over it: %d%s", vain, why))
		}
		if missing > 0 {
			e.add(LostSubflow, l.Name, fmt.Sprintf("connections without a subflow over it (closed, or refused by the server): %d%s", missing, why),
				"mptcpctl iface "+l.Name+" heal")
		}
	}
}

// oneLine finds connections that use several addresses of their server, and all of
// them over one line: to an address that a server announces, the kernel leaves the
// choice of the line to the routes, unless the endpoints are laminar.
func (e *examination) oneLine() {
	gains := false // a line by an announced address only
	for i := range e.Connections {
		gains = gains || e.gainsLine(&e.Connections[i])
	}
	for _, l := range e.participants() {
		n := 0
		for i := range e.Connections {
			if c := &e.Connections[i]; e.usesOnly(c, l) && e.lacksOther(c, l) {
				n++
			}
		}
		if n == 0 {
			continue
		}
		var fix []string
		switch g := &e.Config.Globals; {
		case g.Fullmesh, e.State.Laminar && g.Laminar:
		case e.State.Laminar:
			fix = modeSetting("globals.mptcp_laminar=1")
		case e.State.Limits.AddAddrAccepted > 0 && !gains:
			fix = modeSetting("globals.mptcp_add_addr_accepted=0")
		}
		e.add(OneLine, l.Name, fmt.Sprintf("connections that reach several addresses of their server over this line alone: %d", n), fix...)
	}
}

// usesOnly reports whether a connection has several subflows, all over one line, to
// several addresses.
func (e *examination) usesOnly(c *sockdiag.Connection, l *plan.LineUse) bool {
	var remotes []netip.Addr
	for i := range c.Subflows {
		s := &c.Subflows[i]
		if !alive(*s) {
			continue
		}
		if !l.Use[plan.FamilyOf(s.Local.Addr())].Holds(s.Local.Addr()) {
			return false
		}
		if !slices.Contains(remotes, s.Remote.Addr()) {
			remotes = append(remotes, s.Remote.Addr())
		}
	}
	return len(remotes) > 1
}

// lacksOther reports whether a connection could use another line.
func (e *examination) lacksOther(c *sockdiag.Connection, l *plan.LineUse) bool {
	return slices.ContainsFunc(e.participants(), func(other *plan.LineUse) bool { return other.Name != l.Name && e.lacksSubflow(c, other) })
}

// gainsLine reports whether a connection uses a local address for nothing but addresses
// that its peer announces.
func (e *examination) gainsLine(c *sockdiag.Connection) bool {
	first := func(addr netip.Addr) bool {
		return slices.ContainsFunc(c.Subflows, func(s sockdiag.Subflow) bool { return alive(s) && s.RemoteID == 0 && s.Local.Addr() == addr })
	}
	return slices.ContainsFunc(c.Subflows, func(s sockdiag.Subflow) bool { return alive(s) && s.RemoteID != 0 && !first(s.Local.Addr()) })
}

// priorities finds subflows that are backup where their endpoint is none, or the
// reverse. What has no other subflow that works is left as it is.
func (e *examination) priorities() {
	for _, l := range e.participants() {
		differ, mendable := 0, false
		for i := range e.Connections {
			n, other := e.differing(&e.Connections[i], l)
			differ += n
			mendable = mendable || n > 0 && other
		}
		var fix []string
		if mendable {
			fix = []string{"mptcpctl iface " + l.Name + " heal"}
		}
		if differ > 0 {
			e.add(BackupDiffers, l.Name, fmt.Sprintf("subflows that are backup and should not be, or the other way round: %d", differ), fix...)
		}
	}
}

// differing counts the subflows of a connection over a line that differ from the
// endpoint, and says whether another subflow works.
func (e *examination) differing(c *sockdiag.Connection, l *plan.LineUse) (n int, other bool) {
	for i := range c.Subflows {
		s := &c.Subflows[i]
		if c.Fallback || s.State != sockdiag.Established || s.Flags&sockdiag.FullyEstablished == 0 {
			continue
		}
		local := s.Local.Addr()
		switch u := &l.Use[plan.FamilyOf(local)]; {
		case !e.Result.Differs(local, s.Flags&sockdiag.BackupLocal != 0):
			other = true
		case u.Holds(local):
			n++
		}
	}
	return n, other
}

// lostConnections finds connections over lines that have no subflow left.
func (e *examination) lostConnections() {
	n := 0
	var fix []string // of the first that can be helped
	for i := range e.Connections {
		c := &e.Connections[i]
		if !c.Lost() || e.isLocal(c.Remote.Addr()) || !e.Result.UsesLine(&e.State, c.Local.Addr()) {
			continue
		}
		if n++; fix == nil {
			fix = e.rejoin(c)
		}
	}
	if n > 0 {
		e.add(NoSubflow, "", fmt.Sprintf("stalled connections without any subflow: %d", n), fix...)
	}
}

// rejoin is the command that adds an endpoint, at which the kernel joins once more.
// heal does so for a connection that was not set up over the line itself, and to which
// that has not been in vain before.
func (e *examination) rejoin(c *sockdiag.Connection) []string {
	local := c.Local.Addr()
	f := plan.FamilyOf(local)
	for i := range e.Result.Ops {
		if op := &e.Result.Ops[i]; op.Object == plan.ObjectEndpoint && op.Action == plan.Add && plan.FamilyOf(op.Endpoint.Addr) == f {
			return []string{"mptcpctl apply"}
		}
	}
	for _, l := range e.participants() {
		if by := e.joinAddr(l, f); by.IsValid() && by != local && !slices.Contains(e.Vain[l.Name], c.Token) {
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
// was opened by this machine, and gets another subflow where there is room: only the
// client opens joins, and not before the first data.
func (e *examination) multipath(c *sockdiag.Connection) bool {
	if c.State != sockdiag.Established || c.Fallback || c.Young() || e.isLocal(c.Remote.Addr()) {
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
