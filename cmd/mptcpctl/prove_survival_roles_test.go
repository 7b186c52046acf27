// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"time"
)

// rank is the order in which modes are called upon: a line carries while none of a
// lower rank is there.
func rank(mode string) int {
	return max(0, slices.Index([]string{"on", "backup", "handover"}, mode)) // a master is as `on`
}

// joined is how many lines have subflows while both are there: a handover line
// has one only where no other mode is.
func (r *survivalRow) joined() int {
	if rank(r.modes[0]) != rank(r.modes[1]) && slices.Contains(r.modes[:], "handover") {
		return 1
	}
	return 2
}

// survivalUse is what a line is expected to carry.
type survivalUse int

const (
	survivalAny  survivalUse = iota
	survivalIdle             // less than a fiftieth
	survivalMost             // more than half
	survivalSome             // a twentieth or more
)

// together is what the lines carry while both are there.
func (r *survivalRow) together() [2]survivalUse {
	first, second := rank(r.modes[0]), rank(r.modes[1])
	switch {
	case first < second:
		return [2]survivalUse{survivalMost, survivalIdle}
	case second < first:
		return [2]survivalUse{survivalIdle, survivalMost}
	case r.light: // one line can carry it all
		return [2]survivalUse{}
	}
	return [2]survivalUse{survivalSome, survivalSome}
}

// meanwhile is what they carry during the fault.
func (r *survivalRow) meanwhile() (want [2]survivalUse) {
	if !r.holds() && !r.fault.stays {
		want[2-r.line()] = survivalMost
	}
	return want
}

// afterwards is what they carry when it is over.
func (r *survivalRow) afterwards() (want [2]survivalUse) {
	switch {
	case r.fault.silent:
	case r.fault.all && len(r.fault.back) == 1:
		want = [2]survivalUse{survivalIdle, survivalIdle}
		want[slices.Index([]string{"wan1", "wan2"}, r.fault.back[0])] = survivalMost
	default:
		want = r.together()
	}
	return want
}

// fits reports whether the lines carried what was expected of them. Acknowledgements
// and handshakes of many connections are not nothing.
func (c carried) fits(want [2]survivalUse) bool {
	var all uint64
	for _, line := range c {
		all += line.Sent + line.Received
	}
	for i, use := range want {
		line := c[i].Sent + c[i].Received
		switch {
		case use == survivalIdle && line > all/50+handshakes,
			use == survivalMost && (line < all/2 || all < handshakes),
			use == survivalSome && (line < all/20 || all < handshakes):
			return false
		}
	}
	return true
}

// carryAs measures until the lines carry what is expected of them, which has no
// time of its own.
func (s *survival) carryAs(when string, want [2]survivalUse) (carried, error) {
	s.Helper()
	for deadline := time.Now().Add(survivalPatience); ; {
		c := s.carry(survivalTake)
		if c.fits(want) {
			return c, nil
		}
		if time.Now().After(deadline) || s.ctx.Err() != nil {
			return c, fmt.Errorf("%s the lines carry %s; endpoints %v, subflows %v", when, c.shares(), s.endpoints(), s.subflows())
		}
	}
}
