// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// peerOf names the other end of a device, within the 15 bytes of a name (IFNAMSIZ).
func peerOf(device string) string { return "p" + device[:min(len(device), 14)] }

// cmdLink makes devices that are up and have a carrier.
func cmdLink(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: link NAME...")
	}
	for _, name := range args {
		for _, command := range []string{
			fmt.Sprintf("ip link add %s type veth peer name %s", name, peerOf(name)),
			"ip link set up dev " + peerOf(name), "ip link set up dev " + name,
		} {
			_, err := of(ts).ip(command)
			ts.Check(err)
		}
	}
}

func cmdIP(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: ip ARG...")
	}
	cmdRouter(ts, false, append([]string{"ip"}, args...))
}

// find asks the kernel for a route; the answer may be an error.
func (s *script) find(family, query string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	text, err := s.Router.Output(ctx, "ip", append([]string{"-" + family, "route", "get"}, strings.Fields(query)...)...)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = nil
	}
	return strings.Join(strings.Fields(text), " "), err
}

// cmdWay asserts which way a packet takes; the text of an error is one too.
func cmdWay(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: way FAMILY QUERY WORDS...")
	}
	found, err := of(ts).find(args[0], args[1])
	ts.Check(err)
	for _, words := range args[2:] {
		if !strings.Contains(" "+found+" ", " "+words+" ") {
			ts.Fatalf("to %s: want %q, got %s", args[1], words, found)
		}
	}
}

// cmdOnLink asserts that a destination is a neighbour.
func cmdOnLink(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: onlink FAMILY QUERY")
	}
	found, err := of(ts).find(args[0], args[1])
	ts.Check(err)
	if strings.Contains(found, " via ") || !strings.Contains(found, " dev ") {
		ts.Fatalf("to %s: want no gateway, got %s", args[1], found)
	}
}

// cmdSource asserts which address the kernel gives to a socket that has none.
func cmdSource(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: source ADDRESS SOURCE")
	}
	var local string
	ts.Check(of(ts).Router.Do(func() error {
		conn, err := net.Dial("udp", net.JoinHostPort(args[0], "9"))
		if err != nil {
			return err
		}
		local, _, err = net.SplitHostPort(conn.LocalAddr().String())
		return errors.Join(err, conn.Close())
	}))
	if local != args[1] {
		ts.Fatalf("to %s a socket sends from %s, want %s", args[0], local, args[1])
	}
}

// endpointLines are the endpoints, one a line, as ip(8) prints them.
func (s *script) endpointLines() ([]string, error) {
	text, err := s.ip("ip mptcp endpoint")
	return slices.Collect(strings.Lines(text)), err
}

func cmdEndpoint(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 0 || neg && len(args) != 1 {
		ts.Fatalf("usage: [!] endpoint ADDRESS [DEVICE [FLAG...]]")
	}
	lines, err := of(ts).endpointLines()
	ts.Check(err)
	want := args[1:]
	if len(want) > 0 {
		want = append([]string{"dev"}, want...)
	}
	found := slices.ContainsFunc(lines, func(line string) bool {
		words := strings.Fields(line)
		return words[0] == args[0] && !slices.ContainsFunc(want, func(w string) bool { return !slices.Contains(words, w) })
	})
	if found == neg {
		ts.Fatalf("endpoints:\n%s", strings.Join(lines, ""))
	}
}

// cmdEventually waits for what the kernel does in its own time.
func cmdEventually(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: eventually PATTERN PROGRAM ARG...")
	}
	pattern, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), awaitTimeout)
	defer cancel()
	for {
		text, err := of(ts).Router.Output(ctx, args[1], args[2:]...)
		if pattern.MatchString(text) {
			return
		}
		if ctx.Err() != nil {
			ts.Fatalf("still %v\n%s", err, text)
		}
		time.Sleep(awaitPoll)
	}
}

// cmdFinds asserts that doctor says something, or that it does not.
func cmdFinds(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: [!] finds PATTERN")
	}
	pattern, err := regexp.Compile(args[0])
	ts.Check(err)
	s := of(ts)
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	var out, problems strings.Builder
	cmd := s.program(ctx, "mptcpctl", nil, append(s.flags(), "doctor"))
	cmd.Stdout, cmd.Stderr = &out, &problems
	err = s.Router.Run(cmd)
	if code := cmd.ProcessState.ExitCode(); code != 0 && code != exitFindings || out.Len() == 0 {
		ts.Fatalf("doctor: %v\n%s%s", err, out.String(), problems.String())
	}
	if pattern.MatchString(out.String()) == neg {
		ts.Fatalf("doctor says\n%s", out.String())
	}
}
