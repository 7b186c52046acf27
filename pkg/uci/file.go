// SPDX-License-Identifier: Apache-2.0

package uci

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

var (
	errNotRegular = errors.New("not a regular file")
	errSymlink    = errors.New("a symbolic link")
	errUntrusted  = errors.New("users other than root and this one may write to it")
)

// How a file is read.
const (
	unfollowed = 1 << iota // a symbolic link is an error
	trusted                // what others than root and the caller may write to is one
	locked                 // under a shared lock, as libuci does
)

// readFile reads a regular file whole, but not more than MaxSize, with as few calls as
// there can be: package os would try to have it polled. A relative path is one in dir,
// which is unix.AT_FDCWD or a descriptor. A pipe would be waited for, under the lock of
// a run: it is an error. st tells what was read.
func readFile(ctx context.Context, dir int, path string, how int, st *unix.Stat_t) ([]byte, error) {
	flags := unix.O_RDONLY | unix.O_NONBLOCK
	if how&unfollowed != 0 {
		flags |= unix.O_NOFOLLOW
	}
	fd, err := open(dir, path, flags)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	err = check(fd, st, unix.S_IFREG, how&trusted != 0)
	if err == nil && how&locked != 0 {
		err = flock(ctx, fd, unix.LOCK_SH)
	}
	if err != nil {
		return nil, err
	}
	return readAll(fd, st.Size)
}

// inFlux reports whether another file has taken the place of the one that was read, or
// is about to: whoever replaces it holds its lock.
func inFlux(path string, read *unix.Stat_t) bool {
	fd, err := open(unix.AT_FDCWD, path, unix.O_RDONLY|unix.O_NONBLOCK)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	var now unix.Stat_t
	return unix.Fstat(fd, &now) == nil && (now.Ino != read.Ino || now.Mtim != read.Mtim) || unix.Flock(fd, unix.LOCK_SH|unix.LOCK_NB) == unix.EWOULDBLOCK
}

// open opens what is there. Its errors are errno values, but for errSymlink.
func open(dir int, path string, flags int) (fd int, err error) {
	for {
		fd, err = unix.Openat(dir, path, flags|unix.O_CLOEXEC, 0)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.ELOOP && flags&unix.O_NOFOLLOW != 0:
			err = errSymlink
		case err == unix.ENXIO: // a socket
			err = errNotRegular
		}
		return fd, err
	}
}

// check refuses what is of another kind and, if asked to, what others than root and the
// caller may write to.
func check(fd int, st *unix.Stat_t, kind uint32, trust bool) error {
	switch err := unix.Fstat(fd, st); {
	case err != nil:
		return err
	case st.Mode&unix.S_IFMT != kind:
		return errNotRegular
	case trust && (st.Mode&0o022 != 0 || st.Uid != 0 && int(st.Uid) != os.Geteuid()):
		return errUntrusted
	}
	return nil
}

// readAll reads a regular file to its end, but not more than MaxSize. size is what is
// expected: where it has not grown meanwhile, one call is enough, which gets fewer bytes
// than it asks for.
func readAll(fd int, size int64) ([]byte, error) {
	if size > MaxSize {
		return nil, ErrTooLarge
	}
	for data := make([]byte, 0, size+1); ; {
		n, err := unix.Read(fd, data[len(data):cap(data)])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, err
		}
		data = data[:len(data)+n]
		switch {
		case len(data) > MaxSize:
			return nil, ErrTooLarge
		case len(data) < cap(data):
			return data, nil
		}
		data = append(data, 0)[:len(data)]
	}
}

const (
	// How long another is waited for who holds the lock of a file, 5 s in all. libuci
	// holds it for one read or write.
	lockTries = 500
	lockPoll  = 10 * time.Millisecond
)

// flock waits for the lock of a file.
func flock(ctx context.Context, fd, how int) error {
	for range lockTries {
		err := unix.Flock(fd, how|unix.LOCK_NB)
		if err != unix.EWOULDBLOCK && err != unix.EINTR {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		time.Sleep(lockPoll)
	}
	return context.DeadlineExceeded
}
