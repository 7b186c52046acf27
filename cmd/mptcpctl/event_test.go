// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestTheEventsOwnCommandLine is understood as cobra understands it, or left to cobra.
func TestTheEventsOwnCommandLine(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		nil, {"--reload"}, {"--config-dir", "/c", "--lock=/l"}, {"--state-dir=", "--lock-timeout", "7"}, {"--ubus-socket", "--lock"},
		{"--syslog-socket=/s=t", "--lock", "/a", "--lock", "/b"}, {"--reload", "--lock-timeout=1m"}, {"--uci", "--lock", "/l"}, {"--uci=false", "--staged-dir", "/s"}, {"--uci=true", "--override-dir=/o"},
	} {
		o := newOptions(streams{out: io.Discard, err: io.Discard})
		reload, ok := o.parseEvent(args)
		if !ok {
			t.Errorf("%q: left to cobra", args)
			continue
		}
		by := newOptions(streams{out: io.Discard, err: io.Discard})
		c := newHotplugCmd(by)
		for _, g := range by.globalFlags() {
			c.Flags().Var(g.value, g.name, g.usage)
			if g.alone() {
				c.Flags().Lookup(g.name).NoOptDefVal = switchedOn
			}
		}
		if err := c.ParseFlags(args); err != nil {
			t.Fatal(err)
		}
		byCobra, err := c.Flags().GetBool(reloadFlag)
		if err != nil || reload != byCobra {
			t.Errorf("%q: reload %v, by cobra %v, error %v", args, reload, byCobra, err)
		}
		for i, g := range o.globalFlags() {
			if got, want := g.value.String(), by.globalFlags()[i].value.String(); got != want {
				t.Errorf("%q: --%s is %q, by cobra %q", args, g.name, got, want)
			}
		}
	}
	for _, args := range [][]string{
		{"--help"}, {"-h"}, {"now"}, {"--"}, {"--lock"}, {"--lock-timeout", "never"}, {"--reload=false"}, {"--uci=maybe"}, {"--no-such", "x"}, {"lock", "/l"}, {""},
	} {
		if _, ok := newOptions(streams{}).parseEvent(args); ok {
			t.Errorf("%q is not left to cobra", args)
		}
	}
}

// TestAnEventIsOneProcess starts no other one, and no more threads than a Go program that
// opens one netlink socket, whether there is nothing to do or everything. What it writes
// to of memory is at most memoryAbove of that program's; what else it has are the pages of
// the program file, which are the same for all runs and stay in the page cache.
func TestAnEventIsOneProcess(t *testing.T) {
	t.Parallel()
	l := newBuiltLab(t)
	l.listenBus()
	floor := l.buildOf(`package main

import "syscall"

func main() {
	fd, err := syscall.Socket(syscall.AF_NETLINK, syscall.SOCK_RAW, syscall.NETLINK_ROUTE)
	if err != nil || syscall.Close(fd) != nil {
		panic(err)
	}
}
`)
	own := append([]string{l.program}, l.flags([]string{"hotplug"})...)
	// A thread more or less may be needed when another process has the processor.
	const runs = 20
	least := func(args []string, before func()) (all trace) {
		for i := range runs {
			before()
			one := l.traced(args)
			if one.processes != 0 {
				t.Errorf("%v has started %d processes", args[1:], one.processes)
			}
			if i == 0 {
				all = one
			}
			all.threads, all.private = min(all.threads, one.threads), max(all.private, one.private)
		}
		return all
	}
	want := least([]string{floor}, func() {})
	for what, before := range map[string]func(){
		"two lines to set up": func() { l.must(l.mptcpctl("flush")) },
		"nothing to do":       func() { l.must(l.mptcpctl("apply")) },
	} {
		got := least(own, before)
		if got.threads > want.threads {
			t.Errorf("%s: %d threads, a program with one netlink socket %d", what, got.threads, want.threads)
		}
		if got.private > want.private+memoryAbove {
			t.Errorf("%s: %d kB at most, a program with one netlink socket %d, want at most %d more", what, got.private, want.private, memoryAbove)
		}
		t.Logf("%s: %+v, a program with one netlink socket %+v", what, got, want)
	}
	// The counter counts: a shell starts one process, and a program in Go threads.
	if one := l.traced([]string{"/bin/sh", "-c", "/bin/true; :"}); one.threads != 0 || one.processes != 1 {
		t.Errorf("a shell that starts one program: %+v", one)
	}
	if want.threads == 0 || want.private == 0 || want.file == 0 {
		t.Errorf("a program in Go: %+v", want)
	}
}

// memoryAbove is what an event on two lines may take beyond a bare program, in kB.
const memoryAbove = 1500

// trace is what a program has started, and its resident memory at its end, in kB: pages
// of its own, and of files.
type trace struct{ threads, processes, private, file int }

// traced runs a program in the router and counts the threads and processes that it and
// its children start.
func (l *builtLab) traced(args []string) (all trace) {
	l.Helper()
	cmd := l.Command(l.Context(), args[0])
	// The thread that starts a process is the one that traces it, and waits for its own
	// children alone.
	l.must("", l.Router.Do(func() error {
		null, err := syscall.Open("/dev/null", syscall.O_RDWR|syscall.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer syscall.Close(null)
		pid, err := syscall.ForkExec(args[0], args, &syscall.ProcAttr{
			Env: append(cmd.Environ(), "GOMAXPROCS=1"), Files: []uintptr{uintptr(null), uintptr(null), uintptr(null)},
			Sys: &syscall.SysProcAttr{Ptrace: true},
		})
		if err != nil {
			return err
		}
		for first := true; ; first = false {
			var status syscall.WaitStatus
			child, err := syscall.Wait4(-1, &status, unix.WALL|unix.WNOTHREAD, nil)
			switch {
			case errors.Is(err, syscall.EINTR):
				continue
			case err != nil:
				return err
			case child == pid && (status.Exited() || status.Signaled()):
				if status != 0 {
					l.Errorf("%v: status %#x", args, status)
				}
				return nil
			case !status.Stopped():
				continue
			}
			if first {
				const events = unix.PTRACE_O_TRACEEXIT | syscall.PTRACE_O_TRACECLONE | syscall.PTRACE_O_TRACEFORK | syscall.PTRACE_O_TRACEVFORK | unix.PTRACE_O_EXITKILL
				if err := syscall.PtraceSetOptions(pid, events); err != nil {
					return err
				}
			}
			signal := 0
			switch status.TrapCause() {
			case syscall.PTRACE_EVENT_CLONE:
				all.threads++
			case syscall.PTRACE_EVENT_FORK, syscall.PTRACE_EVENT_VFORK:
				all.processes++
			case unix.PTRACE_EVENT_EXIT:
				if child == pid {
					all.private, all.file, err = memoryOf(pid)
				}
				if err != nil {
					return err
				}
			default:
				if s := status.StopSignal(); s != syscall.SIGTRAP && s != syscall.SIGSTOP {
					signal = int(s)
				}
			}
			if err := syscall.PtraceCont(child, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
				return err
			}
		}
	}))
	return all
}

// memoryOf reads what of a process's memory is resident, in kB.
func memoryOf(pid int) (private, file int, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(text)) {
		var kB int
		name, value, _ := strings.Cut(line, ":")
		if _, scanErr := fmt.Sscanf(value, "%d kB", &kB); scanErr != nil {
			continue
		}
		switch name {
		case "RssAnon":
			private = kB
		case "RssFile":
			file = kB
		}
	}
	return private, file, err
}
