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
)

// connections are what a script holds open.
type connections struct {
	server  *netlab.Server
	running []*netlab.Running
	silent  []net.Conn
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
