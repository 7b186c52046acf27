// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/kernel"
)

// How watch runs. A first change waits a moment for those that belong to it,
// and lets netifd's hotplug go first. While changes do not cease the wait
// doubles, so that a storm of any length costs little.
const (
	watchGather  = 50 * time.Millisecond
	watchSlowest = 5 * time.Second
	watchQuiet   = time.Second // without a change the wait is short again

	watchRetry     = 2 * time.Second // after a failure, doubled each time
	watchLastRetry = time.Minute
)

// watcher is one life of watch.
type watcher struct {
	*options
	kernel *kernel.Kernel
	wake   <-chan struct{}
	// gather is how long the next change waits for others.
	gather time.Duration
	retry  time.Duration // 0: the last run did not fail
	said   string        // the error that was logged last
}

// watch reconciles until ctx ends.
func (o *options) watch(ctx context.Context) error {
	k, err := openKernel()
	if err != nil {
		return err
	}
	defer k.Close()
	wake, err := k.Changes(ctx)
	if err != nil {
		return exitError{exitFailed, err}
	}
	w := &watcher{options: o, kernel: k, wake: wake, gather: watchGather}
	for {
		w.once(ctx)
		if err := w.wait(ctx); err != nil || ctx.Err() != nil {
			return err
		}
	}
}

// wait returns when it is time for another run, or ctx ends.
func (w *watcher) wait(ctx context.Context) error {
	var again <-chan time.Time
	if w.retry > 0 {
		again = time.After(w.retry)
	}
	rested := time.Now()
	select {
	case <-ctx.Done():
		return nil
	case <-again:
		return nil
	case _, open := <-w.wake:
		if !open && ctx.Err() == nil {
			return exitError{exitFailed, errors.New("the kernel's notifications have ended")}
		}
	}
	if time.Since(rested) > watchQuiet {
		w.gather = watchGather
	}
	select {
	case <-ctx.Done():
	case <-time.After(w.gather):
	}
	w.gather = min(2*w.gather, watchSlowest)
	drain(w.wake)
	return nil
}

// once is one reconcile, as for an event of netifd.
func (w *watcher) once(ctx context.Context) {
	r, err := w.reconcile(ctx)
	if ctx.Err() != nil {
		return
	}
	var coded exitError
	if errors.As(err, &coded) && (coded.code == exitFailed || coded.code == exitLocked) {
		w.retry = min(max(2*w.retry, watchRetry), watchLastRetry)
	} else {
		w.retry = 0 // what is wrong with a configuration stays so
	}
	w.tell(r, err)
}

func (w *watcher) reconcile(ctx context.Context) (reconciled, error) {
	lock, err := w.enter(ctx)
	if err != nil {
		return reconciled{}, err
	}
	defer lock.release()
	return w.reconcileBy(ctx, w.kernel, lock, request{})
}

// tell logs a run, but not the error that the last one ended with too.
func (w *watcher) tell(r reconciled, err error) {
	said := w.said
	if w.said = ""; err != nil {
		w.said = err.Error()
	}
	if w.said == said {
		err = nil
	}
	// Opened for each run: the system log may have been started anew.
	log := newLogger(w.options)
	defer log.close()
	log.run("watch", r, err)
}
