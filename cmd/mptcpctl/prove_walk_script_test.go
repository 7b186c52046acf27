// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

// cmdWalk is one step of a random walk. After each run of mptcpctl the checker
// states what must hold. A step that cannot be taken, as when the device is away,
// is none: so a walk stays one when steps are taken out of it.
//
//	walk fault WHAT LINE [ARG]    as fault, and nothing is printed
//	walk netifd NAME WORD...      as netifd
//	walk ip ARG...                ip(8) on the router
//	walk option SECTION NAME [V]  writes an option into the configuration, or takes it out
//	walk shift                    puts a section before all others, or takes it out
//	walk forget                   empties the lock file
//	walk event ACTION NAME [nodevice]   delivers an event, and checks
//	walk run ARG...               runs mptcpctl, and checks
//	walk still                    asserts that plan finds nothing to do
func cmdWalk(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: walk WHAT ARG...")
	}
	s, rest := of(ts), args[1:]
	var err error
	switch args[0] {
	case "fault":
		err = s.walkFault(rest)
	case "netifd":
		ts.Check(s.Edit(rest[0], func(i *netlab.Interface) { err = parseNetifd(i, rest[1:]) }))
	case "ip":
		_, err = s.ip("ip " + strings.Join(rest, " "))
	case "option":
		ts.Check(s.editConfig(func(text string) string { return setOption(text, rest[0], rest[1], strings.Join(rest[2:], " ")) }))
	case "shift":
		ts.Check(s.editConfig(shiftSections))
	case "forget":
		ts.Check(os.Truncate(s.lockPath(), 0))
		s.checker.ids = nil // by DESIGN they may come again then
	case "event":
		env := s.Environment(s.eventOf(ts, rest[:2]))
		if len(rest) > 2 {
			env = slices.DeleteFunc(env, func(v string) bool { return strings.HasPrefix(v, "DEVICE=") || strings.HasPrefix(v, "IFUPDATE_") })
		}
		s.walkRun(ts, env, []string{"hotplug"})
	case "run":
		s.walkRun(ts, nil, rest)
	case "still":
		s.walkStill(ts)
	default:
		ts.Fatalf("walk: no step %q", args[0])
	}
	if err != nil {
		ts.Logf("cannot: %v", err)
	}
}

func (s *script) walkFault(args []string) error {
	if f := faults[args[0]]; f != nil {
		_, err := f(s.Lab, args[1])
		return err
	}
	_, err := faultsTo[args[0]](s.Lab, args[1], args[2])
	return err
}

func (s *script) editConfig(edit func(string) string) error {
	file := filepath.Join(s.ConfigDir(), "network")
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return os.WriteFile(file, []byte(edit(string(text))), 0o644)
}

// setOption writes an option of a section; an empty value takes it out.
func setOption(text, section, option, value string) string {
	var b strings.Builder
	inside := false
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) > 1 && words[0] == "option" && words[1] == option && inside {
			continue
		}
		b.WriteString(line)
		if len(words) > 0 && words[0] == "config" {
			inside = len(words) > 2 && words[2] == "'"+section+"'"
			if inside && value != "" {
				fmt.Fprintf(&b, "\toption %s '%s'\n", option, value)
			}
		}
	}
	return b.String()
}

func shiftSections(text string) string {
	const extra = "config interface 'extra'\n\toption device 'br-extra'\n\n"
	if rest, there := strings.CutPrefix(text, extra); there {
		return rest
	}
	return extra + text
}

// walkDump reads the kernel while no other run can be in the middle of something:
// settle may live beside the walk.
func (s *script) walkDump(ts *testscript.TestScript) *kernelDump {
	lock, err := acquire(context.Background(), s.lockPath(), commandTimeout)
	ts.Check(err)
	defer lock.release()
	d, err := s.dump()
	ts.Check(err)
	return d
}

// walkRun runs mptcpctl and checks its exit code and what it made.
func (s *script) walkRun(ts *testscript.TestScript, env, args []string) {
	before := s.walkDump(ts)
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	cmd := s.program(ctx, "mptcpctl", env, append(s.flags(), args...))
	var printed strings.Builder
	cmd.Stdout, cmd.Stderr = &printed, &printed
	err := s.runWaiting(cmd)
	if cmd.ProcessState == nil {
		ts.Fatalf("%v", err)
	}
	config, err := s.readChecked()
	ts.Check(err)
	now := s.walkDump(ts)
	var problems []broken
	if code := cmd.ProcessState.ExitCode(); args[0] == "flush" {
		// It needs no configuration that can be read.
		problems = append(s.checker.exit(&checkedConfig{}, code), s.checker.flushed(config, before, now)...)
	} else {
		problems = append(s.checker.exit(config, code), s.checker.check(config, before, now, s.lockPath())...)
	}
	if len(problems) > 0 {
		ts.Logf("%s", config)
		for _, p := range problems[1:] {
			ts.Logf("%v", p)
		}
		ts.Logf("mptcpctl %s: %s\n%s", strings.Join(args, " "), cmd.ProcessState, printed.String())
		ts.Fatalf("%v", problems[0])
	}
}

// runWaiting leaves what the program starts in the background alone.
func (s *script) runWaiting(cmd *exec.Cmd) error {
	cmd.WaitDelay = awaitPoll
	return s.Router.Run(cmd)
}

// exit: 3 with a bad value, else 0.
func (c *checker) exit(config *checkedConfig, code int) []broken {
	want := 0
	if config.problems || config.badGlobals {
		want = exitConfig
	}
	if code == want {
		return nil
	}
	return []broken{{"exit", fmt.Sprintf("code %d, wanted %d", code, want)}}
}

// flushed: nothing of ours is left, whatever the configuration says.
func (c *checker) flushed(config *checkedConfig, before, now *kernelDump) []broken {
	k := &checking{checker: c, c: config, before: before, now: now}
	k.foreign()
	if left := now.ours(); len(left) > 0 {
		k.fail("flush", "left:\n%s", strings.Join(left, "\n"))
	}
	for _, e := range now.endpoints {
		if k.own(before, e) {
			k.fail("flush", "left: %+v", e)
		}
	}
	for key, value := range now.linkdown {
		if value == "1" {
			k.fail("flush", "ignore_routes_with_linkdown of %s is %s", key, value)
		}
	}
	c.frozen = nil
	return k.problems
}

// walkStill runs plan while nobody else can run.
func (s *script) walkStill(ts *testscript.TestScript) {
	lock, err := acquire(context.Background(), s.lockPath(), commandTimeout)
	ts.Check(err)
	defer lock.release()
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	var printed strings.Builder
	cmd := s.program(ctx, "mptcpctl", nil, append(s.flags(), "plan"))
	cmd.Stdout = &printed
	_ = s.runWaiting(cmd) // 3 with a bad value
	if printed.Len() > 0 {
		ts.Fatalf("%v", broken{"still", "a second look finds:\n" + printed.String()})
	}
}
