// SPDX-License-Identifier: Apache-2.0

package sockdiag

import (
	"fmt"
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
// left out.
func Each(fn func(Connection) error) error { return each(fn, func() {}) }

// each is Each. Tests change the world in between the two lists.
func each(fn func(Connection) error, between func()) error {
	k, err := open()
	if err != nil {
		return fmt.Errorf("MPTCP connections: %w", err)
	}
	defer k.close()
	l := listing{last: make(map[uint32]int32)}
	if err := k.subflows(anyState, l.add); err != nil {
		return err
	}
	between()
	var stopped error
	hand := func(c Connection) error {
		stopped = fn(c)
		return stopped
	}
	var late []Connection
	err = k.dump(unix.IPPROTO_MPTCP, anyState, func(b []byte) error {
		c, err := decodeConnection(b)
		if err != nil || l.taken(c.Token) {
			return err
		}
		if c.Subflows = l.take(c.Token); len(c.Subflows) == 0 && c.MPTCP.SubflowsTotal != 0 {
			late = append(late, c)
			l.last[c.Token] = gone
			return nil
		}
		return hand(c)
	})
	if err == nil {
		err = l.withoutMPTCP(hand)
	}
	if err == nil && len(late) > 0 {
		err = k.lookAgain(late, hand)
	}
	if stopped != nil {
		return stopped
	}
	if err != nil {
		return fmt.Errorf("MPTCP connections: %w", err)
	}
	return nil
}

// lookAgain hands over the connections that had no subflow when those were read.
func (k *kernel) lookAgain(late []Connection, hand func(Connection) error) error {
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

func (l *listing) add(s Subflow) error {
	if len(l.previous) == 0 {
		l.previous = append(l.previous, 0)
	}
	if n := len(l.chunks); n == 0 || len(l.chunks[n-1]) == chunkLen {
		l.chunks = append(l.chunks, make([]Subflow, 0, chunkLen))
	}
	chunk := &l.chunks[len(l.chunks)-1]
	*chunk = append(*chunk, s)
	number := int32(len(l.previous))
	l.previous = append(l.previous, l.last[s.Token])
	l.last[s.Token] = number
	return nil
}

// taken tells whether a connection was dealt with already: the kernel may list a
// socket twice when others come and go while it writes.
func (l *listing) taken(token uint32) bool { return l.last[token] == gone }

// take lends the subflows of a connection, each once, till the next call.
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
	if len(l.lent) > 0 {
		l.last[token] = gone
	}
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
