// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/kernel"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// SettleLifetime is how long Settle goes on after the last event.
const SettleLifetime = 60 * time.Second

// How Settle runs: it looks at the kernel once a second, and gives notifications
// time to arrive together.
const (
	settleInterval = time.Second
	settleDebounce = 100 * time.Millisecond
)

// Report is called after each run of Settle and Watch.
type Report func(Outcome, error)

// settler is one call of Settle.
type settler struct {
	*Runner
	own    *Lock // of settle's file
	kernel *kernel.Kernel
	report Report
	seen   *Observation // nil: read everything again
	// event is when the last run for an event looked, by the settle file.
	event time.Duration
	// carriers are the devices whose endpoints wait for a carrier.
	carriers map[string]bool
	rescue   rescue
	flags    flagWatch
	joins    joins
	look     look // after a reload
	failed   bool // the last run has
}

// Settle applies what earlier runs have left waiting, until nothing waits any more or
// a minute has passed since the last event. It returns at once where another process
// settles, or nothing waits.
func (r *Runner) Settle(ctx context.Context, report Report) error {
	own, err := acquireExisting(ctx, r.settleFile(), 0)
	if errors.Is(err, ErrLocked) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer own.Release()
	k, err := openKernel()
	if err != nil {
		return err
	}
	defer k.Close()
	wake, err := kernel.Notifications(ctx)
	if err != nil {
		return err
	}
	s := &settler{Runner: r, own: own, kernel: k, report: report, carriers: make(map[string]bool)}
	tick := time.NewTicker(settleInterval)
	defer tick.Stop()
	for !s.once(ctx) {
		select {
		case <-ctx.Done():
			return nil
		case _, ok := <-wake:
			if !ok {
				wake = nil // the socket failed: the clock goes on
				continue
			}
			s.seen = nil
			time.Sleep(settleDebounce)
			drain(wake)
		case <-tick.C:
		}
	}
	return nil
}

func drain(wake <-chan struct{}) {
	select {
	case <-wake:
	default:
	}
}

// once is one run; done says that settle has nothing more to do. The report waits
// until the lock is given back: a system log that is busy must not stop other runs. An
// error is reported when the next look has one too: a line may go between a look and what
// it leads to, and settle looks often while lines go.
func (s *settler) once(ctx context.Context) (done bool) {
	outcome, done, err := s.onceLocked(ctx)
	first := transient(err) && !s.failed
	if s.failed = transient(err); first && !done {
		err = nil
	}
	if ctx.Err() == nil {
		s.report(outcome, err)
	}
	return done
}

// onceLocked is what once does under the lock. Whether it goes on is decided there, and so is
// its own lock given up: a run that leaves something waiting finds either a settle that
// will look again, or none.
func (s *settler) onceLocked(ctx context.Context) (outcome Outcome, done bool, err error) {
	lock, err := s.Lock(ctx)
	if err != nil {
		return outcome, !errors.Is(err, ErrLocked), err // where it cannot be had, no run has it either
	}
	defer lock.Release()
	if !s.called(s.own) {
		return outcome, true, nil
	}
	outcome, err = s.run(ctx, lock)
	if err == nil {
		err = s.lookAfter(lock, &outcome)
	}
	if err == nil {
		err = s.lookAtFlags(lock, &outcome)
	}
	waiting := len(outcome.Result.Waiting) > 0 || len(s.carriers) > 0 || s.rescue.looks() || s.flags.looks() || s.joins.wanted || s.look.goesOn()
	if transient(err) {
		s.seen, waiting = nil, true // it may do better next time
	}
	if done = !waiting || SinceBoot()-s.event > SettleLifetime; done {
		_ = s.own.Release() // it would be closed by the end of the process too
	}
	return outcome, done, err
}

// transient reports whether the same run may do better at another time. What is wrong
// with a configuration stays so.
func transient(err error) bool { return err != nil && !errors.Is(err, ErrConfig) }

// run applies what the kernel's state asks for. Configuration and netifd
// are read again when a notification came, or another run was here.
func (s *settler) run(ctx context.Context, lock *Lock) (Outcome, error) {
	called, err := s.own.takeCall()
	if err != nil {
		return Outcome{}, err
	}
	if called.event > s.event {
		s.event, s.seen, s.joins = called.event, nil, joins{}
	}
	for _, name := range called.carriers {
		s.carriers[name] = true
	}
	if called.rescue {
		s.rescue.begin(called.gone)
	}
	if called.look {
		s.look.begin()
	}
	if s.seen == nil || s.look.goesOn() {
		if s.seen, err = s.read(ctx); err != nil {
			s.look.see(nil, err)
			return Outcome{}, err
		}
	}
	req := Request{settling: true, carriers: s.carriers, heal: s.flags.heal}
	outcome, err := s.seen.run(s.kernel, lock, req)
	if errors.Is(err, ErrNotHealed) { // some connection has its only path there: the subflows stay as they are
		req.heal = nil
		outcome, err = s.seen.run(s.kernel, lock, req)
	}
	s.flags.heal = nil
	s.look.see(s.seen, err)
	if !transient(err) {
		clear(s.carriers) // they are renewed, or not wanted any more
	}
	for _, name := range outcome.Result.NoCarrier {
		s.carriers[name] = true
	}
	for _, name := range s.joins.again(outcome.Result.Unjoined) {
		s.carriers[name] = true
	}
	if s.joins.spent && slices.Contains(outcome.Result.Waiting, plan.WaitLine) {
		outcome.Problems = errors.Join(outcome.Problems, fmt.Errorf("%s, after %d attempts to give them another subflow", plan.WaitLine, rescueTries))
	}
	if outcome.Result.MayNeedRescue() || outcome.Result.Joins() {
		s.rescue.begin(outcome.Result.RemovedAddrs())
	}
	if outcome.flags && (!s.flags.looks() || called.event != 0 || changesFlags(outcome.Done)) {
		s.flags = flagWatch{until: time.Now().Add(flagLooks)}
	}
	return outcome, err
}
