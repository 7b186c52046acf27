// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"net/netip"
	"slices"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// How settle looks after connections whose subflows were cut. New ones die within a
// few retransmissions of the handshake, if they do.
const (
	rescueLooks = 5 * time.Second // without finding any
	rescuePause = time.Second     // between two attempts, one more each time
	rescueTells = 5               // how often peers are told of an address that is gone; each time reaches about half of them
)

// rescue is the care for connections whose subflows were cut.
type rescue struct {
	until time.Time
	// look and attempt are the earliest times for the next one.
	look, attempt  time.Time
	attempts, told int
	// gone are addresses that were announced to peers as gone.
	gone []netip.Addr
}

// begin makes settle look for a while.
func (r *rescue) begin(gone []netip.Addr) {
	for _, addr := range r.gone {
		if !slices.Contains(gone, addr) {
			gone = append(gone, addr)
		}
	}
	*r = rescue{until: time.Now().Add(rescueLooks), gone: gone}
}

func (r *rescue) looks() bool { return time.Now().Before(r.until) }

// lookAfter gives connections without any subflow another one, by a line that
// carries, after a run that had nothing to do about endpoints.
func (s *settler) lookAfter(lock *Lock, r *Outcome) error {
	now := time.Now()
	if !s.rescue.looks() || now.Before(s.rescue.look) || touchesEndpoints(r.Result.Ops) {
		return nil
	}
	s.rescue.look = now.Add(settleInterval - settleDebounce) // notifications come at any time
	state := &s.seen.State
	all, err := connections(func(local netip.Addr) bool {
		return r.Result.UsesLine(state, local) || slices.Contains(s.rescue.gone, local)
	})
	if err != nil {
		return err
	}
	if all.Count == 0 {
		s.rescue.until = now
		return nil
	}
	var ops []plan.Op
	if s.rescue.told < rescueTells {
		s.rescue.told++
		ops = r.Result.RepeatRemoveAddr(s.rescue.gone, &all)
	}
	if all.WithoutSubflow == [2]plan.WithoutSubflow{} {
		return s.apply(lock, r, ops)
	}
	s.rescue.until = now.Add(rescueLooks)
	if now.Before(s.rescue.attempt) {
		return s.apply(lock, r, ops)
	}
	s.rescue.attempt = now.Add(time.Duration(s.rescue.attempts) * rescuePause)
	// First, since its operations name each other by their places.
	ops = append(r.Result.Rescue(state, all.WithoutSubflow, s.rescue.attempts), ops...)
	s.rescue.attempts++
	return s.apply(lock, r, ops)
}

// apply carries a rescue out. While it lasts, the lock file has the limit that a
// kill would leave lowered.
func (s *settler) apply(lock *Lock, r *Outcome, ops []plan.Op) error {
	if len(ops) == 0 {
		return nil
	}
	old, err := lock.read()
	if err != nil {
		return err
	}
	during := old
	during.lastID, during.limit = r.Result.LastID, s.seen.State.Limits.Subflows
	if err := lock.write(old, during); err != nil {
		return err
	}
	seen, err := r.apply(s.kernel, ops)
	if err == nil {
		after := during
		after.limit, after.bounds = 0, during.bounds.with(seen)
		if err := lock.write(during, after); err != nil {
			r.Warnings = append(r.Warnings, err.Error())
		}
	}
	return err
}
