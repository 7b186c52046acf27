// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

// How a row is measured.
const (
	survivalBits  = 20_000_000 // of each line, each way
	survivalRate  = 1_000_000  // bytes per second of a light load, of all connections together, each way
	survivalTake  = 2 * time.Second
	survivalAfter = 3 * time.Second // for a line that came back to be taken up again
	// survivalPatience is for what must come true, and for closing: the longest
	// pause between two attempts of the kernel's (TCP_RTO_MAX) and more.
	survivalPatience = 150 * time.Second
	survivalGivenUp  = 70 * time.Second // where it may stall for good: settle has ended by then (reconcile.SettleLifetime)
	survivalJoin     = 20 * time.Second // in which all subflows of a new connection come about, if they do
	survivalSlow     = 15 * time.Second // after which a log says what holds a close up
	// survivalPiece must arrive each way on each connection to call it alive.
	survivalPiece = 8 << 10
)

// Families of a row; with both the lines have both, and each family its connections.
const (
	survivalIPv4 = iota
	survivalIPv6
	survivalBoth
)

// survivalRow is one line of the table.
type survivalRow struct {
	fault  survivalFault
	modes  [2]string // of wan1 and wan2
	at     int       // the number of the struck line; 0: 1
	family int
	count  int           // connections of a family; 0: 1
	light  bool          // survivalRate, not as fast as it goes
	bits   uint64        // of each line; 0: survivalBits
	loss   int           // per mille of all packets on both lines
	delay  time.Duration // of all packets on both lines, each way
	cc     string        // congestion control; empty: reno
	hasty  bool          // closed as soon as it goes on again

	// What was measured.
	problem               string           // empty: it lives
	stuck                 bool             // the kernel does not read
	again                 int              // how often it had to be measured anew
	stall                 [2]time.Duration // by family
	back, closing         time.Duration
	before, during, after carried
}

// survivalTransfer is one connection.
type survivalTransfer struct {
	*netlab.Running
	family int
}

// survival is a row under way.
type survival struct {
	*liveLab
	row     *survivalRow
	running []survivalTransfer
	stalls  chan [2]time.Duration // when the row is over
	over    chan struct{}
	tried   chan error // of the connection that the fault tries
}

func (r *survivalRow) line() int { return max(1, r.at) }

// families are those that have connections.
func (r *survivalRow) families() []int {
	if r.family == survivalBoth {
		return []int{survivalIPv4, survivalIPv6}
	}
	return []int{r.family}
}

// holds reports whether the fault leaves no line that anybody could know of.
func (r *survivalRow) holds() bool {
	return r.fault.all || !r.fault.told && r.joined() == 1 && r.modes[r.line()-1] != "handover"
}

// measure fills the row in.
func (r *survivalRow) measure(t *testing.T) {
	r.count = max(1, r.count)
	if r.bits == 0 {
		r.bits = survivalBits
	}
	r.problem, r.stuck = "not measured", false
	s := &survival{liveLab: buildLiveLab(t, netlab.Config{Lines: r.lines(), DAD: r.family != survivalIPv4}), row: r}
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	t.Cleanup(cancel)
	s.ctx = ctx
	if r.cannot() != "" {
		s.log.expected = "have no subflow"
	}
	s.prepare()
	s.startAll()
	s.endWatching(s.live())
	s.closeAll()
	t.Log(r.markdown())
	r.stuck = r.stuck && r.problem != ""
	if r.problem != "" && !r.stuck && r.cannot() == "" {
		t.Errorf("%s: %s", r, r.problem)
	}
}

// live brings the fault about, ends it, and lets the lines be taken up again. It
// returns when the row has come to its end or to its failure.
func (s *survival) live() (err error) {
	s.Helper()
	r := s.row
	if r.before, err = s.carryAs("before the fault", r.together()); err != nil {
		return err
	}
	if err := s.strike(); err != nil {
		return err
	}
	r.fault.end(s)
	returned := time.Now()
	if err := s.goesOn("after the return"); err != nil {
		return err
	}
	r.back = time.Since(returned)
	if err := s.usesMPTCP(); err != nil {
		return err
	}
	if r.hasty {
		return nil
	}
	time.Sleep(survivalAfter)
	if r.after, err = s.carryAs("after the return", r.afterwards()); err != nil {
		return err
	}
	return s.goesOn("some time after the return")
}

// strike is the fault from its beginning to the moment before its end.
func (s *survival) strike() error {
	s.Helper()
	r := s.row
	lasts := r.fault.lasts
	if lasts == 0 {
		lasts = survivalOutage
	}
	before, err := s.Counters()
	s.must(err)
	start := time.Now()
	r.fault.begin(s)
	if !r.holds() {
		if err := s.goesOn("while the other line is there"); err != nil {
			return err
		}
	}
	time.Sleep(time.Until(start.Add(lasts)))
	if r.during = s.since(before); !r.during.fits(r.meanwhile()) {
		return fmt.Errorf("during the fault the lines carry %s; endpoints %v, subflows %v", r.during.shares(), s.endpoints(), s.subflows())
	}
	return nil
}

// tryFrom tries a connection from an address of the router.
func (s *survival) tryFrom(address string) {
	s.tried = make(chan error, 1)
	go func() {
		s.tried <- s.dial(&net.TCPAddr{IP: net.ParseIP(address)}, func(*net.TCPConn) error { return nil })
	}()
}

// usesMPTCP waits until new connections are MPTCP, after that which the fault has tried was
// answered without.
func (s *survival) usesMPTCP() error {
	if !s.row.fault.tries {
		return nil
	}
	ctx, cancel := context.WithTimeout(s.ctx, survivalPatience)
	defer cancel()
	select {
	case err := <-s.tried:
		if err != nil {
			return fmt.Errorf("the connection that was tried meanwhile: %w", err)
		}
	case <-ctx.Done():
		return errors.New("the connection that was tried meanwhile is not answered")
	}
	// Before Linux 6.12 a kernel goes on with MPTCP.
	var paused uint64
	gives, err := scriptCondition("sysctl:net.mptcp.blackhole_timeout")
	s.must(err)
	s.must(s.Router.Do(func() (err error) {
		paused, err = mptcp.CounterValue("Blackhole")
		return err
	}))
	if gives != (paused > 0) {
		return fmt.Errorf("the kernel has given MPTCP up %d times", paused)
	}
	for {
		err := s.dial(nil, func(conn *net.TCPConn) error {
			if multipath, err := conn.MultipathTCP(); err != nil || !multipath {
				return errors.Join(err, netlab.ErrNotMultipath)
			}
			return nil
		})
		if err == nil || ctx.Err() != nil {
			return err
		}
		time.Sleep(awaitPoll)
	}
}

// dial connects from the router, and closes the connection after it was looked at.
func (s *survival) dial(from *net.TCPAddr, look func(*net.TCPConn) error) error {
	var dialer net.Dialer
	dialer.SetMultipathTCP(true)
	if from != nil {
		dialer.LocalAddr = from
	}
	return s.Router.Do(func() error {
		conn, err := dialer.DialContext(s.ctx, "tcp", netlab.Addr4.String())
		if err != nil {
			return err
		}
		return errors.Join(look(conn.(*net.TCPConn)), conn.Close())
	})
}

func (s *survival) goesOn(when string) error {
	s.Helper()
	if err := s.await(); err != nil {
		s.explain()
		return fmt.Errorf("no progress %s: %w; endpoints %v, subflows %v", when, err, s.endpoints(), s.subflows())
	}
	return nil
}

// patience is how long is waited for a row.
func (r *survivalRow) patience() time.Duration {
	if r.cannot() != "" {
		return survivalGivenUp
	}
	return survivalPatience
}

// await waits until a piece more has arrived each way on each connection.
func (s *survival) await() error {
	ctx, cancel := context.WithTimeout(s.ctx, s.row.patience())
	defer cancel()
	outcome := make(chan error, len(s.running))
	for _, r := range s.running {
		go func() { outcome <- r.Await(ctx, survivalPiece) }()
	}
	var problems []error
	for range s.running {
		if err := <-outcome; err != nil {
			problems = append(problems, err)
		}
	}
	if len(problems) > 0 {
		return fmt.Errorf("%d of %d connections: %w", len(problems), len(s.running), problems[0])
	}
	return nil
}

// carry is what the lines carry in d.
func (s *survival) carry(d time.Duration) carried {
	s.Helper()
	before, err := s.Counters()
	s.must(err)
	time.Sleep(d)
	return s.since(before)
}

func (s *survival) since(before []netlab.Counters) carried {
	s.Helper()
	after, err := s.Counters()
	s.must(err)
	for i := range after {
		after[i] = after[i].Since(before[i])
	}
	return after
}

// closeAll ends every connection and says how long that takes.
func (s *survival) closeAll() {
	s.Helper()
	start := time.Now()
	s.row.closing = 0
	type closed struct {
		err  error
		took time.Duration
	}
	ended := make(chan closed, len(s.running))
	for _, r := range s.running {
		go func() {
			_, err := r.Stop()
			ended <- closed{err, time.Since(start)}
		}()
	}
	slow, late := time.After(survivalSlow), time.After(s.row.patience())
	for left := len(s.running); left > 0; {
		var one closed
		select {
		case one = <-ended:
			left--
		case <-slow:
			s.explain()
		case <-late:
			s.explain()
			one, left = closed{errors.New("does not close"), s.row.patience()}, 0
		}
		s.row.closing = max(s.row.closing, one.took)
		if one.err != nil && s.row.problem == "" {
			s.row.problem = "broke while it was closed: " + one.err.Error()
		}
	}
}
