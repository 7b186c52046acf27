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
			case e.inVain(l, c):
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

// InVain names a connection and a line for Facts.Vain.
func InVain(line string, token uint32) string { return fmt.Sprintf("%s:%08x", line, token) }

func (e *examination) inVain(l *plan.LineUse, c *sockdiag.Connection) bool {
	return slices.Contains(e.Vain, InVain(l.Name, c.Token))
}

// oneLine finds connections that use several addresses of their server, and all of
// them over one line: to an address that a server announces, the kernel leaves the
// choice of the line to the routes, unless the endpoints are laminar.
func (e *examination) oneLine() {
	var fix []string
	switch g := &e.Config.Globals; {
	case g.Fullmesh, e.State.Laminar && g.Laminar:
	case e.State.Laminar:
		fix = modeSetting("globals.mptcp_laminar=1")
	case e.State.Limits.AddAddrAccepted > 0 && !e.gainsLine():
		fix = modeSetting("globals.mptcp_add_addr_accepted=0")
	}
	for _, l := range e.participants() {
		n := 0
		for i := range e.Connections {
			c, lacks := &e.Connections[i], false
			if !e.usesOnly(c, l) {
				continue
			}
			for _, other := range e.participants() {
				lacks = lacks || other.Name != l.Name && e.lacksSubflow(c, other)
			}
			if lacks {
				n++
			}
		}
		if n > 0 {
			e.add(OneLine, l.Name, fmt.Sprintf("connections that reach several addresses of their server over this line alone: %d", n), fix...)
		}
	}
}

// usesOnly reports whether a connection has subflows to its first address and to
// others, all over one line.
func (e *examination) usesOnly(c *sockdiag.Connection, l *plan.LineUse) bool {
	var first, others bool
	for i := range c.Subflows {
		if s := &c.Subflows[i]; alive(s) {
			if local := s.Local.Addr(); !l.Use[plan.FamilyOf(local)].Holds(local) {
				return false
			}
			same := s.Remote.Addr() == c.Remote.Addr()
			first, others = first || same, others || !same
		}
	}
	return first && others
}

// gainsLine reports whether a connection uses a local address for nothing but addresses
// that its peer announces.
func (e *examination) gainsLine() (gains bool) {
	for i := range e.Connections {
		subflows := e.Connections[i].Subflows
		for j := range subflows {
			s := &subflows[j]
			only := s.RemoteID != 0 && alive(s)
			for k := range subflows {
				first := &subflows[k]
				only = only && (first.RemoteID != 0 || first.Local.Addr() != s.Local.Addr() || !alive(first))
			}
			gains = gains || only
		}
	}
	return gains
}

// priorities finds subflows that are backup where their endpoint is none, or the
// reverse. What has no other subflow that works is left as it is.
func (e *examination) priorities() {
	differ := make(map[string]int)
	for i := range e.Connections {
		for _, op := range e.Result.EndDiffering(&e.State, e.Connections[i].Subflows) {
			differ[op.Interface]++
		}
	}
	for _, l := range e.participants() {
		if n := differ[l.Name]; n > 0 {
			e.add(BackupDiffers, l.Name, fmt.Sprintf("subflows that are backup and should not be, or the other way round: %d", n), "mptcpctl iface "+l.Name+" heal")
		}
	}
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
		if by := e.joinAddr(l, f); by.IsValid() && by != local && !e.inVain(l, c) {
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
	for i := range c.Subflows {
		if s := &c.Subflows[i]; alive(s) && s.Local.Addr() == by {
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
	for i := range c.Subflows {
		s := &c.Subflows[i]
		opened = opened || s.Flags&(sockdiag.CapableLocal|sockdiag.JoinLocal) != 0
		if alive(s) {
			living++
			byLine = byLine || e.Result.OfLine(s.Local.Addr())
		}
	}
	return opened && byLine && living <= e.State.Limits.Subflows
}

// alive reports whether a subflow works, or is about to.
func alive(s *sockdiag.Subflow) bool {
	return s.State == sockdiag.Established || s.State == sockdiag.SynSent || s.State == sockdiag.SynRecv
}
