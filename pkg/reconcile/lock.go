// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/file"
)

// Lock is an flock that ends with the process. Its content is a hint for the next
// run: the endpoint id that was given last and the tables that hold managed routes.
// Nothing depends on it but speed and the choice of ids.
type Lock struct{ f *os.File }

// pollInterval is how often a held lock is tried again; flock has no time
// limit of its own.
const pollInterval = 20 * time.Millisecond

// Acquire makes the file where it is missing and takes the lock, or gives ErrLocked
// after the timeout.
func Acquire(ctx context.Context, path string, timeout time.Duration) (*Lock, error) {
	return acquireFlags(ctx, path, timeout, os.O_CREATE)
}

// acquireExisting is Acquire for a file that must exist.
func acquireExisting(ctx context.Context, path string, timeout time.Duration) (*Lock, error) {
	return acquireFlags(ctx, path, timeout, 0)
}

func acquireFlags(ctx context.Context, path string, timeout time.Duration, flags int) (*Lock, error) {
	f, err := openOwn(path, os.O_RDWR|flags)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	deadline := time.Now().Add(timeout)
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return &Lock{f}, nil
		case errors.Is(err, unix.EINTR):
			continue
		case !errors.Is(err, unix.EWOULDBLOCK):
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
		case time.Now().After(deadline):
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, ErrLocked), f.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, ctx.Err()), f.Close())
		case <-time.After(pollInterval):
		}
	}
}

var errNotOwn = errors.New("not a regular file with one link that this user owns")

// openOwn opens a file that is written to. In a directory in which every user may
// write, as /var/lock is on OpenWrt, there may be something else in its place: a link,
// a pipe, or a file of another user.
func openOwn(path string, flags int) (*os.File, error) {
	f, err := file.Open(path, flags|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	err = unix.Fstat(int(f.Fd()), &st)
	if err == nil && (st.Mode&unix.S_IFMT != unix.S_IFREG || st.Nlink > 1 || int(st.Uid) != os.Geteuid()) {
		err = fmt.Errorf("%s: %w", path, errNotOwn)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Release gives the lock back.
func (l *Lock) Release() error { return l.f.Close() }
