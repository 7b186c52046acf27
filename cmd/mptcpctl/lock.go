// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
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
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW|unix.O_CLOEXEC|flags, 0o600)
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

func (l *lockFile) release() error { return l.f.Close() }

// hint is the content of the lock file: "ID TABLE TABLE ...".
type hint struct {
	lastID uint8
	tables []uint32
	known  bool
}

// maxHint bounds what is read: 256 tables of eleven digits.
const maxHint = 4096

func (l *lockFile) read() (hint, error) {
	data, err := io.ReadAll(io.NewSectionReader(l.f, 0, maxHint))
	if err != nil {
		return hint{}, fmt.Errorf("lock file: %w", err)
	}
	return parseHint(string(data)), nil
}

// parseHint reads the hint; what it cannot read counts as lost.
func parseHint(text string) hint {
	text, complete := strings.CutSuffix(text, "\n")
	fields := strings.Fields(text)
	if !complete || len(fields) == 0 {
		return hint{}
	}
	id, err := strconv.ParseUint(fields[0], 10, 8)
	if err != nil {
		return hint{}
	}
	h := hint{lastID: uint8(id), known: true}
	for _, field := range fields[1:] {
		table, err := strconv.ParseUint(field, 10, 32)
		if err != nil {
			return hint{}
		}
		h.tables = append(h.tables, uint32(table))
	}
	return h
}

// write replaces the hint where it differs from the old one.
func (l *lockFile) write(old, h hint) error {
	if old.known && old.lastID == h.lastID && slices.Equal(old.tables, h.tables) {
		return nil
	}
	text := strconv.Itoa(int(h.lastID))
	for _, table := range h.tables {
		text += " " + strconv.FormatUint(uint64(table), 10)
	}
	if err := l.f.Truncate(0); err != nil {
		return fmt.Errorf("lock file: %w", err)
	}
	if _, err := l.f.WriteAt([]byte(text+"\n"), 0); err != nil {
		return fmt.Errorf("lock file: %w", err)
	}
	return nil
}

// peekHint reads the hint without the lock, for commands that only read.
func (o *options) peekHint() hint {
	f, err := os.OpenFile(o.lock, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return hint{}
	}
	defer f.Close()
	h, err := (&lockFile{f}).read()
	if err != nil {
		return hint{}
	}
	return h
}
