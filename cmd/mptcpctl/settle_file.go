// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
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

// lastEvent is when a run last asked for settle.
func (o *options) lastEvent() time.Time {
	info, err := os.Stat(o.settleFile())
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}
