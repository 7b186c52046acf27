// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"maps"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mptcpctl/mptcpctl/pkg/reconcile"
)

const (
	// walkTries bounds how often a run is repeated because the world did not stand
	// still: duplicate address detection ends when it likes.
	walkTries = 10
	// walkIdle is how long a watch has to stand still, which has no clock, to be
	// called idle.
	walkIdle = 300 * time.Millisecond
	// walkPatience is for duplicate address detection, a second or two, and then for
	// watch, whose wait grows with what happens.
	walkPatience = 15 * time.Second
)

// walkSince is what happened since the last run for an event.
type walkSince int

const (
	noRunYet walkSince = iota
	nothingSince
	seenSince   // the kernel told of it
	unseenSince // it may not have
)

// step notes what a step of a walk does. watch takes an added rule of our protocol
// for its own, and netifd keeps a router to itself that makes no default route.
func (w *walkSince) step(args []string, hidden bool) {
	text := strings.Join(args, " ")
	switch {
	case *w == noRunYet || slices.Contains([]string{"event", "run", "still", "watch", "hold", "rival", "settled", "end"}, args[0]):
	case args[0] == "fault" && !(hidden && args[1] == "router"), args[0] == "ip" && args[1] != "mptcp" && !strings.Contains(text, " 77"):
		*w = max(*w, seenSince)
	default:
		*w = unseenSince
	}
}

// walkHold takes the lock, so that neither watch nor settle looks.
func (s *script) walkHold(ts *testscript.TestScript) {
	if s.lock != nil {
		return
	}
	lock, err := reconcile.Acquire(context.Background(), s.lockPath(), commandTimeout)
	ts.Check(err)
	s.lock = lock
}

func (s *script) walkLetGo(ts *testscript.TestScript) {
	if s.lock != nil {
		ts.Check(s.lock.Release())
		s.lock = nil
	}
}

// awaitWatch waits until a watch, if there is one, stands still.
func (s *script) awaitWatch(ts *testscript.TestScript) {
	if s.background.cmd != nil {
		ts.Check(awaitIdle(s.background.cmd.Process.Pid, walkIdle))
	}
}

// walkSettled waits until everything is right without another event, and stays so,
// where somebody could know that there is something to do.
func (s *script) walkSettled(ts *testscript.TestScript) {
	if known := s.since == nothingSince || s.since == seenSince && s.background.cmd != nil; !known {
		s.walkLetGo(ts)
		return
	}
	config, err := s.readChecked()
	ts.Check(err)
	before := s.walkDump(ts)
	s.walkLetGo(ts)
	held := false
	for deadline := time.Now().Add(walkPatience); ; time.Sleep(awaitPoll) {
		s.walkHold(ts)
		now := s.walkDump(ts)
		trial := checker{frozen: maps.Clone(s.checker.frozen), ids: slices.Clone(s.checker.ids)}
		problems := trial.check(config, before, now, s.lockPath(), s.Router)
		s.walkLetGo(ts)
		if now.tentative() {
			problems = append(problems, broken{"settled", "duplicate address detection never ends"})
		}
		switch late := time.Now().After(deadline); {
		case len(problems) == 0 && held:
			s.checker = trial
			return
		case len(problems) > 0 && late:
			problems = slices.Insert(problems, 0, broken{"settled", "nobody puts it right"})
			s.walkFail(ts, config, problems, s.background.String())
		}
		if held = len(problems) == 0; held {
			s.awaitWatch(ts)
		}
	}
}

// tentative reports whether duplicate address detection is under way: without a
// carrier it stands still.
func (d *kernelDump) tentative() bool {
	return slices.ContainsFunc(d.links, func(l dumpedLink) bool {
		return slices.Contains(l.Flags, "LOWER_UP") && slices.ContainsFunc(l.Addresses, func(a dumpedAddress) bool { return a.Tentative && !a.Failed })
	})
}

// walkEnd ends watch as procd does.
func (s *script) walkEnd(ts *testscript.TestScript) {
	if s.background.cmd == nil {
		return
	}
	s.walkLetGo(ts)
	ts.Check(s.background.cmd.Process.Signal(syscall.SIGTERM))
	_ = s.background.end() // the exit code is the answer
	code := s.background.cmd.ProcessState.ExitCode()
	s.background.cmd = nil
	if code != 0 {
		ts.Fatalf("%v", broken{"watch", "it ended with " + s.background.String()})
	}
}
