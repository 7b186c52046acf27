// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

// farEnd is what serves at netlab.Port on the far server.
type farEnd struct {
	plain  net.Listener
	cmd    *exec.Cmd
	out    bytes.Buffer
	cancel context.CancelFunc
}

func (f *farEnd) close() error {
	var err error
	if f.plain != nil {
		err = f.plain.Close()
	}
	if f.cmd != nil {
		f.cancel()
		_ = f.cmd.Wait() // it was killed
	}
	*f = farEnd{}
	return err
}

// cmdServe starts a server, and ends the one before. Without an argument it is that of connect.
func cmdServe(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: serve [plain|ARG...]")
	}
	s := of(ts)
	ts.Check(s.connections.close())
	ts.Check(s.far.close())
	switch {
	case len(args) == 0:
		ts.Check(s.serve())
	case args[0] == "plain":
		ts.Check(s.servePlain())
	default:
		ts.Check(s.serveCommand(args))
	}
}

// servePlain takes connections without MPTCP, and holds them.
func (s *script) servePlain() error {
	var config net.ListenConfig
	config.SetMultipathTCP(false)
	err := s.Server.Do(func() (err error) {
		s.far.plain, err = config.Listen(context.Background(), "tcp", fmt.Sprintf(":%d", netlab.Port))
		return err
	})
	if err != nil {
		return err
	}
	listener := s.far.plain
	go func() {
		var open []net.Conn
		for {
			conn, err := listener.Accept()
			if err != nil {
				break
			}
			open = append(open, conn)
		}
		for _, conn := range open {
			_ = conn.(*net.TCPConn).SetLinger(0) // no orphan keeps the namespace alive
			_ = conn.Close()
		}
	}()
	return nil
}

// serveCommand runs mptcpctl on the far server, and returns when it listens there.
func (s *script) serveCommand(args []string) error {
	var ctx context.Context
	ctx, s.far.cancel = context.WithCancel(context.Background())
	cmd := s.program(ctx, "mptcpctl", nil, args)
	cmd.Stdout, cmd.Stderr = &s.far.out, &s.far.out
	if err := s.Server.Start(cmd); err != nil {
		return err
	}
	s.far.cmd = cmd
	for deadline := time.Now().Add(awaitTimeout); ; time.Sleep(awaitPoll) {
		text, err := s.Server.Output(ctx, "ss", "-Hlnt")
		if err != nil || strings.Contains(text, fmt.Sprintf(":%d ", netlab.Port)) {
			return err
		}
		if time.Now().After(deadline) {
			return errors.New("it does not listen")
		}
	}
}

// cmdServed waits for the command of serve.
func cmdServed(ts *testscript.TestScript, neg bool, args []string) {
	none(ts, neg, args)
	f := &of(ts).far
	if f.cmd == nil {
		ts.Fatalf("no command serves")
	}
	ended := make(chan error, 1)
	go func() { ended <- f.cmd.Wait() }()
	select {
	case err := <-ended:
		fmt.Fprint(ts.Stdout(), f.out.String())
		*f = farEnd{}
		ts.Check(err)
	case <-time.After(commandTimeout):
		f.cancel()
		ts.Fatalf("it goes on:\n%s", f.out.String())
	}
}
