// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// How settle looks after connections whose subflows were cut. New ones die within a
// few retransmissions of the handshake, if they do.
const (
	rescueLooks   = 5 * time.Second  // without finding any
	rescuePause   = time.Second      // before the second attempt, and twice as long before each further one
	rescueLongest = 16 * time.Second // such a pause
	rescueTries   = 6
	rescueTells   = 5 // how often peers are told of an address that is gone; each time reaches about half of them
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

// due reports whether another attempt is to be made for connections without a subflow.
// The error says that the last one has not helped either, and ends the looking.
func (r *rescue) due(without int) (bool, error) {
	now := time.Now()
	if r.until = now.Add(rescueLooks); now.Before(r.attempt) {
		return false, nil
	}
	if r.attempts == rescueTries {
		r.until = now
		return false, fmt.Errorf("%d connections have no subflow after %d attempts to give them one", without, rescueTries)
	}
	return true, nil
}

// tried counts an attempt. That the last one has not helped is known before settle ends.
func (r *rescue) tried() {
	r.attempt = time.Now().Add(min(rescuePause<<r.attempts, rescueLongest))
	r.attempts++
}

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
	due, err := s.rescue.due(all.WithoutSubflow[plan.IPv4].Count + all.WithoutSubflow[plan.IPv6].Count)
	r.Problems = errors.Join(r.Problems, err)
	if !due {
		return s.apply(lock, r, ops)
	}
	// First, since its operations name each other by their places.
	if join := r.Result.Rescue(state, all.WithoutSubflow, s.rescue.attempts); len(join) > 0 {
		s.rescue.tried()
		ops = append(join, ops...)
	}
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

// joins is the care for endpoints by which no connection has a subflow, where the kernel
// may have reset their joins.
type joins struct {
	wanted bool
	next   time.Time
	tries  int  // with the first one, of the run that has added the endpoint
	spent  bool // the last one has not helped either
}

// again are those of the devices whose endpoints are to be renewed by the next run. The
// first join has a second to come about.
func (j *joins) again(unjoined []string) []string {
	now := time.Now()
	if j.wanted = len(unjoined) > 0 && !j.spent; !j.wanted || now.Before(j.next) {
		return nil
	}
	if j.tries++; j.tries > rescueTries+1 {
		j.wanted, j.spent = false, true
		return nil
	}
	j.next = now.Add(min(rescuePause<<(j.tries-1), rescueLongest))
	if j.tries > rescueTries {
		j.next = now.Add(rescueLooks) // settle ends soon
	}
	if j.tries == 1 {
		return nil
	}
	return unjoined
}
