// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"context"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
)

// How the connection over all lines is looked at. A join is tried at once when the server
// has acknowledged something; that none was tried is certain after joinQuiet and four
// round trips. One that is established must still be so a moment later: the server
// resets what it refuses after its answer.
const (
	joinPoll  = time.Millisecond
	joinQuiet = 500 * time.Millisecond
	joinStays = 200 * time.Millisecond
)

// counters are MPTCP counters (net/mptcp/mib.c): joins that this host has begun, from Linux
// 6.12 on, those that a server has answered with MPTCP, and subflows that this host has
// reset.
type counters struct{ begun, answered, reset int }

func countersNow() counters {
	var c counters
	all, _ := mptcp.Counters() // what is not known counts as nothing
	for _, n := range all {
		switch n.Name {
		case "MPJoinSynTx":
			c.begun = int(n.Value)
		case "MPJoinSynAckRx":
			c.answered = int(n.Value)
		case "MPRstTx":
			c.reset = int(n.Value)
		}
	}
	return c
}

// hello is what the client sends, so that the server acknowledges something: joins begin
// only then (RFC 8684 section 3.1). Servers of HTTP, TLS, SMTP and SSH wait for more of it.
const hello = "G"

// join opens a connection from the address of line first, and fills in what becomes of the
// subflows of the others.
func (t *Test) join(ctx context.Context, lines []Outcome, first int, patience time.Duration, deadline time.Time) {
	until := deadline
	if now := time.Now(); until.After(now.Add(patience)) {
		until = now.Add(patience)
	}
	before := countersNow()
	s, err := open(unix.IPPROTO_MPTCP, t.Lines[first].Source)
	if err != nil {
		return
	}
	defer s.close()
	// To the address alone, as an application is that knows no device.
	if s.connect(ctx, t.Lines[first].Source, t.To, until) != nil || !s.multipath() {
		return
	}
	lines[first].Join = First
	w := joining{socket: s, lines: t.Lines, outcomes: lines, seen: make([]bool, len(lines))}
	w.watch(ctx, s.rtt(), deadline)
	after := countersNow()
	w.explain(counters{after.begun - before.begun, after.answered - before.answered, after.reset - before.reset})
}

// joining is the connection over all lines.
type joining struct {
	socket
	lines    []Line
	outcomes []Outcome
	seen     []bool // a subflow was begun, by line
	ended    bool   // by the server
}

// watch looks at the subflows until every line has got its own, or none will come any more.
func (w *joining) watch(ctx context.Context, rtt time.Duration, deadline time.Time) {
	_, _ = unix.Write(int(w.socket), []byte(hello)) // an error shows as the end
	start := time.Now()
	quiet := joinQuiet + 4*rtt
	settled := time.Time{}
	for ctx.Err() == nil && time.Now().Before(deadline) && w.look() {
		wanted, opening := w.left()
		now := time.Now()
		decided := wanted == 0 || !opening && now.Sub(start) > quiet || now.Sub(start) > quiet+joinSilence
		switch {
		case !decided:
			settled = time.Time{}
		case settled.IsZero():
			settled = now
		case now.Sub(settled) > joinStays+rtt:
			return
		}
		time.Sleep(joinPoll + now.Sub(start)/20)
	}
}

// joinSilence is how long a join may go without an answer: two SYNs are lost then.
const joinSilence = 2 * time.Second

// look reads the subflows, and reports whether the connection is still there.
func (w *joining) look() bool {
	for b := [512]byte{}; ; {
		n, err := unix.Read(int(w.socket), b[:])
		if n <= 0 {
			w.ended = err != unix.EAGAIN && err != unix.EINTR
			break
		}
	}
	all, err := w.subflows()
	if err != nil || w.ended {
		w.ended = true
		return false
	}
	for i := range w.lines {
		o := &w.outcomes[i]
		if o.Join == First {
			continue
		}
		o.Join = NoJoin
		for _, f := range all {
			if f.local != w.lines[i].Source {
				continue
			}
			w.seen[i] = true
			if o.Join = JoinSilent; f.established {
				o.Join = Joined
				break
			}
		}
	}
	return true
}

// left is how many lines have no subflow that should have one, and whether one is being
// opened.
func (w *joining) left() (wanted int, opening bool) {
	for i := range w.lines {
		switch w.outcomes[i].Join {
		case NoJoin:
			if w.lines[i].Joins {
				wanted++
			}
		case JoinSilent:
			wanted++
			opening = true
		}
	}
	return wanted, opening
}

// explain says why lines have no subflow. c is what was counted meanwhile, of all
// connections of this host. An answer without MPTCP is reset.
func (w *joining) explain(c counters) {
	missing, tried := 0, c.begun
	for i := range w.lines {
		switch {
		case w.outcomes[i].Join == First:
		case w.seen[i]:
			tried--
		case w.lines[i].Joins:
			missing++
		}
		if w.outcomes[i].Join == Joined {
			c.answered--
		}
	}
	stripped := c.reset > 0 && c.answered <= 0
	for i := range w.lines {
		o := &w.outcomes[i]
		if o.Join != NoJoin || !w.lines[i].Joins && !w.seen[i] {
			continue
		}
		switch {
		case (w.seen[i] || tried >= missing) && stripped:
			o.Join = JoinStripped
		case w.seen[i] || tried >= missing:
			o.Join = JoinRefused
		case w.ended:
			o.Join = JoinEnded
		case tried > 0:
			o.Join = JoinUnknown
		default:
			o.Join = JoinUntried
		}
	}
}

// unique appends an address that is not there yet.
func unique(all []netip.Addr, a netip.Addr) []netip.Addr {
	for _, known := range all {
		if known == a {
			return all
		}
	}
	return append(all, a)
}
