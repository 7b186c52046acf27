// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/kernel"
)

// How Watch runs. A first change waits a moment for those that belong to it,
// and lets netifd's hotplug go first. While changes do not cease the wait
// doubles, so that a storm of any length costs little.
const (
	watchGather  = 50 * time.Millisecond
	watchSlowest = 5 * time.Second
	watchQuiet   = time.Second // without a change the wait is short again

	watchRetry     = 2 * time.Second // after a failure, doubled each time
	watchLastRetry = time.Minute
)

// watcher is one call of Watch.
type watcher struct {
	*Runner
	kernel *kernel.Kernel
	wake   <-chan struct{} // changes in the kernel
	files  <-chan struct{} // changes of the configuration; nil: they are not noticed
	reload <-chan os.Signal
	report Report
	// gather is how long the next change waits for others.
	gather time.Duration
	retry  time.Duration // 0: the last run did not fail
	health *checker
}

func (r *Runner) watchFile() string { return r.file("watch") }

// Watched reports whether a process watches.
func (r *Runner) Watched(ctx context.Context) bool {
	own, err := acquireExisting(ctx, r.watchFile(), 0)
	if err == nil {
		_ = own.Release()
	}
	return errors.Is(err, ErrLocked)
}

// Watch runs once, and again whenever the kernel reports a change, the file of the
// configuration changes, or reload has a value, until ctx ends. The error is
// ErrLocked where another process watches. What is wrong with a single run is reported,
// and does not end it.
func (r *Runner) Watch(ctx context.Context, reload <-chan os.Signal, report Report) error {
	if err := r.makeRunDir(); err != nil {
		return wrap("lock", err)
	}
	own, err := Acquire(ctx, r.watchFile(), 0)
	if errors.Is(err, ErrLocked) {
		return of(ErrLocked, errors.New("another watch is running"))
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
	wake, err := k.Changes(ctx)
	if err != nil {
		return err
	}
	files, err := r.Source().Notifications(ctx, Package)
	if err != nil {
		report(Outcome{}, fmt.Errorf("changes of %s are not noticed: %w", r.ConfigFile(), err))
	}
	w := &watcher{Runner: r, kernel: k, wake: wake, files: files, reload: reload, report: report, gather: watchGather}
	w.health = &checker{run: r, report: func(err error) { report(Outcome{}, err) }}
	defer w.health.close(ctx)
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
	for woken := false; !woken; {
		select {
		case <-ctx.Done():
			return nil
		case <-again:
			return nil
		case <-w.reload:
			return nil
		case <-w.tick():
			if w.health.tick(ctx) {
				return nil // a verdict waits for nothing
			}
		case _, open := <-w.files:
			if !open {
				w.files = nil
			}
			woken = true
		case _, open := <-w.wake:
			if !open && ctx.Err() == nil {
				return errors.New("the kernel's notifications have ended")
			}
			woken = true
		}
	}
	if time.Since(rested) > watchQuiet {
		w.gather = watchGather
	}
	w.gatherChanges(ctx)
	w.gather = min(2*w.gather, watchSlowest)
	drain(w.wake)
	drain(w.files)
	return nil
}

// gatherChanges lets changes arrive together.
func (w *watcher) gatherChanges(ctx context.Context) {
	for end := time.After(w.gather); ; {
		select {
		case <-ctx.Done():
			return
		case <-end:
			return
		case <-w.tick():
			if w.health.tick(ctx) {
				return
			}
		}
	}
}

// tick has a value when the health of the lines is to be looked at.
func (w *watcher) tick() <-chan time.Time {
	if pause := w.health.pause(); pause > 0 {
		return time.After(pause)
	}
	return nil
}

// once is one run, as for an event of netifd.
func (w *watcher) once(ctx context.Context) {
	outcome, err := w.run(ctx)
	if ctx.Err() != nil {
		return
	}
	if transient(err) {
		w.retry = min(max(2*w.retry, watchRetry), watchLastRetry)
	} else {
		w.retry = 0
	}
	w.report(outcome, err)
}

func (w *watcher) run(ctx context.Context) (Outcome, error) {
	lock, err := w.Lock(ctx)
	if err != nil {
		return Outcome{}, err
	}
	defer lock.Release()
	outcome, err := w.runWith(ctx, w.kernel, lock, Request{})
	if err == nil || len(outcome.Result.Lines) > 0 {
		w.health.configure(ctx, outcome.checks, outcome.Result.Lines)
	}
	return outcome, err
}
