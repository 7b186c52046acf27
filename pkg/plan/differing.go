// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"net/netip"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
	"github.com/mptcpctl/mptcpctl/pkg/sockdiag"
)

// A changed backup flag of an endpoint is told to the peers (MP_PRIO, RFC 8684 section
// 3.3.8), and the kernel does that for one subflow of the address in each connection
// (net/mptcp/pm.c, mptcp_pm_mp_prio_send_ack). A line has several where the server
// announces addresses, with fullmesh, and where an endpoint was added after others had
// been used.

// lineEndpoint is the managed endpoint of a line that has the address, or nil.
func (r *Result) lineEndpoint(addr netip.Addr) *EndpointUse {
	for i := range r.Endpoints {
		if e := &r.Endpoints[i]; e.opensSubflows() && e.Addr == addr {
			return e
		}
	}
	return nil
}

// Differs reports whether a subflow with this local address, which this host has made
// backup or not, differs from its endpoint.
func (r *Result) Differs(local netip.Addr, backup bool) bool {
	e := r.lineEndpoint(local)
	return e != nil && backup != (e.Flags&mptcp.FlagBackup != 0)
}

// EndDiffering ends subflows of the state that differ from their endpoints. Result is a
// plan with nothing to do about endpoints. A connection keeps what differs while it has
// nothing else that works. Of the sockets only the cookies are filled in.
func (r *Result) EndDiffering(s *State) []Op {
	works := make(map[uint32]bool)
	for i := range s.Subflows {
		if f := &s.Subflows[i]; !f.Stalled && !f.Young && s.carrier(f.Local) && !r.Differs(f.Local, f.Backup) {
			works[f.Token] = true
		}
	}
	var ops []Op
	for i := range s.Subflows {
		f := &s.Subflows[i]
		if f.Plain || f.Young || !works[f.Token] || !r.Differs(f.Local, f.Backup) {
			continue
		}
		e := r.lineEndpoint(f.Local)
		mode := "no backup"
		if e.Flags&mptcp.FlagBackup != 0 {
			mode = "backup"
		}
		ops = append(ops, Op{
			Action: Delete, Object: ObjectSubflow, Subflow: sockdiag.Socket{Cookie: f.Cookie}, Interface: e.Interface,
			Reason: fmt.Sprintf("the kernel told another subflow of connection %08x that the line is %s", f.Token, mode),
		})
	}
	return ops
}
