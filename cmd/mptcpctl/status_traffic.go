// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"net/netip"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/plan"
	"github.com/mptcpctl/mptcpctl/pkg/reconcile"
	"github.com/mptcpctl/mptcpctl/pkg/sockdiag"
)

// statusMeasured is how long one status measures what the lines carry.
const statusMeasured = 250 * time.Millisecond

// lineTraffic is what the established subflows of each local address carry.
type lineTraffic struct {
	rates  rates
	byAddr map[netip.Addr]traffic
	// rtt is the shortest smoothed round trip of those subflows.
	rtt map[netip.Addr]time.Duration
}

// list lists the subflows, and notes what they carry; rates are known from the
// second time on.
func (t *lineTraffic) list() ([]plan.Subflow, bool, error) {
	t.rates.begin(time.Now())
	t.byAddr, t.rtt = make(map[netip.Addr]traffic), make(map[netip.Addr]time.Duration)
	return reconcile.SubflowsSeen(func(s *sockdiag.Subflow) {
		if s.State != sockdiag.Established {
			return
		}
		t.rates.see(s)
		rate, _ := t.rates.of(s)
		sum := t.byAddr[s.Local.Addr()]
		sum.add(rate)
		t.byAddr[s.Local.Addr()] = sum
		if old := t.rtt[s.Local.Addr()]; old == 0 || s.TCP.RTT < old {
			t.rtt[s.Local.Addr()] = s.TCP.RTT
		}
	})
}

// measure lists once more, a moment later, if there is anything to measure.
func (t *lineTraffic) measure(ctx context.Context, s *plan.State) error {
	if len(s.Subflows) == 0 {
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(statusMeasured):
	}
	_, _, err := t.list()
	return wrap("listing the subflows", err)
}

// of is what a line carries in a family, if that was measured.
func (t *lineTraffic) of(u *plan.Use) (sum traffic, known bool) {
	for addr, rate := range t.byAddr {
		if u.Holds(addr) {
			sum.add(rate)
			known = t.rates.elapsed > 0
		}
	}
	return sum, known
}

// roundTrip is the shortest one of a line in a family; 0: it has no subflow.
func (t *lineTraffic) roundTrip(u *plan.Use) (shortest time.Duration) {
	for addr, rtt := range t.rtt {
		if u.Holds(addr) && (shortest == 0 || rtt < shortest) {
			shortest = rtt
		}
	}
	return shortest
}
