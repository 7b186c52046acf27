// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/doctor"
)

// lockPatience is longer than any run holds the lock.
const lockPatience = 5 * time.Second

// tryLock finds out whether a run could have the lock.
func (r *Runner) tryLock(ctx context.Context, f *doctor.Facts) {
	try := *r
	try.LockTimeout = min(r.LockTimeout, lockPatience)
	lock, err := try.Lock(ctx)
	switch {
	case err == nil:
		_ = lock.Release()
	case errors.Is(err, ErrNotPrivileged):
		f.Unchecked = append(f.Unchecked, "the lock: only root can try it")
	case ctx.Err() == nil:
		f.Lock, f.LockFile = err.Error(), r.lockFile()
		if errors.Is(err, ErrLocked) {
			f.Holder = holder(f.LockFile)
		}
	}
}

// holder is the process that holds an flock of a file, by /proc/locks: "1: FLOCK
// ADVISORY WRITE PID MAJOR:MINOR:INODE 0 EOF" (lock_get_status in fs/locks.c). 0: it is
// in another container, or gone.
func holder(path string) int {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return 0
	}
	text, _ := os.ReadFile("/proc/locks") // without it no process is named
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) < 6 || words[1] != "FLOCK" || !strings.HasSuffix(words[5], ":"+strconv.FormatUint(st.Ino, 10)) {
			continue
		}
		pid, _ := strconv.Atoi(words[4])
		return max(pid, 0)
	}
	return 0
}
