// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/file"
	"github.com/mptcpctl/mptcpctl/pkg/kernel"
	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// hint is the content of the lock file: "ID TABLE TABLE ...", "limit=LIMIT" where one
// has been lowered for a moment, "flags=1" while subflows may differ from the flags of
// their endpoints, "removed=TIME" of the last deletion of an endpoint, "laminar=ID" for
// each endpoint that was given this flag, "vain=LINE:TOKEN" for each connection that
// healing a line has not helped, and the kernel's bounds where they have been met, as
// "endpoints=COUNT" and "most=LIMIT" behind "kernel=RELEASE".
type hint struct {
	lastID  uint8
	tables  []uint32
	limit   uint32 // of subflows; 0: not lowered
	flags   bool
	removed uint32 // in removedUnit, as SinceBoot
	laminar []uint32
	vain    []string
	bounds  bounds
	known   bool
	hidden  bool // from a user who may not read it
}

const (
	hintLimit     = "limit="
	hintFlags     = "flags="
	hintRemoved   = "removed="
	hintLaminar   = "laminar="
	hintVain      = "vain="
	hintKernel    = "kernel="
	hintEndpoints = "endpoints="
	hintMost      = "most="
)

// removedUnit is that of hint.removed, which so lasts for 13 years.
const removedUnit = time.Second / 10

// bounds are what the running kernel has refused to go beyond; 0: not met yet.
type bounds struct {
	endpoints int
	limit     uint32
}

// with are the bounds as others tell them, where they do.
func (b bounds) with(others bounds) bounds {
	return bounds{cmp.Or(others.endpoints, b.endpoints), cmp.Or(others.limit, b.limit)}
}

// in notes the bounds in what was observed. Who may not read them takes for full what
// is as full as any kernel allows, since root's runs would have gone beyond.
func (h *hint) in(s *plan.State) {
	if h.hidden {
		if n := len(s.Endpoints); n >= mptcp.LowestBound {
			h.bounds.endpoints = n
		}
		h.bounds.limit = max(mptcp.LowestBound, s.Limits.Subflows, s.Limits.AddAddrAccepted)
	}
	s.MaxEndpoints = cmp.Or(h.bounds.endpoints, s.MaxEndpoints)
	s.MaxLimit = cmp.Or(h.bounds.limit, s.MaxLimit)
}

// maxVain is how many connections are remembered for which healing was in vain; maxHint
// bounds what is read.
const (
	maxVain = 128
	maxHint = 16 << 10
)

func (l *Lock) read() (hint, error) {
	data, err := l.content()
	if err != nil {
		return hint{}, fmt.Errorf("lock file: %w", err)
	}
	return parseHint(data), nil
}

// content is what the lock file begins with, up to maxHint bytes.
func (l *Lock) content() (string, error) {
	var data [maxHint]byte
	n, err := unix.Pread(int(l.f.Fd()), data[:], 0)
	return string(data[:max(n, 0)]), os.NewSyscallError("pread", err)
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
	current := false // is the kernel that which the bounds are of
	for _, field := range fields[1:] {
		if release, ok := strings.CutPrefix(field, hintKernel); ok {
			current = release == kernel.Release()
			continue
		}
		if connection, ok := strings.CutPrefix(field, hintVain); ok {
			h.vain = append(h.vain, connection)
			continue
		}
		at := strings.IndexByte(field, '=') + 1
		number, err := strconv.ParseUint(field[at:], 10, 32)
		if err != nil {
			return hint{}
		}
		switch n := uint32(number); field[:at] {
		case "":
			h.tables = append(h.tables, n)
		case hintLimit:
			h.limit = n
		case hintLaminar:
			h.laminar = append(h.laminar, n)
		case hintFlags:
			h.flags = true
		case hintRemoved:
			h.removed = n
		case hintEndpoints:
			h.bounds.endpoints = int(min(n, mptcp.MaxID))
		case hintMost:
			h.bounds.limit = min(n, mptcp.MaxLimit)
		default:
			return hint{}
		}
	}
	if !current {
		h.bounds = bounds{}
	}
	return h
}

// text is the hint as the lock file has it.
func (h *hint) text() string {
	text := strconv.Itoa(int(h.lastID))
	put := func(word string, n uint32) {
		if n != 0 {
			text += " " + word + strconv.FormatUint(uint64(n), 10)
		}
	}
	for _, table := range h.tables {
		put("", table)
	}
	put(hintLimit, h.limit)
	if h.flags {
		put(hintFlags, 1)
	}
	put(hintRemoved, h.removed)
	for _, id := range h.laminar {
		put(hintLaminar, id)
	}
	for _, connection := range h.vain {
		text += " " + hintVain + connection
	}
	if h.bounds != (bounds{}) {
		text += " " + hintKernel + kernel.Release()
	}
	put(hintEndpoints, uint32(h.bounds.endpoints))
	put(hintMost, h.bounds.limit)
	return text + "\n"
}

// change edits the hint.
func (l *Lock) change(edit func(*hint)) error {
	old, err := l.read()
	if err != nil {
		return err
	}
	next := old
	edit(&next)
	return l.write(old, next)
}

// write replaces the hint where it differs from the old one.
func (l *Lock) write(old, h hint) error {
	text := h.text()
	if old.known && old.text() == text {
		return nil
	}
	if err := l.f.Truncate(0); err != nil {
		return fmt.Errorf("lock file: %w", err)
	}
	if _, err := l.f.WriteAt([]byte(text), 0); err != nil {
		return fmt.Errorf("lock file: %w", err)
	}
	return nil
}

// peekHint reads the hint without the lock, for commands that only read.
func (r *Runner) peekHint() hint {
	f, err := file.Open(r.lockFile(), os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return hint{hidden: errors.Is(err, fs.ErrPermission)}
	}
	defer f.Close()
	h, err := (&Lock{f}).read()
	if err != nil {
		return hint{}
	}
	return h
}
