// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
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
//	walk vanish NAME              netifd no longer knows an interface
//	walk ip ARG...                ip(8) on the router
//	walk rival LINE ADDRESS       gives an address to the far end of a line
//	walk option SECTION NAME [V]  writes an option into the configuration, in a new section if there is none, or takes it out
//	walk shift                    puts a section before all others, or takes it out
//	walk forget                   empties the lock file
//	walk event ACTION NAME [nodevice|IFUPDATE_...]   delivers an event, and checks
//	walk run ARG...               runs mptcpctl, and checks
//	walk still                    asserts that plan finds nothing to do
//	walk watch                    starts a mptcpctl watch that lives beside the walk
//	walk hold                     lets nobody look until the next run or "settled"
//	walk settled                  waits for watch and settle, and checks
//	walk end                      ends watch, which must say that all is well
func cmdWalk(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: walk WHAT ARG...")
	}
	s, rest := of(ts), args[1:]
	interfaces, err := s.Interfaces()
	ts.Check(err)
	s.since.step(args, slices.ContainsFunc(interfaces, func(i netlab.Interface) bool { return i.NoDefaultRoute && slices.Contains(rest, i.Name) }))
	switch args[0] {
	case "fault":
		err = s.walkFault(rest)
	case "netifd":
		ts.Check(s.Edit(rest[0], func(i *netlab.Interface) { err = parseNetifd(i, rest[1:]) }))
	case "ip":
		_, err = s.ip("ip " + strings.Join(rest, " "))
	case "rival":
		_, err = s.Internet.Output(context.Background(), "ip", "addr", "add", rest[1], "dev", "line"+rest[0], "nodad")
	case "vanish":
		ts.Check(s.Forget(rest[0]))
	case "option":
		ts.Check(s.editConfig(func(text string) string { return setOption(text, rest[0], rest[1], strings.Join(rest[2:], " ")) }))
	case "shift":
		ts.Check(s.editConfig(shiftSections))
	case "forget":
		ts.Check(os.Truncate(s.lockPath(), 0))
		s.checker.ids = nil // by DESIGN they may come again then
	case "event":
		env := s.Environment(s.eventOf(ts, rest[:2]))
		if len(rest) > 2 && rest[2] != "nodevice" {
			env = append(env, rest[2]+"=1")
		} else if len(rest) > 2 {
			env = slices.DeleteFunc(env, func(v string) bool { return strings.HasPrefix(v, "DEVICE=") || strings.HasPrefix(v, "IFUPDATE_") })
		}
		s.walkRun(ts, env, []string{"hotplug"})
	case "run":
		s.walkRun(ts, nil, rest)
	case "still":
		s.walkStill(ts)
	case "watch":
		s.start(ts, false, []string{"watch"})
	case "hold":
		s.walkHold(ts)
	case "settled":
		s.walkSettled(ts)
	case "end":
		s.walkEnd(ts)
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
	inside, found := false, false
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) > 1 && words[0] == "option" && words[1] == option && inside {
			continue
		}
		b.WriteString(line)
		if len(words) > 0 && words[0] == "config" {
			inside = len(words) > 2 && words[2] == "'"+section+"'"
			found = found || inside
			if inside && value != "" {
				fmt.Fprintf(&b, "\toption %s '%s'\n", option, value)
			}
		}
	}
	if !found && value != "" {
		fmt.Fprintf(&b, "\nconfig interface '%s'\n\toption %s '%s'\n", section, option, value)
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
// settle and watch may live beside the walk.
func (s *script) walkDump(ts *testscript.TestScript) *kernelDump {
	if s.lock == nil {
		s.walkHold(ts)
		defer s.walkLetGo(ts)
	}
	d, err := s.dump()
	ts.Check(err)
	return d
}

// walkRun runs mptcpctl and checks its exit code and what it made.
func (s *script) walkRun(ts *testscript.TestScript, env, args []string) {
	if s.lock != nil {
		defer s.walkHold(ts)
	}
	for range walkTries {
		before := s.walkDump(ts)
		s.walkLetGo(ts)
		code, printed, said := s.walkProgram(ts, env, args)
		s.awaitWatch(ts)
		s.walkHold(ts) // until all is compared
		now := s.walkDump(ts)
		if !reflect.DeepEqual(before.links, now.links) {
			continue // an address or a carrier changed by itself: what did the run see?
		}
		config, err := s.readChecked() // which the run may have changed
		ts.Check(err)
		var problems []broken
		if args[0] == "flush" {
			// It needs no configuration that can be read.
			problems = append(s.checker.exit(&checkedConfig{}, code), s.checker.flushed(config, before, now)...)
		} else {
			problems = append(s.checker.exit(config, code), s.checker.check(config, before, now, s.lockPath(), s.Router)...)
		}
		if len(problems) > 0 && !reflect.DeepEqual(now.links, s.walkDump(ts).links) {
			continue
		}
		s.walkLetGo(ts)
		s.since, s.seen = nothingSince, now.links
		s.walkFail(ts, config, problems, fmt.Sprintf("mptcpctl %s: code %d\n%s%s", strings.Join(args, " "), code, printed, said))
		return
	}
	ts.Fatalf("addresses and carriers never stand still")
}

// walkFail ends the walk if something does not hold.
func (s *script) walkFail(ts *testscript.TestScript, config *checkedConfig, problems []broken, about string) {
	if len(problems) == 0 {
		return
	}
	ts.Logf("%s", config)
	for _, p := range problems[1:] {
		ts.Logf("%v", p)
	}
	ts.Logf("%s", about)
	ts.Fatalf("%v", problems[0])
}

// walkProgram runs mptcpctl to its end.
func (s *script) walkProgram(ts *testscript.TestScript, env, args []string) (code int, printed, said string) {
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	cmd := s.program(ctx, "mptcpctl", env, append(s.flags(), args...))
	var out, problems strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &problems
	err := s.runWaiting(cmd)
	if cmd.ProcessState == nil {
		ts.Fatalf("%v", err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), problems.String()
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
	if s.lock == nil {
		s.walkHold(ts)
		defer s.walkLetGo(ts)
	}
	_, printed, _ := s.walkProgram(ts, nil, []string{"plan"}) // the code may be 3
	// If an address or a carrier has changed by itself since the run, settle is still
	// to look.
	stands := s.since == nothingSince && reflect.DeepEqual(s.seen, s.walkDump(ts).links)
	if printed != "" && stands {
		ts.Fatalf("%v", broken{"still", "a second look finds:\n" + printed})
	}
}
