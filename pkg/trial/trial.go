// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"context"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// Line is a way to the server, and what became of it.
type Line struct {
	Name, Device string
	// Source is the address of the line, in the family of the server.
	Source netip.Addr
	// Joins says that the kernel is expected to open a further subflow over the line. If
	// not, Why says what keeps it from that; empty: nothing, as it is meant to be.
	Joins bool
	Why   string

	// Answer is what became of the connection over this line, Err the reason of Failed, and
	// RTT the round trip of its handshake in microseconds.
	Answer Answer
	Err    error
	RTT    uint32
	// Listener says that the server is Listen, which speaks MPTCP.
	Listener bool
	// Join is what became of its subflow in the connection over all lines.
	Join Join

	begun bool // a subflow was seen
}

// Test is one test.
type Test struct {
	To    netip.AddrPort
	Lines []Line
	// Timeout is for all of it.
	Timeout time.Duration

	clock
	patience int
}

// Answer is what became of a connection over one line.
type Answer uint8

const (
	// Silent: nothing answered, neither with MPTCP nor without.
	Silent Answer = iota
	// Multipath: it is an MPTCP connection.
	Multipath
	// Plain: it is plain TCP, since no MPTCP came with the answer.
	Plain
	// Dropped: SYNs with MPTCP are not answered, those without are.
	Dropped
	// Rejected: SYNs with MPTCP are refused, those without are not.
	Rejected
	// Refused: the connection was refused (RST).
	Refused
	// Failed: this host could not send; Err says why.
	Failed
)

// String is the word that the JSON form uses.
func (a Answer) String() string {
	return [...]string{"no_answer", "mptcp", "tcp", "mptcp_dropped", "mptcp_refused", "refused", "failed"}[a]
}

// Join is what became of the subflow of a line in the connection over all lines.
type Join uint8

const (
	// NoJoin: none was expected, or there was no such connection.
	NoJoin Join = iota
	// First: the line has the first subflow.
	First
	// Joined: it is established.
	Joined
	// JoinSilent: nothing answered.
	JoinSilent
	// JoinRefused: it was refused or reset.
	JoinRefused
	// JoinStripped: the answer came without MPTCP.
	JoinStripped
	// JoinUntried: the kernel did not try it.
	JoinUntried
	// JoinUnknown: it was refused, or not tried.
	JoinUnknown
	// JoinEnded: the server ended the connection before.
	JoinEnded
)

// String is the word that the JSON form uses.
func (j Join) String() string {
	return [...]string{"none", "first", "joined", "no_answer", "refused", "stripped", "not_tried", "refused_or_not_tried", "ended"}[j]
}

// clock gives times in milliseconds since its start, which is enough here and costs a
// router's program less than time.Time.
type clock struct {
	ctx   context.Context
	start time.Time
}

func (c *clock) now() int { return int(time.Since(c.start) / time.Millisecond) }

// Run tries every line, all at the same time, and then one connection over those that
// are up to it. It returns early when ctx ends.
func (t *Test) Run(ctx context.Context) {
	t.clock = clock{ctx, time.Now()}
	t.patience = synPatience()
	done := make(chan struct{})
	for i := range t.Lines {
		go func() {
			t.try(&t.Lines[i])
			done <- struct{}{}
		}()
	}
	for range t.Lines {
		<-done
	}
	for i := range t.Lines {
		if t.Lines[i].Answer == Multipath && len(t.Lines) > 1 {
			t.join(&t.Lines[i])
			break
		}
	}
}

// try opens a connection over a line: with MPTCP, then without where nothing or a
// refusal came, and then with MPTCP again, since the path may just have come back.
func (t *Test) try(l *Line) {
	t.attempt(l, unix.IPPROTO_MPTCP)
	first := l.Answer
	if first != Silent && first != Refused {
		return
	}
	t.attempt(l, unix.IPPROTO_TCP)
	if l.Answer != Plain {
		l.Answer = first
		return
	}
	t.attempt(l, unix.IPPROTO_MPTCP)
	switch l.Answer {
	case Silent:
		l.Answer = Dropped
	case Refused:
		l.Answer = Rejected
	}
}

// greetingWait is how long Listen may take for its greeting, in ms.
const greetingWait = 1000

// attempt is one connection over a line.
func (t *Test) attempt(l *Line, protocol int) {
	s, err := open(protocol, l.Source)
	if err == nil {
		// Beside the address the device is needed: a rule of another program could send the
		// packets elsewhere. A user may do that too, from Linux 5.7 on.
		err = unix.SetsockoptString(int(s), unix.SOL_SOCKET, unix.SO_BINDTODEVICE, l.Device)
		if err == nil {
			err = t.connect(s, l)
		}
		defer s.close()
	}
	switch err {
	case nil:
	case unix.ECONNREFUSED:
		l.Answer = Refused
		return
	case unix.ETIMEDOUT:
		l.Answer = Silent
		return
	default:
		l.Answer, l.Err = Failed, err
		return
	}
	l.RTT = s.rtt()
	if l.Answer = Multipath; protocol == unix.IPPROTO_MPTCP && s.multipath() {
		return
	}
	l.Answer = Plain
	l.Listener = s.greeted(&t.clock, t.now()+greetingWait)
}

// until is the earlier of the end of the test and that of the patience with one connection.
func (t *Test) until() int {
	return min(int(t.Timeout/time.Millisecond), t.now()+t.patience)
}
