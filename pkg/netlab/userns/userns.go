// SPDX-License-Identifier: Apache-2.0

package userns

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// ErrForbidden says that this user may make no namespaces on this machine; the
// text around it names the sysctl that decides it.
var ErrForbidden = errors.New("user namespaces are not allowed here")

// marker is set in the environment of a process that was started again inside
// namespaces, with the flags that it got.
const marker = "MPTCPLAB_INSIDE"

// Tests makes a test binary able to make namespaces: its Run starts the binary again
// inside a user namespace when the process lacks the privileges, and runs the
// tests directly when it has them. It fits testscript.Main as well as os.Exit(Tests(m).Run()).
func Tests(m interface{ Run() int }) TestRunner { return TestRunner{m} }

// TestRunner is what Tests returns.
type TestRunner struct{ tests interface{ Run() int } }

// Run runs the tests and returns their exit code, or 1 with a message when the
// privileges cannot be had.
func (r TestRunner) Run() int {
	if err := Reexec(0); err != nil {
		fmt.Fprintln(os.Stderr, "userns:", err)
		return 1
	}
	return r.tests.Run()
}

// Reexec returns nil at once when this process may administer namespaces.
// Otherwise it starts the same program with the same arguments in a new user,
// network and mount namespace, in which it may, and ends this process with that
// one's exit code. Flags of clone(2) in always are made even for root:
// CLONE_NEWNS gives a process mounts of its own. The error is ErrForbidden where
// the machine forbids user namespaces.
func Reexec(always uintptr) error {
	if os.Getenv(marker) != "" {
		// Programs started from here are no part of this agreement.
		if err := os.Unsetenv(marker); err != nil {
			return err
		}
		return privileged()
	}
	attr := &syscall.SysProcAttr{Cloneflags: always, Pdeathsig: syscall.SIGKILL}
	if privileged() != nil {
		attr.Cloneflags |= syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET | syscall.CLONE_NEWNS
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	if attr.Cloneflags == 0 {
		return nil
	}
	code, err := startAgain(attr)
	if err != nil {
		return err
	}
	os.Exit(code)
	return nil
}

func startAgain(attr *syscall.SysProcAttr) (int, error) {
	// The child is killed when the thread that started it ends, hence the lock.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	self, err := os.Executable()
	if err != nil {
		return 0, fmt.Errorf("find this program: %w", err)
	}
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), marker+"=1")
	cmd.SysProcAttr = attr
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("start in new namespaces: %w", Explain(err))
	}
	// The terminal sends its signals to both; the child decides what they mean.
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	go func() {
		for s := range signals {
			if s != syscall.SIGINT {
				_ = cmd.Process.Signal(s) // It may have ended already.
			}
		}
	}()
	err = cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return 0, fmt.Errorf("wait for the program in its namespaces: %w", err)
	}
	if cmd.ProcessState.ExitCode() < 0 {
		return 1, nil
	}
	return cmd.ProcessState.ExitCode(), nil
}

// privileged returns nil when the process holds the two capabilities that a lab
// needs: making namespaces (CAP_SYS_ADMIN) and filling them (CAP_NET_ADMIN).
func privileged() error {
	var data [2]unix.CapUserData
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	if err := unix.Capget(&header, &data[0]); err != nil {
		return fmt.Errorf("read capabilities: %w", err)
	}
	need := uint32(1<<unix.CAP_NET_ADMIN | 1<<unix.CAP_SYS_ADMIN)
	if data[0].Effective&need != need {
		return Explain(unix.EPERM)
	}
	return nil
}

// Explain names the setting that stands in the way of a user namespace.
func Explain(err error) error {
	for _, s := range []struct{ file, bad, name, want string }{
		{"/proc/sys/kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone", "1"},
		{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", "kernel.apparmor_restrict_unprivileged_userns", "0"},
		{"/proc/sys/user/max_user_namespaces", "0", "user.max_user_namespaces", "10000"},
	} {
		value, readErr := os.ReadFile(s.file)
		if readErr == nil && len(value) > 0 && string(value[:len(value)-1]) == s.bad {
			return fmt.Errorf("%w (%w): run as root, or set sysctl %s=%s", ErrForbidden, err, s.name, s.want)
		}
	}
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSPC) {
		return fmt.Errorf("%w (%w): run as root; the sysctl is user.max_user_namespaces, or a container or security module forbids them", ErrForbidden, err)
	}
	return err
}
