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
}

// list lists the subflows, and notes what they carry; rates are known from the
// second time on.
func (t *lineTraffic) list() ([]plan.Subflow, bool, error) {
	t.rates.begin(time.Now())
	t.byAddr = make(map[netip.Addr]traffic)
	return reconcile.SubflowsSeen(func(s *sockdiag.Subflow) {
		if s.State != sockdiag.Established {
			return
		}
		t.rates.see(s)
		rate, _ := t.rates.of(s)
		sum := t.byAddr[s.Local.Addr()]
		sum.add(rate)
		t.byAddr[s.Local.Addr()] = sum
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
