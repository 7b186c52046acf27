// SPDX-License-Identifier: Apache-2.0

package uci

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// stateMode is the mode of a new state file (UCI_FILEMODE in libuci's uci.h).
	stateMode = 0o600
	// stateDirMode is what OpenWrt gives /var/state.
	stateDirMode = 0o755
	// lockWait bounds the wait for other writers of a state file. libuci holds its
	// lock for one write.
	lockWait = 5 * time.Second
	lockPoll = 10 * time.Millisecond
)

// SetState makes a runtime choice: it writes one line PACKAGE.SECTION.OPTION='VALUE'
// into the state directory's file, as "uci -P" would, and takes the older lines about
// that option away. Every other line stays as it is, except for what no uci writes and
// what would hide the added line: a last line that ends inside an open quote or with a
// backslash, and lines with NUL bytes. The directory is made where it is missing. The
// file is locked as libuci locks it. It must be no symbolic link. Whatever interrupts
// the call, the file says the old or the new thing.
//
// The error wraps ErrInvalid for names and values that UCI cannot hold; the empty
// value is one, because it would mean UnsetState.
func (s Source) SetState(ctx context.Context, pkg, section, option, value string) error {
	if err := errors.Join(checkSetting(pkg, section, option), checkValue(value)); err != nil {
		return err
	}
	if s.StateDir == "" {
		return errors.New("there is no state directory")
	}
	line := fmt.Sprintf("%s.%s.%s='%s'\n", pkg, section, option, escape(value))
	err := os.Mkdir(s.StateDir, stateDirMode)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("state directory: %w", err)
	}
	return editState(ctx, s.statePath(pkg), os.O_RDWR|os.O_CREATE, func(old []byte) []byte {
		return append(without(old, pkg, section, option, true), line...)
	})
}

// UnsetState takes a runtime choice back: it removes every line about that option
// from the state file, and keeps the others as they are. No such line, or no file,
// is no error.
func (s Source) UnsetState(ctx context.Context, pkg, section, option string) error {
	if err := checkSetting(pkg, section, option); err != nil {
		return err
	}
	if s.StateDir == "" {
		return nil
	}
	err := editState(ctx, s.statePath(pkg), os.O_RDWR, func(old []byte) []byte {
		return without(old, pkg, section, option, false)
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (s Source) statePath(pkg string) string { return filepath.Join(s.StateDir, pkg) }

// without returns a copy of a delta file that lacks the changes of one option. With
// sealed a line can be added to it: it ends with a newline, and lacks what would make
// that line its continuation.
func without(data []byte, pkg, section, option string, sealed bool) []byte {
	kept := make([]byte, 0, len(data)+128)
	// The newline comes first: behind a backslash and a carriage return it is what
	// makes the next line a continuation.
	if sealed && len(data) > 0 && !bytes.HasSuffix(data, []byte("\n")) {
		data = append(slices.Clip(data), '\n')
	}
	l := lexer{in: data}
	for read := 0; len(l.in) > 0; {
		l.begin()
		c, err := readChange(&l)
		text := data[read : len(data)-len(l.in)]
		read += len(text)
		switch {
		case err == nil && c.pkg == pkg && c.section == section && c.option == option:
		case sealed && (l.open || bytes.IndexByte(text, 0) >= 0):
		default:
			kept = append(kept, text...)
		}
	}
	return kept
}

// editState replaces the content of a file under its lock. What only adds one line
// is appended in place, as libuci does, so that a uci which waits for the lock loses
// nothing; a line cut short has no closing quote and therefore no meaning. Everything
// else goes to a new file that takes the old one's place.
func editState(ctx context.Context, path string, flags int, edit func([]byte) []byte) error {
	f, err := openLocked(ctx, path, flags, unix.LOCK_EX)
	if err != nil {
		return err
	}
	defer f.Close()
	old, err := readAll(f)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	content := edit(slices.Clone(old))
	added, ok := bytes.CutPrefix(content, old)
	switch {
	case ok && len(added) == 0:
		return nil
	case ok && bytes.Count(added, []byte("'")) == 2:
		return appendTo(f, int64(len(old)), added)
	}
	return replaceFile(path, f, content)
}

func appendTo(f *os.File, size int64, line []byte) error {
	if _, err := f.WriteAt(line, size); err != nil {
		return errors.Join(err, f.Truncate(size))
	}
	return f.Sync()
}

// replaceFile puts a file with that content in the place of f, with f's mode and
// owner. The caller holds f's lock, so that one name for the new file is enough.
func replaceFile(path string, f *os.File, content []byte) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	dir, name := filepath.Split(path)
	temporary := filepath.Join(dir, "."+name+".mptcpctl")
	if err := os.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	err := writeFile(temporary, content, st)
	if err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		return errors.Join(err, removeIfThere(temporary))
	}
	return nil
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func writeFile(path string, content []byte, like unix.Stat_t) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, stateMode)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil && (int(like.Uid) != os.Geteuid() || int(like.Gid) != os.Getegid()) {
		err = f.Chown(int(like.Uid), int(like.Gid))
	}
	if err == nil {
		err = f.Chmod(fs.FileMode(like.Mode).Perm())
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// openLocked opens a regular file, and no symbolic link, and locks it as
// uci_open_stream in libuci's util.c does. Who waited may hold the lock of a file
// that was replaced meanwhile; then it opens the new one.
func openLocked(ctx context.Context, path string, flags, how int) (*os.File, error) {
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	for {
		f, err := os.OpenFile(path, flags|unix.O_NOFOLLOW|unix.O_NONBLOCK, stateMode)
		if errors.Is(err, unix.ELOOP) {
			return nil, fmt.Errorf("%s is a symbolic link, which is not followed: %w", path, err)
		}
		if err != nil {
			return nil, err
		}
		current, err := lock(ctx, f, how)
		if err == nil && current {
			return f, nil
		}
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
	}
}

// lock waits for the lock and reports whether f is still the file of its name.
func lock(ctx context.Context, f *os.File, how int) (current bool, err error) {
	opened, err := f.Stat()
	if err != nil {
		return false, err
	}
	if !opened.Mode().IsRegular() {
		return false, errors.New("not a regular file")
	}
	// What is appended must not end up in a file that is known by another name.
	if st, ok := opened.Sys().(*syscall.Stat_t); ok && how == unix.LOCK_EX && st.Nlink > 1 {
		return false, errors.New("the file has more than one link")
	}
	for {
		err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
		if err == nil {
			break
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return false, err
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(lockPoll):
		}
	}
	named, err := os.Lstat(f.Name())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(opened, named), err
}

// readAll reads a whole file, but not more than MaxSize.
func readAll(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxSize+1))
	if err == nil && len(data) > MaxSize {
		err = ErrTooLarge
	}
	return data, err
}
