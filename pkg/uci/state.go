// SPDX-License-Identifier: Apache-2.0

package uci

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// stateMode is the mode of a new state file (UCI_FILEMODE in libuci's uci.h).
	stateMode = 0o600
	// stateDirMode is what OpenWrt gives /var/state.
	stateDirMode = 0o755
	// typicalState is the size in bytes of most state files.
	typicalState = 4 << 10
	// maxState is the size in bytes from which on a state file is tidied up.
	maxState = 64 << 10
)

// SetState makes a runtime choice: it appends one line PACKAGE.SECTION.OPTION='VALUE'
// to the state directory's file, as "uci -P" would, unless that is the last line
// already. In a file of more than 64 kB it also takes away the lines about that option
// that a later one has replaced. Every other line stays as it is, except for what no uci
// writes and what would hide our line: a last line that ends inside an open quote or
// with a backslash, and lines with NUL bytes. The directory is made where it is missing.
// The file is locked and written in place, as libuci does: a uci that waits for the lock
// goes on in the file that it has opened. It must be no symbolic link.
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
	return editState(ctx, s.statePath(pkg), os.O_CREATE, func(old []byte) []byte {
		return withChoice(old, pkg, section, option, line)
	})
}

// UnsetState takes a runtime choice back: it removes every line about that option
// from the state file, and keeps the others as they are. The file is written in place.
// No such line, or no file, is no error.
func (s Source) UnsetState(ctx context.Context, pkg, section, option string) error {
	if err := checkSetting(pkg, section, option); err != nil {
		return err
	}
	if s.StateDir == "" {
		return nil
	}
	err := editState(ctx, s.statePath(pkg), 0, func(old []byte) []byte {
		return withoutChoice(old, pkg, section, option)
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (s *Source) statePath(pkg string) string { return filepath.Join(s.StateDir, pkg) }

// withChoice is what becomes of a state file by one more line, about that option.
func withChoice(old []byte, pkg, section, option, line string) []byte {
	size := len(old)
	// The newline comes first: behind a backslash and a carriage return it is what
	// makes the next line a continuation.
	if size > 0 && !bytes.HasSuffix(old, []byte("\n")) {
		old = append(slices.Clip(old), '\n')
	}
	lines := slices.DeleteFunc(stateLines(old), func(l stateLine) bool { return l.hides })
	if n := len(lines); n > 0 && string(lines[n-1].text) == line {
		return join(lines)
	}
	if size > maxState {
		lines = lastOnes(lines, pkg, section, option)
	}
	return append(join(lines), line...)
}

// withoutChoice is what becomes of a state file that has no line about an option any more.
func withoutChoice(old []byte, pkg, section, option string) []byte {
	return join(slices.DeleteFunc(stateLines(old), func(l stateLine) bool {
		return l.pkg == pkg && l.section == section && l.option == option
	}))
}

// stateLine is a logical line of a delta file with the change that it is; what cannot
// be read has none.
type stateLine struct {
	change
	text []byte
	// hides says that uci would not find the next line, or nothing behind it: it ends
	// within a quote or goes on, or has a NUL byte.
	hides bool
}

func stateLines(data []byte) (lines []stateLine) {
	l := lexer{in: data}
	for read := 0; len(l.in) > 0; {
		l.begin()
		c, err := readChange(&l)
		if err != nil {
			c = change{}
		}
		text := data[read : len(data)-len(l.in)]
		read += len(text)
		lines = append(lines, stateLine{c, text, l.open || bytes.IndexByte(text, 0) >= 0})
	}
	return lines
}

func join(lines []stateLine) []byte {
	var all []byte
	for _, l := range lines {
		all = append(all, l.text...)
	}
	return all
}

// lastOnes leaves out the lines that set an option of a section and are followed by
// another one that does, or by the one about section that comes next.
func lastOnes(lines []stateLine, pkg, section, option string) []stateLine {
	replaced := map[string]bool{section: true}
	for i := len(lines) - 1; i >= 0; i-- {
		l := &lines[i]
		if l.op != opSet || l.pkg != pkg || l.option != option {
			continue
		}
		if replaced[l.section] {
			l.text = nil
		}
		replaced[l.section] = true
	}
	return lines
}

// editState edits a file under its lock, in place.
func editState(ctx context.Context, path string, flags int, edit func([]byte) []byte) error {
	f, err := openLocked(ctx, path, flags)
	if err != nil {
		return err
	}
	defer f.Close()
	old, err := readAll(int(f.Fd()), typicalState)
	if err == nil {
		err = overwrite(f, old, edit(old))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// overwrite writes what differs, with one write, and cuts off the rest. Empty lines take
// the place of what is cut off before, so that the file has a meaning at any moment: the
// old or the new one.
func overwrite(f *os.File, old, content []byte) error {
	same := 0
	for same < len(old) && same < len(content) && old[same] == content[same] {
		same++
	}
	if same == len(old) && same == len(content) {
		return nil
	}
	size := int64(len(content))
	padding := strings.Repeat("\n", max(len(old)-len(content), 0))
	if _, err := f.WriteAt(append(content, padding...)[same:], int64(same)); err != nil {
		if same == len(old) { // else the file is not longer than it was
			err = errors.Join(err, f.Truncate(int64(same)))
		}
		return err
	}
	return errors.Join(f.Truncate(size), f.Sync())
}

// openLocked opens a regular file, and no symbolic link, to write to it, and locks it as
// uci_open_stream in libuci's util.c does. Who waited may hold the lock of a file
// that was removed or replaced meanwhile; then it opens the new one.
func openLocked(ctx context.Context, path string, flags int) (*os.File, error) {
	for {
		f, err := os.OpenFile(path, os.O_RDWR|flags|unix.O_NOFOLLOW|unix.O_NONBLOCK, stateMode)
		if errors.Is(err, unix.ELOOP) {
			return nil, fmt.Errorf("%s is a symbolic link, which is not followed: %w", path, err)
		}
		if err != nil {
			return nil, err
		}
		current, err := lock(ctx, f)
		if err == nil && current {
			return f, nil
		}
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
	}
}

// lock waits for the lock and reports whether f is still the file of its name.
func lock(ctx context.Context, f *os.File) (current bool, err error) {
	opened, err := f.Stat()
	if err != nil {
		return false, err
	}
	if !opened.Mode().IsRegular() {
		return false, errNotRegular
	}
	// What is appended must not end up in a file that is known by another name.
	if st, ok := opened.Sys().(*syscall.Stat_t); ok && st.Nlink > 1 {
		return false, errors.New("the file has more than one link")
	}
	if err := flock(ctx, int(f.Fd()), unix.LOCK_EX); err != nil {
		return false, err
	}
	named, err := os.Lstat(f.Name())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(opened, named), err
}
