// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"os/exec"
	"syscall"
	"testing"
)

func TestWhatRunsInALabEndsWithIt(t *testing.T) {
	t.Parallel()
	l, err := New(Config{Lines: []LineConfig{{}}})
	must(t, err)
	cmd := exec.CommandContext(limited(t), "sleep", "100")
	must(t, l.Router.Start(cmd))
	pids, err := l.Processes()
	must(t, err)
	if len(pids) != 1 || pids[0] != cmd.Process.Pid {
		t.Errorf("processes %v, want %d", pids, cmd.Process.Pid)
	}
	must(t, l.Close())
	if err := cmd.Wait(); err == nil || cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Errorf("the program ended with %v", err)
	}
}
