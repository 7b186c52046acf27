// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/kernel"
)

// How settle runs: it looks at the kernel once a second, gives notifications
// time to arrive together, and ends a minute after the last event.
const (
	settleInterval = time.Second
	settleDebounce = 100 * time.Millisecond
	settleLifetime = 60 * time.Second
)

// settler is one life of settle.
type settler struct {
	*options
	alone  *lockFile
	kernel *kernel.Kernel
	log    *logger
	view   *view // nil: read everything anew
	// event is when the last run for an event looked, by the settle file.
	event time.Time
	// carriers are the devices whose endpoints wait for a carrier.
	carriers map[string]bool
	rescue   rescue
}

// settle reconciles until nothing waits any more.
func (o *options) settle(ctx context.Context, alone *lockFile) error {
	k, err := openKernel()
	if err != nil {
		return err
	}
	defer k.Close()
	wake, err := kernel.Notifications(ctx)
	if err != nil {
		return exitError{exitFailed, err}
	}
	s := &settler{options: o, alone: alone, kernel: k, log: newLogger(o), carriers: make(map[string]bool)}
	defer s.log.close()
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
			s.view = nil
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

// once is one reconcile; done says that settle has nothing more to do. Whether
// it goes on is decided under the lock, and so is its own lock given up: a run
// that leaves something waiting finds either a settle that will look again, or
// none.
func (s *settler) once(ctx context.Context) (done bool) {
	lock, err := s.enter(ctx)
	if err != nil {
		s.log.run("settle", reconciled{}, err)
		return !errors.Is(err, errLocked) // where it cannot be had, no run has it either
	}
	defer lock.release()
	if !s.called(s.alone) {
		return true
	}
	r, err := s.reconcile(ctx, lock)
	if err == nil {
		err = s.lookAfter(lock, &r)
	}
	if ctx.Err() == nil {
		s.log.run("settle", r, err)
	}
	waiting := len(r.result.Waiting) > 0 || len(s.carriers) > 0 || s.rescue.looks()
	var coded exitError
	if errors.As(err, &coded) && coded.code == exitFailed {
		s.view, waiting = nil, true // it may do better next time
	}
	if done = !waiting || time.Since(s.event) > settleLifetime; done {
		_ = s.alone.release() // it would be closed by the end of the process too
	}
	return done
}

// reconcile applies what the kernel's state asks for. Configuration and netifd
// are read anew when a notification came, or another run was here.
func (s *settler) reconcile(ctx context.Context, lock *lockFile) (reconciled, error) {
	called, err := s.alone.takeCall()
	if err != nil {
		return reconciled{}, exitError{exitFailed, err}
	}
	if called.event.After(s.event) {
		s.event, s.view = called.event, nil
	}
	for _, name := range called.carriers {
		s.carriers[name] = true
	}
	if called.cuts {
		s.rescue.begin(called.gone)
	}
	if s.view == nil {
		if s.view, err = s.newView(ctx); err != nil {
			return reconciled{}, err
		}
	}
	r, err := s.view.reconcile(s.kernel, lock, request{settling: true, carriers: s.carriers})
	var coded exitError
	if !errors.As(err, &coded) || coded.code != exitFailed {
		clear(s.carriers) // they are renewed, or nobody wants them any more
	}
	for _, name := range r.result.NoCarrier {
		s.carriers[name] = true
	}
	if r.result.MayNeedRescue() {
		s.rescue.begin(r.result.RemovedAddrs())
	}
	return r, err
}
