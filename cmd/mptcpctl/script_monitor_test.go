// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// backgroundTimeout bounds it: it lives as long as the rest of the script takes.
const backgroundTimeout = 5 * commandTimeout

// background is a mptcpctl that a script leaves running.
type background struct {
	cmd    *exec.Cmd
	cancel context.CancelFunc
	mu     sync.Mutex
	out    bytes.Buffer
}

func (b *background) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.out.Write(p)
}

func (b *background) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.out.String()
}

// end waits for the program, which it kills if that is still there after a while.
func (b *background) end() error {
	defer b.cancel()
	return b.cmd.Wait()
}

// kill ends what a script has left running.
func (b *background) kill() error {
	if b.cmd == nil {
		return nil
	}
	b.cancel()
	_ = b.cmd.Wait() // it was killed
	b.cmd = nil
	return nil
}

// cmdMonitor starts mptcpctl monitor and waits until it hears: it reads the names
// of the lines, by a call of ubus, after it has opened its socket.
func cmdMonitor(ts *testscript.TestScript, neg bool, args []string) {
	of(ts).start(ts, neg, append([]string{"monitor"}, args...))
}

// start starts a mptcpctl that stays, and waits until it has asked netifd, or said why it
// does not.
func (s *script) start(ts *testscript.TestScript, neg bool, args []string) {
	if neg || s.background.cmd != nil {
		ts.Fatalf("one program that stays at a time, and no !")
	}
	before, err := s.Calls()
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), backgroundTimeout)
	cmd := s.program(ctx, "mptcpctl", []string{"TZ=UTC"}, slices.Concat(s.flags(), args))
	cmd.Dir, cmd.Stdout, cmd.Stderr = ts.MkAbs("."), &s.background, &s.background
	cmd.WaitDelay = 10 * time.Second // settle would keep it open for longer
	s.background.out.Reset()
	s.background.cmd, s.background.cancel = cmd, cancel
	ts.Check(s.Router.Start(cmd))
	waitFor(ts, args[0]+" never looked", func() bool {
		after, err := s.Calls()
		ts.Check(err)
		return len(after) > len(before) || s.background.String() != ""
	})
}

// cmdPrinted waits until what the monitor has printed matches.
func cmdPrinted(ts *testscript.TestScript, neg bool, args []string) {
	pattern, err := regexp.Compile("(?m)" + one(ts, neg, args))
	ts.Check(err)
	b := &of(ts).background
	waitFor(ts, "the monitor never printed "+args[0], func() bool { return pattern.MatchString(b.String()) })
}

func waitFor(ts *testscript.TestScript, complaint string, done func() bool) {
	for deadline := time.Now().Add(awaitTimeout); !done(); time.Sleep(awaitPoll) {
		if time.Now().After(deadline) {
			ts.Fatalf("%s; it printed:\n%s", complaint, &of(ts).background)
		}
	}
}

// cmdSignal ends the program that stays by a signal and prints all that it has said.
// STOP and CONT only halt it meanwhile.
func cmdSignal(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP, "STOP": syscall.SIGSTOP, "CONT": syscall.SIGCONT}
	s := of(ts)
	word := one(ts, neg, args)
	number, known := signals[word]
	if !known || s.background.cmd == nil {
		ts.Fatalf("usage: monitor or watch, then signal INT|TERM|HUP|STOP|CONT")
	}
	ts.Check(s.background.cmd.Process.Signal(number))
	if word == "HUP" || word == "STOP" || word == "CONT" {
		return
	}
	err := s.background.end()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		ts.Fatalf("%v", err)
	}
	s.code = s.background.cmd.ProcessState.ExitCode()
	s.background.cmd = nil
	fmt.Fprint(ts.Stdout(), &s.background)
}

// cmdMultipath runs the program under the name of the old tool.
func cmdMultipath(ts *testscript.TestScript, neg bool, args []string) {
	s := of(ts)
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	s.run(ts, neg, s.program(ctx, "/usr/bin/"+multipathName, nil, append(s.flags(), args...)))
}
