// SPDX-License-Identifier: Apache-2.0

package uci

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Where uci looks unless told otherwise (UCI_CONFDIR, UCI_SAVEDIR and UCI_CONF2DIR in
// libuci's uci.h; the last one since 2025).
const (
	DefaultConfigDir   = "/etc/config"
	DefaultStagedDir   = "/tmp/.uci"
	DefaultOverrideDir = "/var/run/uci"
)

// Source is where configuration comes from. The zero value is DefaultConfigDir
// without anything on top.
type Source struct {
	ConfigDir string // empty: DefaultConfigDir
	StateDir  string // holds the runtime choices; empty: there are none

	// Netifd says that netifd reads the same configuration, by libuci: what that makes of
	// it counts, to the letter, with the changes that are staged in StagedDir and with a
	// file in OverrideDir in place of that in ConfigDir. Either may be empty: none.
	//
	// Without it the options of a section whose first line cannot be read are left out;
	// libuci gives them to the section before.
	Netifd                 bool
	StagedDir, OverrideDir string

	// Program has Read ask the uci program.
	Program bool
}

var (
	// ErrNoProgram says that there is no uci program on the PATH, which permanent
	// changes need.
	ErrNoProgram = errors.New("no uci on the PATH")

	// ErrProgram says that the uci program could not run to its end, whatever is in the
	// files.
	ErrProgram = errors.New("uci did not finish")

	// ErrState says that what is in the place of the state file cannot be one.
	ErrState = errors.New("not a file of runtime choices")
)

// Read returns the package with everything that is to be merged into it, in the order of
// "uci -P": the file in ConfigDir or OverrideDir, the staged changes, the runtime
// choices. Each file is read once, and no process is started, unless Program is set.
//
// Staged changes and overrides are read only if none but root and the caller can have
// written them; else they are left out with a warning.
//
// The error wraps ErrTooLarge, ErrUnterminated, ErrInvalid (the name of the package),
// fs.ErrNotExist (no such file), ErrState, ErrProgram or ErrNoProgram; any other means
// that the program failed, and carries the first line that it had to say about it.
func (s Source) Read(ctx context.Context, pkg string) (*Package, error) {
	if err := checkPackage(pkg); err != nil {
		return nil, err
	}
	if s.Program {
		return s.readProgram(ctx, pkg)
	}
	// uci commit takes the staged changes away before the file has them, and holds the
	// lock of the file meanwhile: without a second look there would be neither. (It unlocks
	// the old file before the new one has its name: a moment is left. Who holds the lock for
	// long is no uci.)
	for try := 0; ; try++ {
		p, again, err := s.merge(ctx, pkg)
		if err != nil || !again || ctx.Err() != nil || try == lockTries {
			return p, err
		}
		time.Sleep(lockPoll)
	}
}

// merge reads all files once. again says that changes were being committed meanwhile.
func (s *Source) merge(ctx context.Context, pkg string) (p *Package, again bool, err error) {
	var warnings []Warning
	var read, unused unix.Stat_t
	override, err := s.readTrusted(ctx, s.OverrideDir, pkg, "the override is left out", &read, &warnings)
	if err != nil {
		return nil, false, err
	}
	if override == nil {
		p, err = s.load(ctx, s.configPath(pkg), pkg, &read)
	} else if p, err = s.parse(filepath.Join(s.OverrideDir, pkg), pkg, override); err == nil {
		p.Saved = s.savedBelow(ctx, pkg)
	}
	if err != nil {
		return nil, false, err
	}
	staged, err := s.readTrusted(ctx, s.StagedDir, pkg, "uncommitted changes are left out", &unused, &warnings)
	if err != nil {
		return nil, false, err
	}
	state, hidden, err := s.readState(ctx, pkg)
	if err != nil {
		return nil, false, err
	}
	p.Warnings = append(p.Warnings, warnings...)
	p.Hidden = hidden
	if p.Saved == nil && len(staged)+len(state) > 0 {
		p.Saved = p.clone()
	}
	p.addDelta(filepath.Join(s.StagedDir, pkg), staged, false)
	p.addDelta(s.statePath(pkg), state, true)
	return p, staged != nil && inFlux(p.File, &read), nil
}

// Saved returns what the file in ConfigDir alone says. The errors are those of Read.
func (s Source) Saved(ctx context.Context, pkg string) (*Package, error) {
	if err := checkPackage(pkg); err != nil {
		return nil, err
	}
	return s.load(ctx, s.configPath(pkg), pkg, new(unix.Stat_t))
}

func (s *Source) load(ctx context.Context, path, pkg string, st *unix.Stat_t) (*Package, error) {
	data, err := readFile(ctx, unix.AT_FDCWD, path, 0, st)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s.parse(path, pkg, data)
}

// File is the path of the file that uci reads and writes: an override, which does not
// outlast a reboot, if there is one (uci_file_load in libuci's file.c), else that in
// ConfigDir.
func (s Source) File(pkg string) (path string, override bool) {
	if s.OverrideDir != "" {
		path = filepath.Join(s.OverrideDir, pkg)
		if _, err := os.Stat(path); err == nil {
			return path, true
		}
	}
	return s.configPath(pkg), false
}

// savedBelow is what the file says that something else has replaced. It may be missing,
// and cannot fail who does not read it.
func (s *Source) savedBelow(ctx context.Context, pkg string) *Package {
	p, err := s.Saved(ctx, pkg)
	if err != nil {
		p = &Package{Name: pkg}
	}
	return p
}

func (s *Source) parse(path, pkg string, data []byte) (*Package, error) {
	p, err := parse(pkg, data, !s.Netifd)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	p.File = path
	return p, nil
}

func (s *Source) configDir() string {
	if s.ConfigDir == "" {
		return DefaultConfigDir
	}
	return s.ConfigDir
}

func (s *Source) configPath(pkg string) string { return filepath.Join(s.configDir(), pkg) }

// readTrusted reads the file of a package in a directory, if none but root and the
// caller can have written it. Of anything else in its place there is a warning, which
// begins with leftOut. data is nil then, and where there is nothing.
func (s *Source) readTrusted(ctx context.Context, dir, pkg, leftOut string, st *unix.Stat_t, warnings *[]Warning) (data []byte, err error) {
	if dir == "" || !s.Netifd {
		return nil, nil
	}
	path := dir
	fd, err := open(unix.AT_FDCWD, dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW)
	if err == nil {
		defer unix.Close(fd)
		if err = check(fd, st, unix.S_IFDIR, true); err == nil {
			path = filepath.Join(dir, pkg)
			data, err = readFile(ctx, fd, pkg, unfollowed|trusted|locked, st)
		}
	}
	switch err {
	case nil:
		return data, nil
	case unix.ENOENT:
		return nil, nil
	case context.Canceled, context.DeadlineExceeded:
		return nil, fmt.Errorf("%s: waiting for the lock: %w", path, err)
	}
	*warnings = append(*warnings, Warning{File: path, Text: leftOut + ": " + err.Error()})
	return nil, nil
}

// readState reads the runtime choices; data is nil where there are none. hidden is why
// the caller may not read them, which uci passes over too.
func (s *Source) readState(ctx context.Context, pkg string) (data []byte, hidden, err error) {
	if s.StateDir == "" {
		return nil, nil, nil
	}
	path := s.statePath(pkg)
	data, err = readFile(ctx, unix.AT_FDCWD, path, unfollowed|locked, new(unix.Stat_t))
	switch err {
	case nil:
		return data, nil, nil
	case unix.ENOENT:
		return nil, nil, nil
	case unix.EACCES, unix.EPERM:
		return nil, fmt.Errorf("%s: %w", path, err), nil
	case errSymlink, errNotRegular, ErrTooLarge, unix.ENOTDIR:
		return nil, nil, fmt.Errorf("%s: %w: %w", path, ErrState, err)
	}
	return nil, nil, fmt.Errorf("reading the runtime choices: %s: %w", path, err)
}

// RemoveState removes what is in the place of the state file and cannot be one (ErrState).
// removed is its path, empty where there was nothing to remove.
func (s Source) RemoveState(ctx context.Context, pkg string) (removed string, err error) {
	if err := checkPackage(pkg); err != nil {
		return "", err
	}
	_, _, bad := s.readState(ctx, pkg)
	if !errors.Is(bad, ErrState) {
		return "", nil
	}
	if err := os.Remove(s.statePath(pkg)); err != nil {
		return "", fmt.Errorf("%w; %w", bad, err)
	}
	return s.statePath(pkg), nil
}
