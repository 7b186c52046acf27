// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Line is a way to the server.
type Line struct {
	Name, Device string
	// Source is the address of the line, in the family of the server.
	Source netip.Addr
	// Joins says that the kernel is expected to open a further subflow over the line. If
	// not, Why says what keeps it from that; empty: nothing, as it is meant to be.
	Joins bool
	Why   string
}

// Test is one test.
type Test struct {
	To    netip.AddrPort
	Lines []Line
	// Timeout is for all of it.
	Timeout time.Duration
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

// Outcome is what became of one line.
type Outcome struct {
	Answer Answer
	Err    unix.Errno // of Failed
	// RTT is that of the handshake, zero where there was none.
	RTT  time.Duration
	Join Join
	// Listener says that the server is Listen, which speaks MPTCP: what is lacking was lost
	// on the way.
	Listener bool
}

// Result is what became of all lines, in their order.
type Result struct {
	Lines []Outcome
	// Ended says that ctx ended before the test did.
	Ended bool
}

// Run tries every line, all at the same time, and then one connection over those that
// are up to it.
func (t *Test) Run(ctx context.Context) Result {
	deadline := time.Now().Add(t.Timeout)
	r := Result{Lines: make([]Outcome, len(t.Lines))}
	patience := synPatience()
	var all sync.WaitGroup
	for i := range t.Lines {
		all.Go(func() { r.Lines[i] = t.try(ctx, &t.Lines[i], patience, deadline) })
	}
	all.Wait()
	for i := range r.Lines {
		if r.Lines[i].Answer == Multipath && len(t.Lines) > 1 {
			t.join(ctx, r.Lines, i, patience, deadline)
			break
		}
	}
	r.Ended = ctx.Err() != nil
	return r
}

// greetingWait is how long Listen may take for its greeting, beside two round trips.
const greetingWait = 500 * time.Millisecond

// try opens a connection over a line: with MPTCP, then without where nothing or a
// refusal came, and then with MPTCP again, since the path may just have come back.
func (t *Test) try(ctx context.Context, l *Line, patience time.Duration, deadline time.Time) Outcome {
	a := t.attempt(ctx, l, unix.IPPROTO_MPTCP, patience, deadline)
	if a.Answer != Silent && a.Answer != Refused || ctx.Err() != nil {
		return a
	}
	plain := t.attempt(ctx, l, unix.IPPROTO_TCP, patience, deadline)
	if plain.Answer != Plain {
		return a
	}
	again := t.attempt(ctx, l, unix.IPPROTO_MPTCP, patience, deadline)
	switch {
	case again.Answer == Multipath || again.Answer == Plain:
		return again
	case again.Answer == Refused:
		plain.Answer = Rejected
	default:
		plain.Answer = Dropped
	}
	return plain
}

// attempt is one connection over a line.
func (t *Test) attempt(ctx context.Context, l *Line, protocol int, patience time.Duration, deadline time.Time) Outcome {
	if now := time.Now(); deadline.After(now.Add(patience)) {
		deadline = now.Add(patience)
	}
	s, err := open(protocol, l.Source)
	if err != nil {
		return failed(err)
	}
	defer s.close()
	if err := s.bindDevice(l.Device); err != nil {
		return failed(err)
	}
	if err := s.connect(ctx, l.Source, t.To, deadline); err != nil {
		return failed(err)
	}
	a := Outcome{Answer: Plain, RTT: s.rtt()}
	if protocol == unix.IPPROTO_MPTCP && s.multipath() {
		a.Answer = Multipath
		return a
	}
	until := time.Now().Add(greetingWait + 2*a.RTT)
	if until.After(deadline) {
		until = deadline
	}
	a.Listener = s.greeted(ctx, until)
	return a
}

// failed sorts errors of connect.
func failed(err error) Outcome {
	errno, _ := err.(unix.Errno)
	switch errno {
	case unix.ECONNREFUSED:
		return Outcome{Answer: Refused}
	case unix.ETIMEDOUT:
		return Outcome{Answer: Silent}
	}
	return Outcome{Answer: Failed, Err: errno}
}
