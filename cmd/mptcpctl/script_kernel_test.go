// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

// awaitTimeout bounds the wait for what settle does; awaitPoll is how often the
// kernel is asked.
const (
	awaitTimeout = 30 * time.Second
	awaitPoll    = 20 * time.Millisecond
)

// kernelList is a part of a dump, with the programs that print it.
type kernelList struct {
	name     string
	commands []string
}

var kernelLists = []kernelList{
	{"rules", []string{"ip -N -4 rule", "ip -N -6 rule"}},
	{"routes", []string{"ip -N -4 route show table all", "ip -N -6 route show table all"}},
	{"endpoints", []string{"ip mptcp endpoint"}},
	{"limits", []string{"ip mptcp limits"}},
}

// kernel is what stands in the router's kernel, one object on a line: what is in
// every namespace, and the routes of the main and local tables, are left out.
func (s *script) kernel(what string) (string, error) {
	var b strings.Builder
	for _, list := range kernelLists {
		if what != "" && what != list.name {
			continue
		}
		for _, command := range list.commands {
			text, err := s.ip(command)
			if err != nil {
				return "", err
			}
			for line := range strings.Lines(text) {
				if line = canonical(list.name, line); line != "" {
					b.WriteString(line + "\n")
				}
			}
		}
	}
	return b.String(), nil
}

func (s *script) ip(command string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	words := strings.Fields(command)
	text, err := s.Router.Output(ctx, words[0], words[1:]...)
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", command, err, text)
	}
	return text, nil
}

// ipNoise is what the programs add that is in no object.
var ipNoise = regexp.MustCompile(` (dead|linkdown|pref medium)\b`)

// kernelRule is a rule that every namespace has.
var kernelRule = regexp.MustCompile(`^(0: from all lookup 255|32766: from all lookup 254|32767: from all lookup 253)\b`)

// canonical is a line of a dump; empty when it is left out, as the endpoints of fill are.
func canonical(list, line string) string {
	line = strings.Join(strings.Fields(ipNoise.ReplaceAllString(line, "")), " ")
	switch {
	case list == "rules" && kernelRule.MatchString(line):
		return ""
	case list == "routes" && (!strings.Contains(line, " table ") || strings.Contains(line, " table 255 ")):
		return ""
	case list == "endpoints":
		word, _, _ := strings.Cut(line, " ")
		if addr, err := netip.ParseAddr(word); err == nil && netlab.Filler(addr) {
			return ""
		}
	}
	return line
}

// endpointBound is how many endpoints the kernel takes.
var endpointBound = sync.OnceValues(netlab.EndpointBound)

// cmdFill lets foreign endpoints take the kernel's slots, but for some, and sets SLOTS
// to how many there are.
func cmdFill(ts *testscript.TestScript, neg bool, args []string) {
	leave, err := strconv.Atoi(one(ts, neg, args))
	ts.Check(err)
	bound, err := of(ts).Router.FillEndpoints(leave)
	ts.Check(err)
	ts.Setenv("SLOTS", strconv.Itoa(bound))
}

func cmdKernel(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 1 {
		ts.Fatalf("usage: kernel [rules|routes|endpoints|limits]")
	}
	text, err := of(ts).kernel(strings.Join(args, ""))
	ts.Check(err)
	fmt.Fprint(ts.Stdout(), text)
}

// look is what await waits for: what the kernel holds, the number of processes that
// run on, or that of the children of watch that have ended and that it has not waited for.
func (s *script) look(what string) (string, error) {
	switch what {
	case "processes":
		pids, err := s.Processes()
		return fmt.Sprintln(len(pids)), err
	case "zombies":
		n, err := zombies(s.background.cmd.Process.Pid)
		return fmt.Sprintln(n), err
	}
	return s.kernel(what)
}

// zombies counts the children of a process that it has not waited for.
func zombies(parent int) (n int, err error) {
	all, err := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range all {
		text, _ := os.ReadFile(file) // processes come and go
		// The name, in parentheses, may contain any character.
		after := text[bytes.LastIndexByte(text, ')')+1:]
		if strings.HasPrefix(string(after), fmt.Sprintf(" Z %d ", parent)) {
			n++
		}
	}
	return n, err
}

func cmdAwait(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: await WHAT PATTERN")
	}
	pattern, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	for deadline := time.Now().Add(awaitTimeout); ; time.Sleep(awaitPoll) {
		text, err := of(ts).look(args[0])
		ts.Check(err)
		if pattern.MatchString(text) != neg {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s: still\n%s", args[0], text)
		}
	}
}

// cmdForeign saves everything that does not carry our mark, exactly as printed,
// and the endpoints of the given ids.
func cmdForeign(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: foreign FILE [ID...]")
	}
	s := of(ts)
	var b strings.Builder
	for _, list := range kernelLists[:3] {
		for _, command := range list.commands {
			text, err := s.ip(strings.Replace(command, "ip ", "ip -d ", 1))
			ts.Check(err)
			for line := range strings.Lines(text) {
				if isForeign(list.name, line, args[1:]) {
					b.WriteString(line)
				}
			}
		}
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(b.String()), 0o644))
}

// isForeign leaves out what is ours, and what the kernel itself makes for an
// address (protocol 2, RTPROT_KERNEL), at a time of its own choice.
func isForeign(list, line string, ids []string) bool {
	switch list {
	case "endpoints":
		return slices.ContainsFunc(ids, func(id string) bool { return strings.Contains(line, " id "+id+" ") })
	case "routes":
		return !strings.Contains(line, " proto 77 ") && !strings.Contains(line, " proto 2 ")
	}
	return !strings.Contains(line, " proto 77")
}
