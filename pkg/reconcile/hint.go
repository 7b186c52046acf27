// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/file"
	"github.com/mptcpctl/mptcpctl/pkg/kernel"
	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// hint is the content of the lock file: "ID TABLE TABLE ...", "limit=LIMIT" where one
// has been lowered for a moment, "flags" while subflows may differ from the flags of
// their endpoints, "laminar=ID" for each endpoint that was given this flag, the kernel's
// bounds where they have been met, as "endpoints=COUNT" and "most=LIMIT" behind
// "kernel=RELEASE", and "vain=LINE:TOKEN" for each connection that healing a line has
// not helped.
type hint struct {
	lastID  uint8
	tables  []uint32
	limit   uint32 // of subflows; 0: not lowered
	flags   bool
	laminar []uint8
	vain    []vain
	bounds  bounds
	known   bool
	hidden  bool // from a user who may not read it
}

const (
	hintLimit     = "limit="
	hintFlags     = "flags"
	hintLaminar   = "laminar="
	hintVain      = "vain="
	hintKernel    = "kernel="
	hintEndpoints = "endpoints="
	hintMost      = "most="
)

// vain is a connection, by its token, to which a new endpoint of a line has given no
// subflow.
type vain struct {
	line  string
	token uint32
}

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
		if field == hintFlags {
			h.flags = true
			continue
		}
		if word, ok := strings.CutPrefix(field, hintVain); ok {
			line, token, _ := strings.Cut(word, ":")
			number, err := strconv.ParseUint(token, 16, 32)
			if err != nil {
				return hint{}
			}
			h.vain = append(h.vain, vain{line, uint32(number)})
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
			h.laminar = append(h.laminar, uint8(n))
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

// write replaces the hint where it differs from the old one.
func (l *Lock) write(old, h hint) error {
	if old.known && old.lastID == h.lastID && old.limit == h.limit && old.flags == h.flags && old.bounds == h.bounds &&
		slices.Equal(old.tables, h.tables) && slices.Equal(old.laminar, h.laminar) && slices.Equal(old.vain, h.vain) {
		return nil
	}
	text := strconv.Itoa(int(h.lastID))
	for _, table := range h.tables {
		text += " " + strconv.FormatUint(uint64(table), 10)
	}
	if h.limit != 0 {
		text += " " + hintLimit + strconv.FormatUint(uint64(h.limit), 10)
	}
	if h.flags {
		text += " " + hintFlags
	}
	for _, id := range h.laminar {
		text += " " + hintLaminar + strconv.Itoa(int(id))
	}
	for _, v := range h.vain {
		text += " " + hintVain + v.line + ":" + strconv.FormatUint(uint64(v.token), 16)
	}
	if h.bounds != (bounds{}) {
		text += " " + hintKernel + kernel.Release()
	}
	if n := h.bounds.endpoints; n != 0 {
		text += " " + hintEndpoints + strconv.Itoa(n)
	}
	if n := h.bounds.limit; n != 0 {
		text += " " + hintMost + strconv.FormatUint(uint64(n), 10)
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
