// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
	"github.com/mptcpctl/mptcpctl/pkg/netlab"
	"github.com/mptcpctl/mptcpctl/pkg/sockdiag"
)

// Every line is shaped to liveBits, so that one alone cannot carry what two do.
const (
	liveBits    = 20_000_000
	liveTimeout = 2 * time.Minute
	megabyte    = 1 << 20
	// handshakes is more than subflows need to be set up, kept and probed, and
	// less than a hundredth of what the tests carry.
	handshakes = 32 << 10
)

// Addresses of the router on its lines.
var (
	wan1Addr = netip.MustParseAddr("10.0.1.2")
	wan2Addr = netip.MustParseAddr("10.0.2.2")
)

// liveLab is a lab whose hotplug events reach the real hook and the real program.
type liveLab struct {
	*testing.T
	*netlab.Lab
	ctx context.Context
	log systemLog
}

func liveLine(proto, mode string) netlab.LineConfig {
	return netlab.LineConfig{Proto: proto, Multipath: mode, Bits: liveBits}
}

func newLiveLab(t *testing.T, lines ...netlab.LineConfig) *liveLab {
	t.Helper()
	return buildLiveLab(t, netlab.Config{Lines: lines})
}

// buildLiveLab leaves the events of the boot to the test.
func buildLiveLab(t *testing.T, config netlab.Config) *liveLab {
	t.Helper()
	lab, err := netlab.New(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), liveTimeout)
	l := &liveLab{T: t, Lab: lab, ctx: ctx}
	t.Cleanup(func() {
		cancel()
		l.check(lab.Close())
	})
	l.log.start(l)
	l.installProgram()
	hooks, err := filepath.Abs("../../hotplug/iface")
	l.must(err, lab.SetHooks(hooks))
	for _, n := range []*netlab.Namespace{lab.Router, lab.Server} {
		// Else the machine's default decides: bbr loses a fifth of its packets in front of a token bucket.
		l.must(n.Sysctl("net.ipv4.tcp_congestion_control", "reno"))
	}
	server, err := lab.Serve(ctx)
	l.must(err)
	t.Cleanup(func() { l.check(server.Close()) })
	t.Cleanup(l.flush)
	return l
}

// installProgram puts mptcpctl and the stand-ins on the lab's PATH. mptcpctl
// gets the lab's directories in place of the machine's, since labs that run side
// by side cannot share those.
func (l *liveLab) installProgram() {
	l.Helper()
	self, err := os.Executable()
	l.must(err, l.InstallTools(self))
	program, err := exec.LookPath("mptcpctl")
	l.must(err)
	script := fmt.Sprintf("#!/bin/sh\nexec '%s' \"$@\" --config-dir '%s' --state-dir '%s' --lock '%s' --syslog-socket '%s'\n",
		program, l.ConfigDir(), l.StateDir(), filepath.Join(l.LockDir(), "mptcpctl.lock"), l.log.path)
	l.must(os.WriteFile(filepath.Join(l.BinDir(), "mptcpctl"), []byte(script), 0o755))
}

// flush ends what settles, and shows that nothing of ours is left.
func (l *liveLab) flush() {
	ctx, cancel := context.WithTimeout(context.Background(), liveTimeout)
	defer cancel()
	l.ctx = ctx
	l.run("flush")
	if left := l.endpoints(); len(left) > 0 {
		l.Errorf("endpoints after flush: %v", left)
	}
	l.eventually("no process is left in the lab", func() bool {
		pids, err := l.Processes()
		l.must(err)
		return len(pids) == 0
	})
}

func (l *liveLab) check(problems ...error) {
	l.Helper()
	if err := errors.Join(problems...); err != nil {
		l.Error(err)
	}
}

func (l *liveLab) must(problems ...error) {
	l.Helper()
	if err := errors.Join(problems...); err != nil {
		l.Fatal(err)
	}
}

// run runs mptcpctl on the router.
func (l *liveLab) run(args ...string) string {
	l.Helper()
	var printed bytes.Buffer
	cmd := l.Command(l.ctx, "mptcpctl", args...)
	cmd.Stdout, cmd.Stderr = &printed, &printed
	if err := l.Router.Run(cmd); err != nil {
		l.Fatalf("mptcpctl %q: %v\n%s", args, err, &printed)
	}
	return printed.String()
}

func (l *liveLab) deliver(events []netlab.Event, err error) {
	l.Helper()
	l.must(err)
	printed, err := l.Deliver(l.ctx, events...)
	if err != nil || printed != "" {
		l.Fatalf("%v: %v\n%s", events, err, printed)
	}
}

func (l *liveLab) boot() {
	l.Helper()
	l.deliver(l.BootEvents())
}

// start begins a transfer that goes on, both ways at once.
func (l *liveLab) start() *liveTransfer {
	l.Helper()
	return l.startAs(netlab.Transfer{Up: netlab.Endless, Down: netlab.Endless})
}

func (l *liveLab) startAs(what netlab.Transfer) *liveTransfer {
	l.Helper()
	running, err := l.Router.StartTransfer(l.ctx, what)
	l.must(err)
	return &liveTransfer{running, l}
}

// eventually waits for something that has no time of its own to come true.
func (l *liveLab) eventually(what string, come func() bool) {
	l.Helper()
	for !come() {
		select {
		case <-l.ctx.Done():
			l.Fatalf("it never came true that %s; endpoints %v, subflows %v", what, l.endpoints(), l.subflows())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// endpoints are those of the router, by address.
func (l *liveLab) endpoints() map[netip.Addr]mptcp.Endpoint {
	l.Helper()
	all := make(map[netip.Addr]mptcp.Endpoint)
	l.must(l.Router.PathManager(func(c *mptcp.Client) error {
		list, err := c.Endpoints()
		for _, e := range list {
			all[e.Addr] = e
		}
		return err
	}))
	return all
}

// endpoint is the one that must be there.
func (l *liveLab) endpoint(addr netip.Addr) mptcp.Endpoint {
	l.Helper()
	e, ok := l.endpoints()[addr]
	if !ok {
		l.Fatalf("no endpoint %s: %v", addr, l.endpoints())
	}
	return e
}

func (l *liveLab) hasEndpoint(addr netip.Addr) bool {
	_, ok := l.endpoints()[addr]
	return ok
}

// subflows are the local addresses of the router's established ones.
func (l *liveLab) subflows() []netip.Addr {
	l.Helper()
	var all []netip.Addr
	l.must(l.Router.Do(func() error {
		return sockdiag.Subflows(func(s sockdiag.Subflow) error {
			all = append(all, s.Local.Addr())
			return nil
		}, sockdiag.Established)
	}))
	return all
}

// halfClosed reports whether a connection's first subflow was closed here, but
// not yet at the far end, which can reach its address again.
func (l *liveLab) halfClosed() bool {
	l.Helper()
	endpoints, found := l.endpoints(), false
	l.must(l.Router.Do(func() error {
		return sockdiag.Subflows(func(s sockdiag.Subflow) error {
			_, reachable := endpoints[s.Local.Addr()]
			found = found || reachable && s.IfIndex == 0 && s.State != sockdiag.Established
			return nil
		})
	}))
	return found
}

func (l *liveLab) hasSubflow(addr netip.Addr) bool { return slices.Contains(l.subflows(), addr) }

// liveTransfer is one under way.
type liveTransfer struct {
	*netlab.Running
	lab *liveLab
}

// await waits till n bytes more have arrived each way.
func (r *liveTransfer) await(n uint64) {
	r.lab.Helper()
	if err := r.Await(r.lab.ctx, n); err != nil {
		r.lab.Fatalf("the transfer makes no progress: %v; endpoints %v, subflows %v", err, r.lab.endpoints(), r.lab.subflows())
	}
}

// carry returns what each line carries while n bytes more arrive each way.
func (r *liveTransfer) carry(n uint64) carried {
	r.lab.Helper()
	before, err := r.lab.Counters()
	r.lab.must(err)
	r.await(n)
	after, err := r.lab.Counters()
	r.lab.must(err)
	for i := range after {
		after[i] = after[i].Since(before[i])
	}
	r.lab.Log(carried(after))
	return after
}

// stop ends a transfer that must have lived till now. When the RM_ADDR for a lost
// line was lost too, the far end goes on with that subflow until it has seen its
// FIN, and Linux sends again what was in flight there only as long as the
// connection itself is not being closed (__mptcp_close_subflow in
// net/mptcp/protocol.c): hence the wait.
func (r *liveTransfer) stop() netlab.Result {
	r.lab.Helper()
	r.lab.eventually("no subflow that could still carry data is half closed", func() bool { return !r.lab.halfClosed() })
	result, err := r.Stop()
	r.lab.must(err)
	r.lab.Logf("%.1f MB up and %.1f MB down in %.1f s, longest stall %.2f s",
		float64(result.Up)/megabyte, float64(result.Down)/megabyte, result.Took.Seconds(), result.Stall.Seconds())
	return result
}

// carried is what each line carried, in order.
type carried []netlab.Counters

// byBoth reports whether each line carried at least a third of its fair half of
// n bytes each way.
func (c carried) byBoth(n uint64) bool {
	return !slices.ContainsFunc(c, func(line netlab.Counters) bool { return min(line.Sent, line.Received) < n/6 })
}

// idle reports whether a line carried next to nothing, data or acknowledgements.
func (c carried) idle(line int) bool { return max(c[line].Sent, c[line].Received) < handshakes }

func (c carried) String() string {
	var words []string
	for _, line := range c {
		words = append(words, fmt.Sprintf("%s %.2f MB up %.2f MB down", line.Interface,
			float64(line.Sent)/megabyte, float64(line.Received)/megabyte))
	}
	return strings.Join(words, ", ")
}

// systemLog stands for the router's.
type systemLog struct {
	path  string
	conn  *net.UnixConn
	done  chan struct{}
	mutex sync.Mutex
	lines []string
	// expected is part of the errors that the test causes; empty: none.
	expected string
}

// start collects lines to the end of the test. An unexpected error in one of them fails it.
func (s *systemLog) start(l *liveLab) {
	l.Helper()
	s.path = filepath.Join(l.Dir, "log")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: s.path, Net: "unixgram"})
	l.must(err)
	s.conn, s.done = conn, make(chan struct{})
	go s.collect()
	l.Cleanup(func() {
		l.check(conn.Close())
		<-s.done // nobody else has the lines now
		for _, line := range s.lines {
			// An emulated processor is slow, and the program tries again.
			late := emulated() && strings.Contains(line, "no answer within")
			if strings.HasPrefix(line, fmt.Sprintf("<%d>", logError)) && !late && (s.expected == "" || !strings.Contains(line, s.expected)) {
				l.Errorf("an error in the log: %s", line)
			}
		}
		if l.Failed() {
			for _, line := range s.lines {
				l.Log(line)
			}
		}
	})
}

func (s *systemLog) collect() {
	defer close(s.done)
	buffer := make([]byte, 4<<10)
	for {
		n, err := s.conn.Read(buffer)
		if err != nil {
			return
		}
		s.mutex.Lock()
		s.lines = append(s.lines, string(buffer[:n]))
		s.mutex.Unlock()
	}
}

// has reports whether a line has a text.
func (s *systemLog) has(text string) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return slices.ContainsFunc(s.lines, func(line string) bool { return strings.Contains(line, text) })
}
