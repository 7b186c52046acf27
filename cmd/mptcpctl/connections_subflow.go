// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/netip"

	"github.com/mptcpctl/mptcpctl/pkg/sockdiag"
)

// stateWidth has room for the longest usual state, "peer's backup".
const stateWidth = 13

// subflow writes the line of a subflow. Addresses come last, since they may be
// long.
func (t *connectionText) subflow(s *sockdiag.Subflow, remote netip.AddrPort) {
	start := len(t.text)
	t.str("  ")
	t.str(t.names.of(s.Local.Addr(), s.IfIndex))
	t.padRight(start, 2+t.nameWidth)
	t.str(" ")
	column := len(t.text)
	t.rtt(s.TCP.RTT)
	t.padLeft(column, 6)
	t.column(uint64(s.TCP.Cwnd), true, 4)
	if t.rates != nil {
		rate, known := t.rates.of(s)
		t.column(rate.sent, known, 5)
		t.column(rate.received, known, 5)
	} else {
		t.column(s.TCP.BytesSent, true, 5)
		t.column(s.TCP.BytesReceived, true, 5)
	}
	t.column(uint64(s.TCP.Retrans), true, 5)
	if t.rates == nil {
		t.column(8*s.TCP.DeliveryRate, s.TCP.DeliveryRate > 0, 5)
	}
	t.str(" ")
	column = len(t.text)
	t.str(subflowState(s))
	t.padRight(column, stateWidth)
	t.tail = t.tail[:0]
	t.tail.address(s.Local)
	if s.Remote != remote {
		t.tail.str(" -> ")
		t.tail.address(s.Remote)
	}
	t.end(start)
}

// subflowState is the state of a subflow; for an established backup only its role.
func subflowState(s *sockdiag.Subflow) string {
	var backup string
	switch s.Flags & (sockdiag.BackupLocal | sockdiag.BackupRemote) {
	case sockdiag.BackupLocal:
		backup = "backup"
	case sockdiag.BackupRemote:
		backup = "peer's backup"
	case sockdiag.BackupLocal | sockdiag.BackupRemote:
		backup = "mutual backup"
	default:
		return s.State.String()
	}
	if s.State == sockdiag.Established {
		return backup
	}
	return s.State.String() + " " + backup
}
