// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// forbidden is set in a process that is to forbid itself user namespaces.
const forbidden = "NETLAB_TEST_FORBIDDEN"

// forbiddenMain runs in a user namespace of its own, whose limit it sets to none.
func forbiddenMain() int {
	if err := os.WriteFile("/proc/sys/user/max_user_namespaces", []byte("0"), 0o644); err != nil {
		fmt.Println(err)
		return 2
	}
	_, err := startAgain(&syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER})
	fmt.Println(err)
	if !errors.Is(err, ErrForbidden) {
		return 3
	}
	return 0
}

func TestWhoMayMakeNoNamespacesIsToldTheSysctl(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	must(t, err)
	cmd := exec.CommandContext(limited(t), self)
	cmd.Env = append(os.Environ(), forbidden+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "set sysctl user.max_user_namespaces=10000") {
		t.Errorf("%v: %s", err, out)
	}
}

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
