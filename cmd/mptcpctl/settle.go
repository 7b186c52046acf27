// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"github.com/mptcpctl/mptcpctl/pkg/kernel"
)

// How settle runs: it looks at the kernel once a second, gives notifications
// time to arrive together, and ends a minute after the last event.
const (
	settleInterval = time.Second
	settleDebounce = 100 * time.Millisecond
	settleLifetime = 60 * time.Second
	// settleHandover is how long a new settle waits for an old one to end; an
	// old one that goes on has seen the event by its file.
	settleHandover = 3 * time.Second
)

func newSettleCmd(o *options) *cobra.Command {
	return &cobra.Command{
		Use:    "settle",
		Short:  "Look after what a run has left waiting",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			alone, err := acquireThere(c.Context(), o.settleFile(), settleHandover)
			if errors.Is(err, errLocked) || errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return exitError{exitFailed, err}
			}
			defer alone.release()
			return o.settle(c.Context(), alone)
		},
	}
}

// settler is one life of settle.
type settler struct {
	*options
	alone  *lockFile
	kernel *kernel.Kernel
	log    *logger
	view   *view // nil: read everything anew
	// carriers are the devices whose endpoints wait for a carrier.
	carriers map[string]bool
	waiting  bool
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
	event := s.lastEvent()
	tick := time.NewTicker(settleInterval)
	defer tick.Stop()
	for {
		s.once(ctx)
		if !s.waiting || time.Since(event) > settleLifetime {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case _, ok := <-wake:
			if !ok {
				wake = nil // the socket failed: the clock goes on
				continue
			}
			event, s.view = time.Now(), nil
			time.Sleep(settleDebounce)
			drain(wake)
		case <-tick.C:
			if last := s.lastEvent(); last.After(event) {
				event, s.view = last, nil
			}
		}
	}
}

func drain(wake <-chan struct{}) {
	select {
	case <-wake:
	default:
	}
}

// once is one reconcile. A run that fails is logged and tried again with the
// next turn.
func (s *settler) once(ctx context.Context) {
	r, err := s.reconcileOnce(ctx)
	if ctx.Err() != nil {
		return
	}
	s.log.run("settle", r, err)
	var coded exitError
	if errors.As(err, &coded) && (coded.code == exitFailed || coded.code == exitLocked) {
		s.view, s.waiting = nil, true
	}
}

func (s *settler) reconcileOnce(ctx context.Context) (reconciled, error) {
	lock, err := s.enter(ctx)
	if err != nil {
		return reconciled{}, err
	}
	defer lock.release()
	if !s.called(s.alone) {
		s.waiting = false
		return reconciled{}, nil
	}
	if s.view == nil {
		if s.view, err = s.newView(ctx); err != nil {
			s.waiting = false
			return reconciled{}, err
		}
	}
	r, err := s.view.reconcile(s.kernel, lock, request{settling: true, carriers: s.carriers})
	for _, name := range returned(s.view.state.Devices, s.carriers) {
		delete(s.carriers, name)
	}
	for _, name := range r.result.NoCarrier {
		s.carriers[name] = true
	}
	s.waiting = len(r.result.Waiting) > 0 || len(s.carriers) > 0
	return r, err
}
