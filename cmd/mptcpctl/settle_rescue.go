// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/netip"
	"slices"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/kernel"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// How settle looks after connections whose subflows were cut. New ones die within a
// few retransmissions of the handshake, if they do.
const (
	rescueLooks = 5 * time.Second // without finding any
	rescuePause = time.Second     // between two attempts, one more each time
	rescueTells = 5               // how often far ends hear of an address that is gone; each reaches about half of them
)

// rescue is the care for connections whose subflows were cut.
type rescue struct {
	until time.Time
	// look and attempt are the earliest times for the next one.
	look, attempt  time.Time
	attempts, told int
	// gone are addresses of which far ends have been told so.
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
func (s *settler) lookAfter(lock *lockFile, r *reconciled) error {
	now := time.Now()
	if !s.rescue.looks() || now.Before(s.rescue.look) || slices.ContainsFunc(r.result.Ops, func(op plan.Op) bool { return op.Object == plan.ObjectEndpoint }) {
		return nil
	}
	s.rescue.look = now.Add(settleInterval - settleDebounce) // notifications come at any time
	state := &s.view.state
	all, err := kernel.Connections(func(local netip.Addr) bool {
		return r.result.UsesLine(state, local) || slices.Contains(s.rescue.gone, local)
	})
	if err != nil {
		return exitError{exitFailed, err}
	}
	if all.Count == 0 {
		s.rescue.until = now
		return nil
	}
	var ops []plan.Op
	if s.rescue.told < rescueTells {
		s.rescue.told++
		ops = r.result.RepeatRemoveAddr(s.rescue.gone, &all)
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
	ops = append(r.result.Rescue(state, all.WithoutSubflow, s.rescue.attempts), ops...)
	s.rescue.attempts++
	return s.apply(lock, r, ops)
}

// apply carries a rescue out. While it lasts, the lock file has the limit that a
// kill would leave lowered.
func (s *settler) apply(lock *lockFile, r *reconciled, ops []plan.Op) error {
	if len(ops) == 0 {
		return nil
	}
	old, err := lock.read()
	if err != nil {
		return exitError{exitFailed, err}
	}
	during := old
	during.lastID, during.limit = r.result.LastID, s.view.state.Limits.Subflows
	if err := lock.write(old, during); err != nil {
		return exitError{exitFailed, err}
	}
	result := reconciled{result: plan.Result{Ops: ops}}
	err = result.sort(s.kernel.Apply(ops))
	r.done = append(r.done, result.done...)
	r.warnings = append(r.warnings, result.warnings...)
	if err == nil {
		after := during
		after.limit = 0
		if err := lock.write(during, after); err != nil {
			r.warnings = append(r.warnings, err.Error())
		}
	}
	return err
}
