// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"net/netip"

	"github.com/mptcpctl/mptcpctl/pkg/config"
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
			if e.misses(&e.Connections[i], l) {
				missing++
			}
		}
		if missing == 0 {
			continue
		}
		text := "1 connection has no subflow over it (died, or refused by the server)"
		if missing > 1 {
			text = fmt.Sprintf("%d connections have no subflow over it (died, or refused by the server)", missing)
		}
		e.add(LostSubflow, l.Name, text, "mptcpctl iface "+l.Name+" heal")
	}
}

// misses reports whether a connection could use a line and does not.
func (e *examination) misses(c *sockdiag.Connection, l *plan.LineUse) bool {
	f := plan.FamilyOf(c.Remote.Addr())
	u := &l.Use[f]
	if l.Mode == config.Signal || !u.Usable || !u.Device.Carrier || !e.multipath(c) {
		return false
	}
	for _, there := range e.Result.Endpoints {
		if !there.Own || there.Flags&mptcp.FlagSubflow == 0 || there.IfIndex != u.Device.Index || plan.FamilyOf(there.Addr) != f {
			continue
		}
		for _, s := range c.Subflows {
			if alive(s) && s.Local.Addr() == there.Addr {
				return false
			}
		}
		return true
	}
	return false
}

// multipath reports whether a connection goes from a line of ours to a peer out
// there, was opened by this machine, and has room for another subflow: joins
// are opened by the client alone.
func (e *examination) multipath(c *sockdiag.Connection) bool {
	if c.State != sockdiag.Established || c.Fallback || c.Remote.Addr().IsLoopback() || e.present(c.Remote.Addr()) {
		return false
	}
	var opened, byLine bool
	living := uint32(0)
	for _, s := range c.Subflows {
		opened = opened || s.Flags&(sockdiag.CapableLocal|sockdiag.JoinLocal) != 0
		if alive(s) {
			living++
			byLine = byLine || e.ofLine(s.Local.Addr())
		}
	}
	return opened && byLine && living <= e.State.Limits.Subflows
}

// ofLine reports whether an address is that of a line.
func (e *examination) ofLine(addr netip.Addr) bool {
	for _, l := range e.participants() {
		for _, p := range l.Use[plan.FamilyOf(addr)].Addresses {
			if p.Addr() == addr {
				return true
			}
		}
	}
	return false
}

// alive reports whether a subflow works, or is about to.
func alive(s sockdiag.Subflow) bool {
	return s.State == sockdiag.Established || s.State == sockdiag.SynSent || s.State == sockdiag.SynRecv
}
