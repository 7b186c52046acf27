// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

func (o *options) settleFile() string { return o.lock + ".settle" }

// callSettle tells settle that a run has looked, and starts one, detached, where
// something waits and none is running: the queue of netifd waits for this
// process, and must not wait for that one. The caller holds the lock.
func (o *options) callSettle(r plan.Result) error {
	flags := os.O_RDWR | os.O_APPEND
	if len(r.Waiting) > 0 {
		flags |= os.O_CREATE
	}
	f, err := openOwn(o.settleFile(), flags)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	running, err := (&lockFile{f}).call(r.NoCarrier)
	// Closed before settle starts, which wants the lock that was tried here.
	if err := errors.Join(err, f.Close()); err != nil || running || len(r.Waiting) == 0 {
		return err
	}
	return o.startSettle()
}

// call leaves what settle has to know in its file: that there was an event, by
// the time of the change, and the devices that wait for a carrier, a line each.
// It reports whether a settle runs, which will look again.
func (l *lockFile) call(carriers []string) (running bool, err error) {
	text := strings.Join(append([]string{""}, carriers...), "\n")
	if _, err := l.f.WriteString(text + "\n"); err != nil {
		return false, fmt.Errorf("settle: %w", err)
	}
	err = unix.Flock(int(l.f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return true, nil
	}
	return false, err
}

// takeCall reads what runs have left, and takes it out.
func (l *lockFile) takeCall() (event time.Time, carriers []string, err error) {
	info, err := l.f.Stat()
	if err != nil {
		return event, nil, fmt.Errorf("settle: %w", err)
	}
	data, err := io.ReadAll(io.NewSectionReader(l.f, 0, maxHint))
	if err != nil {
		return event, nil, fmt.Errorf("settle: %w", err)
	}
	if len(data) == 0 {
		return event, nil, nil
	}
	for line := range strings.Lines(string(data)) {
		if name := strings.TrimSuffix(line, "\n"); name != "" {
			carriers = append(carriers, name)
		}
	}
	return info.ModTime(), carriers, l.f.Truncate(0)
}

// startSettle starts it in a session of its own.
func (o *options) startSettle() error {
	cmd := exec.Command("/proc/self/exe", "settle", "--config-dir", o.configDir, "--state-dir", o.stateDir,
		"--lock", o.lock, "--lock-timeout", o.lockTimeout.String(), "--syslog-socket", o.syslog)
	cmd.Args[0] = "mptcpctl" // not the path below /proc
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
