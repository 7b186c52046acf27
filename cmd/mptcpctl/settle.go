// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

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

func (o *options) settleFile() string { return o.lock + ".settle" }

// startSettle marks the event in settle's file and starts it, detached: the
// queue of netifd waits for this process, and must not wait for that one.
func (o *options) startSettle() error {
	f, err := os.OpenFile(o.settleFile(), os.O_WRONLY|os.O_CREATE|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	now := unix.NsecToTimeval(time.Now().UnixNano())
	err = unix.Futimes(int(f.Fd()), []unix.Timeval{now, now})
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	cmd := exec.Command("/proc/self/exe", "settle", "--config-dir", o.configDir, "--state-dir", o.stateDir,
		"--lock", o.lock, "--lock-timeout", o.lockTimeout.String(), "--syslog-socket", o.syslog)
	cmd.Args[0] = "mptcpctl" // not what this run was called as, which may be multipath
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	return cmd.Process.Release()
}

// stopSettle ends every settle, running or still starting: without its file it
// does nothing any more. The caller holds the lock.
func (o *options) stopSettle() error {
	if err := os.Remove(o.settleFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("settle: %w", err)
	}
	return nil
}

// called reports whether a settle that holds this file is still wanted: a run
// may have taken the file away, or made it anew for another settle.
func (o *options) called(alone *lockFile) bool {
	mine, err := alone.f.Stat()
	if err != nil {
		return false
	}
	now, err := os.Stat(o.settleFile())
	return err == nil && os.SameFile(mine, now)
}

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
			if err := alone.setPID(); err != nil {
				return exitError{exitFailed, err}
			}
			return o.settle(c.Context(), alone)
		},
	}
}

func (l *lockFile) setPID() error {
	if err := l.f.Truncate(0); err != nil {
		return err
	}
	_, err := l.f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
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
	k, err := kernel.Open()
	if err != nil {
		return exitError{exitFailed, err}
	}
	defer k.Close()
	wake, err := k.Notifications(ctx)
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

// lastEvent is when a run last asked for settle.
func (o *options) lastEvent() time.Time {
	info, err := os.Stat(o.settleFile())
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
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
