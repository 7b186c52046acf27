// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
	"github.com/mptcpctl/mptcpctl/pkg/sockdiag"
)

// A changed backup flag of an endpoint is told to the peers (MP_PRIO, RFC 8684 section
// 3.3.8), and the kernel does that for one subflow of the address in each connection
// (net/mptcp/pm.c, mptcp_pm_mp_prio_send_ack). A line has several where the server
// announces addresses, with fullmesh, and where an endpoint was added after others had
// been used.

// differs reports whether a subflow is backup and its endpoint is not, or the other way
// round, and the name of the line. A connection that fell back to TCP has nothing to tell.
func (r *Result) differs(f *sockdiag.Subflow) (name string, differs bool) {
	for i := range r.Endpoints {
		if e := &r.Endpoints[i]; e.opensSubflows() && e.Addr == f.Local.Addr() {
			return e.Interface, (f.Flags&sockdiag.BackupLocal != 0) != (e.Flags&mptcp.FlagBackup != 0)
		}
	}
	return "", false
}

// EndDiffering ends those of the subflows that differ from their endpoints. Result is a
// plan with nothing to do about endpoints. A connection keeps what differs while it has
// nothing else that works, and before its first data.
func (r *Result) EndDiffering(s *State, subflows []sockdiag.Subflow) (ops []Op) {
	const grown = sockdiag.FullyEstablished
	works := make(map[uint32]bool)
	for i := range subflows {
		f := &subflows[i]
		if _, differs := r.differs(f); !differs && f.State == sockdiag.Established && f.Flags&grown != 0 && !f.Stalled() && s.carrier(f.Local.Addr()) {
			works[f.Token] = true
		}
	}
	for i := range subflows {
		f := &subflows[i]
		if name, differs := r.differs(f); differs && works[f.Token] && f.State == sockdiag.Established && f.Flags&grown != 0 {
			ops = append(ops, Op{
				Action: Delete, Object: ObjectSubflow, Subflow: f, Interface: name,
				Reason: "the kernel has told another subflow of the connection of the mode",
			})
		}
	}
	return ops
}
