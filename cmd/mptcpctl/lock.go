// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// lockFile is an flock that ends with the process. Its content is a hint for
// the next run: the endpoint id that was given last and the tables that hold
// routes of ours. Nothing depends on it but speed and the choice of ids.
type lockFile struct{ f *os.File }

var errLocked = errors.New("another run holds the lock")

// pollInterval is how often a held lock is tried again; flock has no time
// limit of its own.
const pollInterval = 20 * time.Millisecond

// acquire makes the file where it is missing and takes the lock, or gives
// errLocked after the timeout.
func acquire(ctx context.Context, path string, timeout time.Duration) (*lockFile, error) {
	return acquireFlags(ctx, path, timeout, os.O_CREATE)
}

// acquireThere is acquire for a file that must be there.
func acquireThere(ctx context.Context, path string, timeout time.Duration) (*lockFile, error) {
	return acquireFlags(ctx, path, timeout, 0)
}

func acquireFlags(ctx context.Context, path string, timeout time.Duration, flags int) (*lockFile, error) {
	f, err := openOwn(path, os.O_RDWR|flags)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	deadline := time.Now().Add(timeout)
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return &lockFile{f}, nil
		case errors.Is(err, unix.EINTR):
			continue
		case !errors.Is(err, unix.EWOULDBLOCK):
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
		case time.Now().After(deadline):
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, errLocked), f.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, ctx.Err()), f.Close())
		case <-time.After(pollInterval):
		}
	}
}

var errNotOwn = errors.New("not a file of this user's own with one name")

// openOwn opens a file that is written to. In a directory that is everybody's, as
// /var/lock is on OpenWrt, somebody else may have put another file's name in its
// place: a link, a pipe, or a file of his own.
func openOwn(path string, flags int) (*os.File, error) {
	f, err := os.OpenFile(path, flags|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0o600)
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

func (l *lockFile) release() error { return l.f.Close() }
