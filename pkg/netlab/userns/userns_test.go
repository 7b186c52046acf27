// SPDX-License-Identifier: Apache-2.0

package userns

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

func TestMain(m *testing.M) {
	if os.Getenv(forbidden) != "" {
		os.Exit(forbiddenMain())
	}
	os.Exit(Tests(m).Run())
}

// forbidden is set in a process that is to forbid itself user namespaces.
const forbidden = "USERNS_TEST_FORBIDDEN"

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
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
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
