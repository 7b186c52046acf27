// SPDX-License-Identifier: Apache-2.0

package main

import (
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/sockdiag"
)

// traffic is what a subflow has carried, in bytes, or carries, in bit/s.
type traffic struct{ sent, received uint64 }

func (t *traffic) add(other traffic) {
	t.sent += other.sent
	t.received += other.received
}

// rates measures what subflows carry from one listing to the next. A subflow that
// was not in the last listing has no rate yet.
type rates struct {
	at        time.Time
	elapsed   time.Duration // between the last two listings; 0 in the first
	last, now map[uint64]traffic
}

// begin starts a listing.
func (r *rates) begin(at time.Time) {
	if !r.at.IsZero() {
		r.elapsed = at.Sub(r.at)
	}
	r.at = at
	r.last, r.now = r.now, make(map[uint64]traffic, len(r.now))
}

// see records what a subflow has carried. Of the data sent only what was acknowledged
// counts, since a full line drops packets, which are then retransmitted.
func (r *rates) see(s *sockdiag.Subflow) {
	r.now[s.Cookie] = traffic{s.TCP.BytesAcked, s.TCP.BytesReceived}
}

// of is the rate of a subflow that was seen.
func (r *rates) of(s *sockdiag.Subflow) (rate traffic, known bool) {
	before, known := r.last[s.Cookie]
	if !known || r.elapsed <= 0 {
		return traffic{}, false
	}
	now := r.now[s.Cookie]
	return traffic{perSecond(now.sent-before.sent, r.elapsed), perSecond(now.received-before.received, r.elapsed)}, true
}

// ofConnection is the sum of the known rates of its subflows.
func (r *rates) ofConnection(c *sockdiag.Connection) (sum traffic, known bool) {
	for i := range c.Subflows {
		if rate, ok := r.of(&c.Subflows[i]); ok {
			sum.add(rate)
			known = true
		}
	}
	return sum, known
}

// perSecond is a rate in bit/s.
func perSecond(bytes uint64, d time.Duration) uint64 {
	return uint64(float64(bytes) * 8 / d.Seconds())
}

// lineRate is what all subflows of a line carry.
type lineRate struct {
	name     string
	subflows int
	rate     traffic
}

// addTo counts a subflow with its line.
func (r *rates) addTo(lines []lineRate, name string, s *sockdiag.Subflow) []lineRate {
	rate, _ := r.of(s)
	for i := range lines {
		if lines[i].name == name {
			lines[i].subflows++
			lines[i].rate.add(rate)
			return lines
		}
	}
	return append(lines, lineRate{name, 1, rate})
}
