// SPDX-License-Identifier: Apache-2.0

package sockdiag

import (
	"fmt"
	"math"
	"slices"

	"golang.org/x/sys/unix"
)

// Connections returns all MPTCP connections with their subflows. See Each, which
// does the same and does not keep them all in memory.
func Connections() ([]Connection, error) {
	var connections []Connection
	err := Each(func(c Connection) error {
		c.Subflows = slices.Clone(c.Subflows)
		connections = append(connections, c)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return connections, nil
}

// Each calls fn for every MPTCP connection with its subflows, which are only lent:
// fn must copy what it keeps of the slice. It ends early with the first error of
// fn and returns that. The other errors are ErrNoMPTCPDiag, ErrNoTCPDiag and what
// a netlink socket can fail with.
//
// The kernel lists connections and subflows apart. Each reads the subflows
// first, so a connection is shown with those that it had then. What was set
// up in between has none yet and is looked at once more, and what is gone by then is
// left out. Of more subflows than it may keep, it reads both lists once for each of
// several parts of the connections.
func Each(fn func(Connection) error) error { return each(fn, func() {}) }

// each is Each. Tests change the world in between the two lists.
func each(fn func(Connection) error, between func()) error {
	k, err := open()
	if err != nil {
		return fmt.Errorf("MPTCP connections: %w", err)
	}
	defer k.close()
	return k.each(maxKept, fn, between)
}

// maxKept is how many subflows are kept at a time, some 4 MB.
const maxKept = 1 << 14

func (k *kernel) each(kept int, fn func(Connection) error, between func()) error {
	var stopped error
	e := enumeration{kernel: k, listing: listing{last: make(map[uint32]int32)}, kept: kept, between: between, hand: func(c Connection) error {
		stopped = fn(c)
		return stopped
	}}
	if err := e.walk(part{}); stopped == nil {
		return err
	}
	return stopped
}

// enumeration is one call of Each.
type enumeration struct {
	*kernel
	listing
	kept    int
	hand    func(Connection) error
	between func()
}

// part is the connections of which the token, a random number, ends in some bits.
// The zero part is all of them.
type part struct{ mask, value uint32 }

func (p part) has(token uint32) bool { return token&p.mask == p.value }

// walk hands over the connections of a part, or of smaller parts of it when it has
// more subflows than are kept.
func (e *enumeration) walk(p part) error {
	count, err := e.list(p)
	if err != nil {
		return err
	}
	if count <= e.kept {
		e.between()
		return e.connections(p)
	}
	mask := p.mask
	// A quarter is left for the parts that are larger than others.
	for ; count > e.kept*3/4 && mask != math.MaxUint32; count /= 2 {
		mask = mask<<1 | 1
	}
	if mask == p.mask {
		return errEndless
	}
	for value := uint64(p.value); value <= uint64(mask); value += uint64(p.mask) + 1 {
		if err := e.walk(part{mask, uint32(value)}); err != nil {
			return err
		}
	}
	return nil
}

// list reads the subflows of a part. Those of more than may be kept are only
// counted: a list has to be read to its end before another one is asked for.
func (e *enumeration) list(p part) (count int, err error) {
	e.clear()
	err = e.subflows(anyState, func(s Subflow) error {
		token := s.Token
		if token == 0 {
			token = uint32(s.Cookie) // what has none belongs to any part
		}
		if !p.has(token) {
			return nil
		}
		if count++; count > e.kept {
			return nil
		}
		return e.add(s)
	})
	return count, err
}

// connections hands over those of a part, with the subflows that were listed.
func (e *enumeration) connections(p part) error {
	var late []Connection
	err := e.dump(unix.IPPROTO_MPTCP, anyState, func(b []byte) error {
		c, err := decodeConnection(b)
		if err != nil || !p.has(c.Token) || e.taken(c.Token) {
			return err
		}
		if c.Subflows = e.take(c.Token); len(c.Subflows) == 0 && c.MPTCP.SubflowsTotal != 0 {
			if len(late) == maxKept {
				return errEndless
			}
			late = append(late, c)
			return nil
		}
		return e.hand(c)
	})
	if err == nil {
		err = e.withoutMPTCP(e.hand)
	}
	if err == nil && len(late) > 0 {
		err = e.listAgain(late, e.hand)
	}
	if err != nil {
		return fmt.Errorf("MPTCP connections: %w", err)
	}
	return nil
}

// listAgain hands over the connections that had no subflow when those were read.
func (k *kernel) listAgain(late []Connection, hand func(Connection) error) error {
	l := listing{last: make(map[uint32]int32, len(late))}
	for i := range late {
		l.last[late[i].Token] = 0
	}
	err := k.subflows(anyState, func(s Subflow) error {
		if _, wanted := l.last[s.Token]; wanted {
			return l.add(s)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i := range late {
		c := &late[i]
		if c.Subflows = l.take(c.Token); len(c.Subflows) == 0 {
			if exists, err := k.exists(c.Token); err != nil {
				return err
			} else if !exists {
				continue
			}
		}
		if err := hand(*c); err != nil {
			return err
		}
	}
	return nil
}

// chunkLen is how many subflows are allocated together: a slice that grows would
// leave its half-sized predecessors to the garbage collector.
const chunkLen = 256

// listing is the subflows, found by their token.
type listing struct {
	chunks [][]Subflow
	// last is the number of the last subflow with a token, counting from 1, and
	// previous[number] that of the one before it. Zero is none, gone that the
	// connection was dealt with.
	last     map[uint32]int32
	previous []int32
	lent     []Subflow
}

const gone = -1

// clear makes room for another part.
func (l *listing) clear() {
	clear(l.last)
	l.previous = l.previous[:0]
}

func (l *listing) add(s Subflow) error {
	if len(l.previous) == 0 {
		l.previous = append(l.previous, 0)
	}
	number := int32(len(l.previous))
	if int(number-1)/chunkLen == len(l.chunks) {
		l.chunks = append(l.chunks, make([]Subflow, chunkLen))
	}
	l.chunks[(number-1)/chunkLen][(number-1)%chunkLen] = s
	l.previous = append(l.previous, l.last[s.Token])
	l.last[s.Token] = number
	return nil
}

// taken tells whether a connection was dealt with already: the kernel may list a
// socket twice when others come and go while it writes.
func (l *listing) taken(token uint32) bool { return l.last[token] == gone }

// take lends the subflows of a connection, each once, until the next call.
func (l *listing) take(token uint32) []Subflow {
	l.lent = l.lent[:0]
	for number := l.last[token]; number > 0; number = l.previous[number] {
		s := &l.chunks[(number-1)/chunkLen][(number-1)%chunkLen]
		twice := false
		for i := range l.lent {
			twice = twice || l.lent[i].Cookie == s.Cookie
		}
		if !twice {
			l.lent = append(l.lent, *s)
		}
	}
	l.last[token] = gone
	return l.lent
}

// withoutMPTCP hands over the connections that never tried MPTCP: sockets of which
// the MPTCP side has no token and is in no list (mptcp_subflow_early_fallback in
// net/mptcp/protocol.h). What tries MPTCP says so by a flag.
func (l *listing) withoutMPTCP(hand func(Connection) error) error {
	for number := l.last[0]; number > 0; number = l.previous[number] {
		s := l.chunks[(number-1)/chunkLen][(number-1)%chunkLen]
		if s.Flags&(CapableLocal|CapableRemote|JoinLocal|JoinRemote) != 0 {
			continue
		}
		c := Connection{
			Local: s.Local, Remote: s.Remote, State: s.State, Fallback: true,
			MPTCP: MPTCPInfo{SubflowsTotal: 1}, Subflows: []Subflow{s},
		}
		if err := hand(c); err != nil {
			return err
		}
	}
	return nil
}
