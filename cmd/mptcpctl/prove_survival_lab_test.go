// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"syscall"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

// prepare makes the lab what the row says.
func (s *survival) prepare() {
	s.Helper()
	for line := 1; line <= 2; line++ {
		s.filterSources(line)
		if s.row.loss > 0 {
			s.drop(fmt.Sprint("loss", line), line, fmt.Sprintf("numgen random mod 1000 < %d drop", s.row.loss))
		}
		if s.row.delay > 0 {
			delay, err := s.Delay(fmt.Sprint("wan", line), s.row.delay)
			s.must(err)
			s.Cleanup(func() { s.check(delay.Close()) })
		}
	}
	if s.row.fault.watched {
		s.startWatch()
	}
	s.boot()
	want := s.row.joined() * len(s.row.families())
	s.eventually("the lines have their endpoints", func() bool { return len(s.endpoints()) == want })
}

// filterSources lets a provider drop what has not the addresses that it gave, as
// nearly all do (RFC 2827). One that does not carries what the router still sends from the
// lost line's address; the far end then takes that subflow for alive, and waits for it.
func (s *survival) filterSources(line int) {
	s.Helper()
	s.nft(fmt.Sprintf("add table netdev source%[1]d\n"+
		"add chain netdev source%[1]d ingress { type filter hook ingress device %[2]s priority 0; }\n"+
		"add rule netdev source%[1]d ingress ip saddr != 10.0.%[1]d.0/24 drop\n"+
		"add rule netdev source%[1]d ingress ip6 saddr != { ::, fe80::/10, 3fff:%[1]d::/64 } drop\n", line, s.farEnd(line)))
}

// drop puts a rule in front of what comes from and goes to a line at its far end.
func (s *survival) drop(table string, line int, rule string) {
	s.Helper()
	device := s.farEnd(line)
	text := "add table netdev " + table + "\n"
	for _, hook := range []string{"ingress", "egress"} {
		text += fmt.Sprintf("add chain netdev %[1]s %[2]s { type filter hook %[2]s device %[3]s priority 0; }\nadd rule netdev %[1]s %[2]s %[4]s\n",
			table, hook, device, rule)
	}
	s.nft(text)
}

// startWatch runs the service of option mptcp_watch to the end of the test.
func (s *survival) startWatch() {
	s.Helper()
	for _, args := range [][]string{{"set", "network.globals.mptcp_watch=1"}, {"commit", "network"}} {
		s.must(s.Router.Run(s.Command(s.ctx, "uci", args...)))
	}
	watch := s.Command(s.ctx, "mptcpctl", "watch")
	s.must(s.Router.Start(watch))
	s.Cleanup(func() {
		s.check(watch.Process.Signal(syscall.SIGTERM))
		_ = watch.Wait() // It was told to end.
	})
}

// startAll starts the connections and waits for their subflows. The kernel may reset a
// join of any connection, above all where packets overtake each other, as in an emulated
// machine with two processors: then they are started again.
func (s *survival) startAll() {
	s.Helper()
	want := s.row.joined() * s.row.count * len(s.row.families())
	for {
		for range s.row.count {
			for _, f := range s.row.families() {
				s.startOne(f)
			}
		}
		s.must(s.await())
		for deadline := time.Now().Add(survivalJoin); len(s.subflows()) < want && time.Now().Before(deadline); {
			time.Sleep(20 * time.Millisecond)
		}
		if len(s.subflows()) >= want {
			s.watchStalls()
			return
		}
		s.must(s.ctx.Err())
		for _, r := range s.running {
			_, err := r.Stop()
			s.must(err)
		}
		s.running = nil
	}
}

// startOne starts a connection of a family.
func (s *survival) startOne(family int) {
	s.Helper()
	what := netlab.Transfer{Up: netlab.Endless, Down: netlab.Endless, Congestion: s.row.cc}
	if family == survivalIPv6 {
		what.Server = netlab.Addr6
	}
	if s.row.light {
		what.Rate = uint64(survivalRate / (s.row.count * len(s.row.families())))
	}
	running, err := s.Router.StartTransfer(s.ctx, what)
	s.must(err)
	s.running = append(s.running, survivalTransfer{Running: running, family: family})
}
