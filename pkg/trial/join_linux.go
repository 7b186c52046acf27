// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
)

// How the connection over all lines is looked at, in ms. A join is tried at once when the
// server has acknowledged something; that none was tried is certain after joinQuiet and
// four round trips, and that none is answered after joinSilence, in which two SYNs are lost.
// One that is established must still be so a moment later: the server resets what it
// refuses after its answer.
const (
	joinQuiet   = 500
	joinSilence = 2500
	joinStays   = 200
)

// hello is what the client sends, so that the server acknowledges something: joins begin
// only then (RFC 8684 section 3.1). Servers of HTTP, TLS, SMTP and SSH wait for more of it.
const hello = "G"

// counters are MPTCP counters (net/mptcp/mib.c): joins that this host has begun, from Linux
// 6.12 on, those that a server has answered with MPTCP, and subflows that this host has
// reset.
type counters [3]int

const (
	begun = iota
	answered
	resets
)

// add adds the counters as they are now, so many times. What is not known counts as nothing.
func (c *counters) add(times int) {
	all, _ := mptcp.Counters()
	for _, n := range all {
		for i, name := range [...]string{"MPJoinSynTx", "MPJoinSynAckRx", "MPRstTx"} {
			if n.Name == name {
				c[i] += times * int(n.Value)
			}
		}
	}
}

// join opens a connection from the address of a line, and fills in what becomes of the
// subflows of the others.
func (t *Test) join(first *Line) {
	var c counters
	c.add(-1)
	s, err := open(unix.IPPROTO_MPTCP, first.Source)
	if err != nil {
		return
	}
	defer s.close()
	// From the address alone, as an application does that knows no device.
	if t.connect(s, first) != nil || !s.multipath() {
		return
	}
	first.Join = First
	ended := t.watch(s)
	c.add(1)
	t.explain(&c, ended)
}

// watch looks at the subflows until every line has got its own, or none will come any more.
// It reports whether the server has ended the connection.
func (t *Test) watch(s socket) (ended bool) {
	_, _ = unix.Write(int(s), []byte(hello)) // an error shows as the end
	rtt := int(s.rtt() / 1000)
	start, settled := t.now(), -1
	for t.ctx.Err() == nil {
		now := t.now()
		wanted, opening, ended := t.look(s)
		passed := now - start
		switch {
		case ended:
			return true
		case now > int(t.Timeout/time.Millisecond):
			return false
		case wanted && (opening || passed < joinQuiet+4*rtt) && passed < joinSilence+4*rtt:
			settled = -1
		case settled < 0:
			settled = now
		case now-settled > joinStays+rtt:
			return false
		}
		time.Sleep(time.Millisecond * time.Duration(1+passed/20))
	}
	return false
}

// look reads the subflows, and reports whether a line has none that should have one,
// whether one is being opened, and whether the server has ended the connection.
func (t *Test) look(s socket) (wanted, opening, ended bool) {
	for b := make([]byte, 512); ; {
		n, err := unix.Read(int(s), b)
		if n <= 0 {
			if err != unix.EAGAIN {
				return false, false, true
			}
			break
		}
	}
	for i := range t.Lines {
		if l := &t.Lines[i]; l.Join != First {
			l.Join = NoJoin
		}
	}
	err := s.subflows(func(local, _ netip.Addr, isEstablished bool) {
		for i := range t.Lines {
			l := &t.Lines[i]
			if l.Source != local || l.Join == First || l.Join == Joined {
				continue
			}
			l.begun = true
			if l.Join = JoinSilent; isEstablished {
				l.Join = Joined
			}
		}
	})
	for i := range t.Lines {
		l := &t.Lines[i]
		opening = opening || l.Join == JoinSilent
		wanted = wanted || l.Join == JoinSilent || l.Join == NoJoin && l.Joins
	}
	return wanted, opening, err != nil
}

// explain says why lines have no subflow. c is what was counted meanwhile, of all
// connections of this host. An answer without MPTCP is reset.
func (t *Test) explain(c *counters, ended bool) {
	missing := 0
	for i := range t.Lines {
		l := &t.Lines[i]
		if l.Join == Joined {
			c[answered]--
		}
		if l.begun {
			c[begun]--
		} else if l.Joins && l.Join != First {
			missing++
		}
	}
	for i := range t.Lines {
		l := &t.Lines[i]
		if l.Join != NoJoin || !l.Joins && !l.begun {
			continue
		}
		switch {
		case !l.begun && ended && c[begun] < missing:
			l.Join = JoinEnded
		case !l.begun && c[begun] <= 0:
			l.Join = JoinUntried
		case !l.begun && c[begun] < missing:
			l.Join = JoinUnknown
		case c[resets] > 0 && c[answered] <= 0:
			l.Join = JoinStripped
		default:
			l.Join = JoinRefused
		}
	}
}
