// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// hint is the content of the lock file: "ID TABLE TABLE ...", and "limit=LIMIT"
// last where one has been lowered for a moment.
type hint struct {
	lastID uint8
	tables []uint32
	limit  uint32 // of subflows; 0: not lowered
	known  bool
}

const hintLimit = "limit="

// maxHint bounds what is read: 256 tables of eleven digits.
const maxHint = 4096

func (l *Lock) read() (hint, error) {
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
		limit, isLimit := strings.CutPrefix(field, hintLimit)
		number, err := strconv.ParseUint(limit, 10, 32)
		switch {
		case err != nil:
			return hint{}
		case isLimit:
			h.limit = uint32(number)
		default:
			h.tables = append(h.tables, uint32(number))
		}
	}
	return h
}

// write replaces the hint where it differs from the old one.
func (l *Lock) write(old, h hint) error {
	if old.known && old.lastID == h.lastID && old.limit == h.limit && slices.Equal(old.tables, h.tables) {
		return nil
	}
	text := strconv.Itoa(int(h.lastID))
	for _, table := range h.tables {
		text += " " + strconv.FormatUint(uint64(table), 10)
	}
	if h.limit != 0 {
		text += " " + hintLimit + strconv.FormatUint(uint64(h.limit), 10)
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
func (r *Runner) peekHint() hint {
	// Without O_NONBLOCK a pipe in its place would be waited for.
	f, err := os.OpenFile(r.LockFile, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return hint{}
	}
	defer f.Close()
	h, err := (&Lock{f}).read()
	if err != nil {
		return hint{}
	}
	return h
}
