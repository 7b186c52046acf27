// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
	"github.com/mptcpctl/mptcpctl/pkg/sockdiag"
)

// connections are what a script holds open.
type connections struct {
	server  *netlab.Server
	running []*netlab.Running
	silent  []net.Conn
	attempt chan error // of the connection that is being tried
	ctx     context.Context
	cancel  context.CancelFunc
}

// cmdConnect opens connections from the router to the far server, which carry
// a trickle both ways until the script ends or says disconnect. Words are
// "count:N", "from:ADDRESS", "ipv6", "tcp", "rate:N" in bytes per second, and "silent"
// for connections that carry nothing.
func cmdConnect(ts *testscript.TestScript, neg bool, args []string) {
	s := of(ts)
	transfer := netlab.Transfer{Up: netlab.Endless, Down: netlab.Endless, Rate: 64 << 10}
	count, silent := 1, false
	for _, word := range args {
		key, value, _ := strings.Cut(word, ":")
		var err error
		switch key {
		case "count":
			count, err = strconv.Atoi(value)
		case "rate":
			transfer.Rate, err = strconv.ParseUint(value, 10, 64)
		case "from":
			transfer.From, err = netip.ParseAddr(value)
		case "ipv6":
			transfer.Server = netlab.Addr6
		case "tcp":
			transfer.TCP = true
		case "silent":
			silent = true
		default:
			err = fmt.Errorf("unknown word %q", word)
		}
		ts.Check(err)
	}
	if neg {
		ts.Fatalf("connect cannot be negated")
	}
	ts.Check(s.serve())
	for range count {
		if silent {
			ts.Check(s.dial())
			continue
		}
		running, err := s.Router.StartTransfer(s.connections.ctx, transfer)
		ts.Check(err)
		s.connections.running = append(s.connections.running, running)
	}
}

// dial opens a connection to the far server and sends nothing.
func (s *script) dial() error {
	var dialer net.Dialer
	dialer.SetMultipathTCP(true)
	return s.Router.Do(func() error {
		conn, err := dialer.DialContext(s.connections.ctx, "tcp", netlab.Addr4.String())
		if err == nil {
			s.connections.silent = append(s.connections.silent, conn)
		}
		return err
	})
}

// serve starts the far server once.
func (s *script) serve() error {
	if s.connections.server != nil {
		return nil
	}
	s.connections.ctx, s.connections.cancel = context.WithCancel(context.Background())
	server, err := s.Serve(s.connections.ctx)
	s.connections.server = server
	return err
}

// lostAttempts is how many SYNs in a row a connection has lost when the next one has no
// MPTCP (net/mptcp/ctrl.c, mptcp_active_detect_blackhole). Only if that one is answered, the
// kernel gives MPTCP up, until another connection with MPTCP succeeds. So there is one only,
// and the pauses between its SYNs double: 1, 2, 4 s.
const (
	lostAttempts  = 2
	linearSetting = "net.ipv4.tcp_syn_linear_timeouts" // from Linux 6.5 on
)

// cmdAttempt returns when the next SYN of the connection has no MPTCP any more.
func cmdAttempt(ts *testscript.TestScript, neg bool, args []string) {
	from, err := netip.ParseAddr(one(ts, neg, args))
	ts.Check(err)
	s := of(ts)
	ts.Check(s.serve())
	linear, err := scriptCondition("sysctl:" + linearSetting)
	ts.Check(err)
	if linear {
		ts.Check(s.Router.Sysctl(linearSetting, "0"))
	}
	dialer := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))}
	dialer.SetMultipathTCP(true)
	ended, ctx := make(chan error, 1), s.connections.ctx
	s.connections.attempt = ended
	go func() {
		ended <- s.Router.Do(func() error {
			conn, err := dialer.DialContext(ctx, "tcp", netlab.Addr4.String())
			if err != nil {
				return err
			}
			return conn.Close()
		})
	}()
	for deadline := time.Now().Add(awaitTimeout); ; time.Sleep(awaitPoll) {
		lost := 0
		ts.Check(s.Router.Do(func() error {
			return sockdiag.Subflows(func(f sockdiag.Subflow) error {
				lost = max(lost, int(f.TCP.Timeouts))
				return nil
			}, sockdiag.SynSent)
		}))
		if lost >= lostAttempts {
			return
		}
		if len(ended) > 0 || time.Now().After(deadline) {
			ts.Fatalf("%d SYNs were lost", lost)
		}
	}
}

// cmdAnswered waits for the connection of attempt.
func cmdAnswered(ts *testscript.TestScript, neg bool, args []string) {
	none(ts, neg, args)
	select {
	case err := <-of(ts).connections.attempt:
		ts.Check(err)
	case <-time.After(commandTimeout):
		ts.Fatalf("nothing answers")
	}
}

// cmdDisconnect resets every connection of the script.
func cmdDisconnect(ts *testscript.TestScript, neg bool, args []string) {
	none(ts, neg, args)
	ts.Check(of(ts).connections.close())
}

func (c *connections) close() error {
	if c.server == nil {
		return nil
	}
	c.cancel()
	for _, conn := range c.silent {
		_ = conn.Close()
	}
	for _, running := range c.running {
		// A connection that the script broke or reset is no failure.
		if _, err := running.Wait(); errors.Is(err, netlab.ErrNotMultipath) {
			return err
		}
	}
	err := c.server.Close()
	*c = connections{}
	return err
}

// cmdUntil runs mptcpctl until what it prints matches.
func cmdUntil(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until PATTERN ARG...")
	}
	s := of(ts)
	pattern, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	for deadline := time.Now().Add(awaitTimeout); ; time.Sleep(20 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
		var out strings.Builder
		cmd := s.program(ctx, "mptcpctl", nil, append(s.flags(), args[1:]...))
		cmd.Stdout = &out
		err := s.Router.Run(cmd)
		cancel()
		if pattern.MatchString(out.String()) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("mptcpctl %s never printed %q; last (%v):\n%s", strings.Join(args[1:], " "), args[0], err, &out)
		}
	}
}
