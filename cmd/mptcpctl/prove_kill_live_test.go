// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
	"github.com/mptcpctl/mptcpctl/pkg/sockdiag"
)

// livePassage is a passage under a connection. The addresses are those of its
// subflows: at first, after a finished run, and of these the ones that live through.
type livePassage struct {
	passage
	at, after, kept string
}

const (
	lines12 = "10.0.1.2 10.0.2.2"
	// A line that is off when a connection begins over it has two subflows later.
	offFirst = "run iface wan1 off"
	killRate = 1 << 20  // bytes per second each way
	killLoad = 64 << 10 // bytes that a connection that lives carries each way
)

var livePassages = []livePassage{
	{passage{"the second line is lost", nil, []string{"fault unplug wan2"}}, lines12, "10.0.1.2", "10.0.1.2"},
	{passage{"the first line is lost", nil, []string{"fault unplug wan1"}}, lines12, "10.0.2.2", "10.0.2.2"},
	{passage{"a line comes back", []string{"fault unplug wan2"}, []string{"fault plug wan2"}}, "10.0.1.2", lines12, "10.0.1.2"},
	{passage{"a device comes back", []string{"fault remove-device wan2"}, []string{"fault return-device wan2"}}, "10.0.1.2", lines12, "10.0.1.2"},
	{passage{"the primary lines are lost", nil, []string{"fault unplug wan1", "fault unplug wan2"}}, lines12, "10.0.3.2", ""},
	{passage{"modes change", nil, []string{"option wan1 multipath backup", "option wan2 multipath master"}}, lines12, lines12, lines12},
	{passage{"the mode of a line with two subflows changes", []string{offFirst}, []string{"run iface wan1 --reset", "option wan1 multipath backup"}}, lines12, lines12, "10.0.2.2"},
	{passage{"a line is healed", nil, []string{"cut 10.0.1.2", "act iface wan1 heal"}}, lines12, lines12, "10.0.2.2"},
	// As after an upgrade: endpoints that are not laminar yet.
	{passage{"announced addresses are accepted", nil, []string{"option globals mptcp_add_addr_accepted 2"}}, lines12, lines12, lines12},
	{passage{"tables change", nil, []string{"shift"}}, lines12, lines12, lines12},
	{passage{"a renewal changes an address", nil, []string{"fault address wan2 10.0.2.77/24"}}, lines12, "10.0.1.2 10.0.2.77", "10.0.1.2"},
	{passage{"a metric changes", nil, []string{"fault metric wan2 7"}}, lines12, lines12, lines12},
	{passage{"a line is switched off", nil, []string{"option wan2 multipath off"}}, lines12, "10.0.1.2", "10.0.1.2"},
}

// TestProveKillUnderAConnection kills a run at every netlink message while a
// connection stands: after one more run it carries data over the same subflows as
// after a finished one, and those that a finished run keeps are the same sockets.
func TestProveKillUnderAConnection(t *testing.T) {
	t.Parallel()
	for _, p := range livePassages {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			undisturbed := newLiveStage(t, p)
			messages := undisturbed.whole()
			undisturbed.lives()
			for at := 0; at < messages; at += stride() {
				t.Run(fmt.Sprintf("killed at message %d of %d", at, messages), func(t *testing.T) {
					s := newLiveStage(t, p)
					s.kill(at, messages)
					s.run("apply")
					s.run(s.act...)
					s.lives()
				})
			}
		})
	}
}

// TestProveKillOfSettle kills settle at every third netlink message while it ends the subflows
// that have not heard of a changed mode, or renews their endpoint where the kernel can
// end none: after one more run the connection is as if it had come to its end.
func TestProveKillOfSettle(t *testing.T) {
	t.Parallel()
	p := livePassages[slices.IndexFunc(livePassages, func(p livePassage) bool { return slices.Contains(p.from, offFirst) })]
	for name, answer := range map[string]unix.Errno{"ended": 0, "renewed": unix.EOPNOTSUPP} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			undisturbed := newLiveStage(t, p)
			messages := undisturbed.settles(-1, answer)
			undisturbed.lives()
			for at := 0; at < messages; at += 3 * stride() {
				t.Run(fmt.Sprintf("killed at message %d of %d", at, messages), func(t *testing.T) {
					t.Parallel()
					s := newLiveStage(t, p)
					s.settles(at, answer)
					s.run("apply")
					s.lives()
				})
			}
		})
	}
}

// TestProveEveryEndOfASubflowFails lets the first message that ends a subflow fail.
func TestProveEveryEndOfASubflowFails(t *testing.T) {
	t.Parallel()
	p := livePassages[slices.IndexFunc(livePassages, func(p livePassage) bool { return slices.Contains(p.from, offFirst) })]
	for i, errno := range sendErrnos {
		if !longProof() && i%7 != 0 {
			continue
		}
		t.Run(errno.Error(), func(t *testing.T) {
			t.Parallel()
			s := newLiveStage(t, p)
			failed := false
			s.afterwards = func(_ int, call *seccompNotif) (unix.Errno, bool) {
				if failed || !call.destroys() {
					return 0, false
				}
				failed = true
				return errno, false
			}
			s.whole()
			s.lives()
			s.ended()
			if !failed {
				t.Error("no subflow was ended")
			}
		})
	}
}

// settles lets a run come to its end, and kills the settle that it has left behind at a
// message; -1: at none. It returns how many messages that had. What ends a socket gets
// the answer; 0: that of the kernel.
func (s *liveStage) settles(at int, answer unix.Errno) (messages int) {
	s.Helper()
	s.afterwards = func(_ int, call *seccompNotif) (unix.Errno, bool) {
		messages++
		if answer != 0 && call.destroys() {
			return answer, false
		}
		return 0, messages == at+1
	}
	s.whole()
	s.ended()
	return messages
}

// ended waits until no process is left in the lab but the ends of the connection.
func (s *liveStage) ended() {
	s.Helper()
	select {
	case <-s.hungUp:
	case <-time.After(commandTimeout):
		s.Fatal("settle goes on")
	}
}

// liveStage is a laboratory in which a passage has come to the run that follows it.
type liveStage struct {
	*stage
	livePassage
	running *netlab.Running
	before  map[string]uint64
}

func newLiveStage(t *testing.T, p livePassage) *liveStage {
	t.Helper()
	s := &liveStage{stage: newStage(t, "wan1=master,dhcp wan2=on,dhcp wan3=handover,dhcp"), livePassage: p}
	for _, step := range append(p.from[:len(p.from):len(p.from)], "run apply") {
		s.play(step)
	}
	s.check(s.serve())
	transfer := netlab.Transfer{Up: netlab.Endless, Down: netlab.Endless, Rate: killRate}
	if slices.Contains(p.from, offFirst) {
		transfer.From = wan1Addr
	}
	running, err := s.Router.StartTransfer(s.connections.ctx, transfer)
	s.check(err)
	s.running, s.connections.running = running, append(s.connections.running, running)
	s.await(p.at)
	s.carries()
	s.before = s.subflows()
	for _, step := range p.to {
		s.play(step)
		// A settle that this has left behind would do what the next run is to do.
		settled(t, s.Lab)
	}
	return s
}

// settled waits until no settle runs in a lab.
func settled(t *testing.T, lab *netlab.Lab) {
	t.Helper()
	for deadline := time.Now().Add(commandTimeout); ; time.Sleep(awaitPoll) {
		pids, err := lab.Processes()
		if err != nil {
			t.Fatal(err)
		}
		runs := func(pid int) bool {
			words, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			return err == nil && strings.Contains(string(words), "\x00"+settleName+"\x00")
		}
		if !slices.ContainsFunc(pids, runs) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("settle goes on")
		}
	}
}

// subflows are the established ones of the router, by address.
func (s *liveStage) subflows() map[string]uint64 {
	s.Helper()
	all := make(map[string]uint64)
	s.check(s.Router.Do(func() error {
		return sockdiag.Subflows(func(f sockdiag.Subflow) error {
			all[f.Local.Addr().String()] = f.Cookie
			return nil
		}, sockdiag.Established)
	}))
	return all
}

// await waits until the connection has the subflows of these addresses and no other.
func (s *liveStage) await(addresses string) {
	s.Helper()
	for deadline := time.Now().Add(awaitTimeout); ; time.Sleep(awaitPoll) {
		have := strings.Join(slices.Sorted(maps.Keys(s.subflows())), " ")
		if have == addresses {
			return
		}
		if time.Now().After(deadline) {
			endpoints, _ := s.kernel("endpoints")
			s.Fatalf("subflows on %q, wanted %q; endpoints:\n%s", have, addresses, endpoints)
		}
	}
}

func (s *liveStage) carries() {
	s.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), awaitTimeout)
	defer cancel()
	if err := s.running.Await(ctx, killLoad); err != nil {
		s.Fatalf("the connection does not carry: %v; subflows %v", err, s.subflows())
	}
}

// lives asserts that the connection is as after an undisturbed run.
func (s *liveStage) lives() {
	s.Helper()
	s.carries()
	s.await(s.after)
	now := s.subflows()
	for _, address := range strings.Fields(s.kept) {
		if now[address] != s.before[address] {
			s.Errorf("the subflow on %s is another one", address)
		}
	}
	for deadline := time.Now().Add(awaitTimeout); ; time.Sleep(awaitPoll) {
		n := 0
		s.check(s.Router.Do(func() (err error) { n, err = differing(); return err }))
		if n == 0 {
			break
		}
		if time.Now().After(deadline) {
			s.Fatalf("%d subflows differ from the flags of their endpoints", n)
		}
	}
	s.carries()
}
