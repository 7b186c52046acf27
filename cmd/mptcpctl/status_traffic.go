// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"net/netip"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/plan"
	"github.com/mptcpctl/mptcpctl/pkg/sockdiag"
)

// statusMeasured is how long one status measures what the lines carry.
const statusMeasured = 250 * time.Millisecond

// lineTraffic is what the established subflows of each local address carry.
type lineTraffic struct {
	rates  rates
	byAddr map[netip.Addr]traffic
}

// list looks at the subflows once more; rates are known from the second time on.
func (t *lineTraffic) list() error {
	t.rates.begin(time.Now())
	t.byAddr = make(map[netip.Addr]traffic)
	return sockdiag.Subflows(func(s sockdiag.Subflow) error {
		t.rates.see(&s)
		rate, _ := t.rates.of(&s)
		sum := t.byAddr[s.Local.Addr()]
		sum.add(rate)
		t.byAddr[s.Local.Addr()] = sum
		return nil
	}, sockdiag.Established)
}

// measure lists twice, a moment apart, if there is anything to measure.
func (t *lineTraffic) measure(ctx context.Context, s *plan.State) error {
	if len(s.Subflows) == 0 {
		return nil
	}
	if err := t.list(); err != nil {
		return wrapFailed("listing the subflows", err)
	}
	select {
	case <-ctx.Done():
		return exitError{exitFailed, ctx.Err()}
	case <-time.After(statusMeasured):
	}
	return wrapFailed("listing the subflows", t.list())
}

// of is what a line carries in a family, if that was measured.
func (t *lineTraffic) of(u *plan.Use) (sum traffic, known bool) {
	for _, p := range u.Addresses {
		if rate, ok := t.byAddr[p.Addr()]; ok {
			sum.add(rate)
			known = t.rates.elapsed > 0
		}
	}
	return sum, known
}
