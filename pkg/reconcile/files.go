// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/netifd"
)

// Where the files lie that need not outlive a boot. OpenWrt has no /run, and the lock
// where its programs have theirs. Elsewhere /var/lock is a directory in which every
// user may make files, also one that is called like ours.
const (
	runDir       = "/run/mptcpctl"
	runDirNetifd = "/var/run/mptcpctl"
	lockNetifd   = "/var/lock/mptcpctl.lock"

	configDirElsewhere = "/etc/mptcpctl"
)

// withNetifd reports whether this machine has netifd. That costs a look at each directory
// of the PATH, and every file asks.
func (r *Runner) withNetifd() bool {
	if r.hasNetifd == nil {
		r.hasNetifd = new(netifd.Present(r.UbusSocket))
	}
	return *r.hasNetifd
}

func (r *Runner) runDirectory() string {
	if r.withNetifd() {
		return runDirNetifd
	}
	return runDir
}

// lockFile is LockFile, or its default.
func (r *Runner) lockFile() string {
	switch {
	case r.LockFile != "":
		return r.LockFile
	case r.withNetifd():
		return lockNetifd
	}
	return filepath.Join(runDir, "lock")
}

// file is the path of a file of Settle or Watch.
func (r *Runner) file(name string) string {
	if r.LockFile != "" {
		return r.LockFile + "." + name
	}
	return filepath.Join(r.runDirectory(), name)
}

// makeRunDir makes the directory of the files where it is missing. In one that other
// users may write to, they could put files of their own there first.
func (r *Runner) makeRunDir() error {
	if r.LockFile != "" {
		return nil
	}
	dir := r.runDirectory()
	err := os.Mkdir(dir, 0o755)
	if err == nil {
		return os.Chmod(dir, 0o755) // the umask may have taken something
	}
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		return &fs.PathError{Op: "stat", Path: dir, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR || st.Mode&0o022 != 0 || st.Uid != 0 && int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("%s: %w", dir, errNotOwnDir)
	}
	return nil
}

var errNotOwnDir = errors.New("not a directory that this user alone owns and may write to")

// SinceBoot is the time since the machine was booted, also of that in which it slept.
// Unlike the time of a file it knows nothing of a clock that is set.
func SinceBoot() time.Duration {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &now) // it cannot fail: all kernels since 2.6.39 have it
	return time.Duration(now.Nano())
}
