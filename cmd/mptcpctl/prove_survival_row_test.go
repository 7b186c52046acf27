// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

// How a row is measured.
const (
	survivalBits  = 20_000_000 // of each line, each way
	survivalRate  = 1_000_000  // bytes per second of a light load, of all connections together, each way
	survivalTake  = 2 * time.Second
	survivalAfter = 5 * time.Second // for a line that came back to be taken up again
	// survivalPatience is for what must come true, and for closing: the longest
	// pause between two attempts of the kernel's (TCP_RTO_MAX) and more.
	survivalPatience = 150 * time.Second
	survivalSample   = 5 * time.Millisecond
	// survivalPiece must arrive each way on each connection to call it alive.
	survivalPiece = 8 << 10
)

// survivalRow is one line of the table.
type survivalRow struct {
	fault  survivalFault
	second string // the mode of wan2; wan1 is the master
	ipv6   bool
	count  int    // connections; 0: 1
	light  bool   // survivalRate, not as fast as it goes
	bits   uint64 // of each line; 0: survivalBits
	loss   int    // per mille of all packets on both lines
	cc     string // congestion control; empty: reno

	// What was measured.
	problem               string // empty: it lives
	stall, back, closing  time.Duration
	before, during, after carried
}

// survival is a row under way.
type survival struct {
	*liveLab
	row     *survivalRow
	running []*netlab.Running
	stalls  chan time.Duration // the longest, when the row is over
	over    chan struct{}
}

func (r *survivalRow) String() string {
	return fmt.Sprintf("%s, %s", r.fault.name, r.kind())
}

// kind tells a row from others of the same fault.
func (r *survivalRow) kind() string {
	text := r.second
	if r.ipv6 {
		text += ", IPv6"
	}
	if r.count > 1 {
		text += fmt.Sprintf(", %d connections", r.count)
	}
	if r.light {
		text += ", light load"
	}
	if r.loss > 0 {
		text += fmt.Sprintf(", %.1f %% loss", float64(r.loss)/10)
	}
	if r.cc != "" {
		text += ", " + r.cc
	}
	return text
}

// holds reports whether the fault leaves no line that anybody could know of.
func (r *survivalRow) holds() bool {
	return r.fault.all || !r.fault.told && r.second == "handover"
}

// measure fills the row in.
func (r *survivalRow) measure(t *testing.T) {
	if r.count == 0 {
		r.count = 1
	}
	if r.bits == 0 {
		r.bits = survivalBits
	}
	r.problem = "not measured"
	s := &survival{liveLab: buildLiveLab(t, netlab.Config{Lines: r.lines(), DAD: r.ipv6}), row: r}
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	t.Cleanup(cancel)
	s.ctx = ctx
	s.prepare()
	s.startAll()
	r.before = s.carry(survivalTake)
	done := s.fault()
	s.endWatching(done)
	s.closeAll()
	t.Log(r.markdown())
	if r.problem != "" {
		t.Errorf("%s: %s", r, r.problem)
	}
}

// prepare makes the lab what the row says.
func (s *survival) prepare() {
	s.Helper()
	if cc := s.row.cc; cc != "" {
		s.must(s.Router.Sysctl("net.ipv4.tcp_congestion_control", cc), s.Server.Sysctl("net.ipv4.tcp_congestion_control", cc))
	}
	for line := 1; line <= 2; line++ {
		s.filterSources(line)
		if s.row.loss > 0 {
			s.drop(fmt.Sprint("loss", line), line, fmt.Sprintf("numgen random mod 1000 < %d drop", s.row.loss))
		}
	}
	if s.row.fault.watched {
		s.startWatch()
	}
	s.boot()
	want := 2
	if s.row.second == "handover" {
		want = 1
	}
	s.eventually("the lines have their endpoints", func() bool { return len(s.endpoints()) == want })
}

// startAll starts the connections and waits for their subflows.
func (s *survival) startAll() {
	s.Helper()
	what := netlab.Transfer{Up: netlab.Endless, Down: netlab.Endless}
	if s.row.ipv6 {
		what.Server = netlab.Addr6
	}
	if s.row.light {
		what.Rate = uint64(survivalRate / s.row.count)
	}
	for range s.row.count {
		running, err := s.Router.StartTransfer(s.ctx, what)
		s.must(err)
		s.running = append(s.running, running)
	}
	s.must(s.await())
	want := 2 * s.row.count
	if s.row.second == "handover" {
		want = s.row.count
	}
	s.eventually("every connection has its subflows", func() bool { return len(s.subflows()) >= want })
	s.stalls, s.over = make(chan time.Duration, 1), make(chan struct{})
	go s.watchStalls()
}

// await waits until a piece more has arrived each way on each connection.
func (s *survival) await() error {
	ctx, cancel := context.WithTimeout(s.ctx, survivalPatience)
	defer cancel()
	outcome := make(chan error, len(s.running))
	for _, r := range s.running {
		go func() { outcome <- r.Await(ctx, survivalPiece) }()
	}
	var problems []error
	for range s.running {
		problems = append(problems, <-outcome)
	}
	if err := errors.Join(problems...); err != nil {
		lost := 0
		for _, p := range problems {
			if p != nil {
				lost++
			}
		}
		return fmt.Errorf("%d of %d connections: %w", lost, len(problems), problems[0])
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

// fault brings it about, ends it, and lets the lines be taken up again. It
// returns when the row has come to its end or to its failure.
func (s *survival) fault() error {
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
		if err := s.await(); err != nil {
			return fmt.Errorf("no progress while the other line is there: %w; endpoints %v, subflows %v", err, s.endpoints(), s.subflows())
		}
	}
	time.Sleep(time.Until(start.Add(lasts)))
	r.during = s.since(before)
	r.fault.end(s)
	returned := time.Now()
	if err := s.await(); err != nil {
		return fmt.Errorf("no progress after the return: %w; endpoints %v, subflows %v", err, s.endpoints(), s.subflows())
	}
	r.back = time.Since(returned)
	time.Sleep(survivalAfter)
	r.after = s.carry(survivalTake)
	if err := s.await(); err != nil {
		return fmt.Errorf("it stopped after the return: %w; endpoints %v, subflows %v", err, s.endpoints(), s.subflows())
	}
	return nil
}

// watchStalls measures the longest time without progress in one direction of
// one connection.
func (s *survival) watchStalls() {
	type direction struct {
		bytes uint64
		last  time.Time
	}
	var longest time.Duration
	state := make([][2]direction, len(s.running))
	tick := time.NewTicker(survivalSample)
	defer tick.Stop()
	look := func(now time.Time, end bool) {
		for i, r := range s.running {
			up, down := r.Progress()
			for way, bytes := range [2]uint64{up, down} {
				d := &state[i][way]
				if d.last.IsZero() {
					d.last = now
				}
				if bytes != d.bytes || end {
					longest = max(longest, now.Sub(d.last))
					*d = direction{bytes, now}
				}
			}
		}
	}
	for {
		select {
		case <-s.over:
			look(time.Now(), true)
			s.stalls <- longest
			return
		case now := <-tick.C:
			look(now, false)
		}
	}
}

func (s *survival) endWatching(problem error) {
	close(s.over)
	s.row.stall = <-s.stalls
	if s.row.problem = ""; problem != nil {
		s.row.problem = problem.Error()
	}
}

// closeAll ends every connection and says how long that takes.
func (s *survival) closeAll() {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, survivalPatience)
	defer cancel()
	start := time.Now()
	ended := make(chan error, len(s.running))
	for _, r := range s.running {
		go func() {
			_, err := r.Stop()
			ended <- err
		}()
	}
	for range s.running {
		select {
		case err := <-ended:
			if err != nil && s.row.problem == "" {
				s.row.problem = "broke: " + err.Error()
			}
		case <-ctx.Done():
			if s.row.problem == "" {
				s.row.problem = "does not close"
			}
			return
		}
	}
	s.row.closing = time.Since(start)
}
