// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/kernel"
	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// MPTCP counters (net/mptcp/mib.c), both from Linux 6.12 on: time-outs that
// began, and connections that did without MPTCP because of one.
const (
	counterBlackhole = "Blackhole"
	counterDisabled  = "MPCapableSYNTXDisabled"
)

// blackhole finds out whether the kernel has given MPTCP up for a while. began is how many
// time-outs have begun. Nothing shows that, but a connection that is tried now is counted
// as disabled (mptcp_connect in net/mptcp/protocol.c) before a route is looked up. A
// broadcast address has none for TCP, so that no packet leaves. It is tried only
// after a time-out has begun, as it would count as an attempt else.
func blackhole(began uint64, timeout string) (bool, error) {
	if began == 0 || timeout == "" || timeout == "0" {
		return false, nil
	}
	before, err := mptcp.CounterValue(counterDisabled)
	if err != nil {
		return false, err
	}
	fd, err := mptcpSocket(unix.AF_INET)
	if err != nil {
		return false, nil // MPTCP is off altogether
	}
	_ = unix.Connect(fd, &unix.SockaddrInet4{Addr: [4]byte{255, 255, 255, 255}, Port: 9}) // fails
	if err := unix.Close(fd); err != nil {
		return false, err
	}
	after, err := mptcp.CounterValue(counterDisabled)
	return after != before, err
}

// Resume has the kernel use MPTCP again, if it has given it up for a while, since SYNs with
// it were lost and one without was answered. The operation is the zero Op where it has not.
// The error is ErrNotPrivileged for a user who may not do it.
func Resume(reason string) (plan.Op, error) {
	timeout, _, err := kernel.Sysctl(plan.KeyBlackhole) // empty before Linux 6.12
	if err != nil {
		return plan.Op{}, err
	}
	began, err := mptcp.CounterValue(counterBlackhole)
	if err != nil {
		return plan.Op{}, ignoreMissing(err)
	}
	if paused, err := blackhole(began, timeout); err != nil || !paused {
		return plan.Op{}, err
	}
	op := plan.Resume(timeout, reason)
	if err := NeedNetAdmin(); err != nil {
		return op, err
	}
	k, err := openKernel()
	if err != nil {
		return op, err
	}
	defer k.Close()
	return op, k.Apply([]plan.Op{op})[0]
}

// When Watch looks, after a line has come back, whether the kernel has given MPTCP up. A
// connection that was tried during the outage sends its next SYN, which has no MPTCP any
// more, at the latest 64 s later: the pauses between them double up to that with the
// default of net.ipv4.tcp_syn_retries (Documentation/networking/ip-sysctl.rst).
const (
	pauseFirstLook = 500 * time.Millisecond
	pauseLooks     = 128 * time.Second
)

// pauseWatch notices that an outage has made the kernel give MPTCP up on every line: it
// takes lost SYNs for a path that drops MPTCP.
type pauseWatch struct {
	usable map[lineFamily]bool // by the last run; nil: there was none
	before uint64              // counterBlackhole before the outage
	back   time.Time           // when a line came back; zero: nothing to look for
	gap    time.Duration       // until the next look
}

type lineFamily struct {
	name   string
	family plan.Family
}

// see compares the lines of a run with those of the one before.
func (p *pauseWatch) see(lines []plan.LineUse, now time.Time) {
	first := p.usable == nil
	usable := make(map[lineFamily]bool, 2*len(lines))
	gone, back := first, false
	for i := range lines {
		for _, f := range plan.Families {
			line := lineFamily{lines[i].Name, f}
			was, is := p.usable[line], lines[i].Use[f].Usable
			usable[line] = is
			gone = gone || was && !is
			back = back || !first && is && !was
		}
	}
	p.usable = usable
	if gone {
		p.lineGone()
	}
	if back {
		p.lineBack(now)
	}
}

// lineGone is called when a line does not carry any more.
func (p *pauseWatch) lineGone() {
	if !p.looks() {
		p.before, _ = mptcp.CounterValue(counterBlackhole) // where it cannot be read, nothing is found
	}
}

// lineBack is called when a line carries again.
func (p *pauseWatch) lineBack(now time.Time) {
	p.back, p.gap = now, pauseFirstLook
}

func (p *pauseWatch) looks() bool { return !p.back.IsZero() }

// next gives the time of the next look; nil: there is none.
func (p *pauseWatch) next() <-chan time.Time {
	if !p.looks() {
		return nil
	}
	return time.After(time.Until(p.back.Add(p.gap)))
}

// look ends the time-out that has begun since the outage. The pauses between the looks
// double, as do those between the SYNs.
func (p *pauseWatch) look() (plan.Op, error) {
	p.gap *= 2
	if p.gap > pauseLooks {
		p.back = time.Time{}
	}
	count, err := mptcp.CounterValue(counterBlackhole)
	if err != nil || count == p.before {
		return plan.Op{}, ignoreMissing(err)
	}
	p.before = count
	return Resume("lost SYNs were those of an outage: MPTCP is used again")
}

// ignoreMissing takes the error away that a kernel without MPTCP has.
func ignoreMissing(err error) error {
	if errors.Is(err, mptcp.ErrNotSupported) {
		return nil
	}
	return err
}
