// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdWatch starts mptcpctl watch and returns when that has read configuration and
// netifd once.
func cmdWatch(ts *testscript.TestScript, neg bool, args []string) {
	of(ts).start(ts, neg, append([]string{"watch"}, args...))
}

// cmdIdle waits until the program that stays has used no processor time for a
// while.
func cmdIdle(ts *testscript.TestScript, neg bool, args []string) {
	none(ts, neg, args)
	ts.Check(awaitIdle(of(ts).background.cmd.Process.Pid, idleTime))
}

// switches are the lines of /proc/PID/task/TID/status that count how often a
// thread was given the processor.
var switches = regexp.MustCompile(`(?m)^(non)?voluntary_ctxt_switches:.*$`)

// idleTime is how long a program has to stand still to be called idle. One with
// a ticker of a second never does.
const idleTime = 1500 * time.Millisecond

// awaitIdle waits until no thread of a process has run for d.
func awaitIdle(pid int, d time.Duration) error {
	for deadline := time.Now().Add(awaitTimeout); ; {
		before, err := activity(pid)
		if err != nil {
			return err
		}
		time.Sleep(d)
		after, err := activity(pid)
		if err != nil || before == after {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("process %d is never idle:\n%s\nthen\n%s", pid, before, after)
		}
	}
}

// activity is how much every thread of a process has run.
func activity(pid int) (string, error) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil || len(tasks) == 0 {
		return "", fmt.Errorf("process %d has no threads: %w", pid, err)
	}
	var b strings.Builder
	for _, task := range tasks {
		text, err := os.ReadFile(task)
		if err != nil {
			return "", err
		}
		fmt.Fprintln(&b, task, switches.FindAllString(string(text), -1))
	}
	return b.String(), nil
}
