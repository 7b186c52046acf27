// SPDX-License-Identifier: Apache-2.0

// Command kernelinit is the first process of the machines that .ci/kernels boots. It
// loads the modules of /modules.list, runs the test programs of /job one after the
// other, writes what they print to the second serial line, and switches off.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	results = "/dev/ttyS1"
	// patience is how long one test program may take: an emulated processor is
	// twenty times slower than a real one, and may have to share that. Each test has
	// it for itself, since programs that it starts have seconds to answer.
	patience = 20 * time.Minute
)

func main() {
	if os.Getpid() != 1 {
		if err := work(); err != nil {
			fmt.Fprintln(os.Stderr, "kernelinit:", err)
		}
		return
	}
	if err := first(); err != nil {
		fmt.Fprintln(os.Stderr, "kernelinit:", err)
	}
	unix.Sync()
	// On success it does not return; without a first process the kernel panics, and
	// QEMU ends at that too.
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
}

// first does what only the first process can: it takes leave of the processes that
// lost their parent, such as mptcpctl's in the background.
func first() error {
	if err := mount(); err != nil {
		return err
	}
	worker, err := os.StartProcess("/proc/self/exe", os.Args[:1], &os.ProcAttr{
		Env:   []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "EMULATED=1"},
		Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
	})
	if err != nil {
		return err
	}
	for {
		pid, err := unix.Wait4(-1, nil, 0, nil)
		if pid == worker.Pid {
			return nil
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

func mount() error {
	for _, m := range []struct{ kind, dir string }{
		{"proc", "/proc"},
		{"sysfs", "/sys"},
		{"devtmpfs", "/dev"},
		{"devpts", "/dev/pts"},
		{"tmpfs", "/dev/shm"},
		{"tmpfs", "/tmp"},
		{"tmpfs", "/run"},
	} {
		if err := os.MkdirAll(m.dir, 0o755); err != nil {
			return err
		}
		// The kernel may have mounted /dev itself.
		if err := unix.Mount(m.kind, m.dir, m.kind, 0, ""); err != nil && !errors.Is(err, unix.EBUSY) {
			return fmt.Errorf("mount %s: %w", m.dir, err)
		}
	}
	return errors.Join(os.MkdirAll("/run/netns", 0o755), os.MkdirAll("/run/lock", 0o1777), os.Symlink("/proc/self/fd", "/dev/fd"))
}

func work() error {
	out, err := os.OpenFile(results, os.O_WRONLY|unix.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	if err := loadModules("/modules.list"); err != nil {
		return errors.Join(err, out.Close())
	}
	fmt.Fprintln(out, "kernel", release())
	jobs, err := os.ReadFile("/job")
	if err != nil {
		return errors.Join(err, out.Close())
	}
	for job := range strings.Lines(string(jobs)) {
		if words := strings.Fields(job); len(words) > 0 {
			run(out, words[0], words[1:])
		}
	}
	fmt.Fprintln(out, "done")
	return out.Close()
}

func release() string {
	b, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(b))
}

// run runs the test program of a package in the package's directory.
func run(out *os.File, dir string, args []string) {
	fmt.Fprintln(out, "start", dir)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	test := exec.CommandContext(ctx, "/tests/"+strings.ReplaceAll(dir, "/", "_")+".test",
		append([]string{"-test.v", "-test.parallel=1", fmt.Sprintf("-test.timeout=%s", patience-time.Minute)}, args...)...)
	test.Dir = filepath.Join("/repo", dir)
	test.Stdout, test.Stderr = out, out
	test.WaitDelay = 10 * time.Second // a process that the test left keeps its output
	err := test.Run()
	fmt.Fprintf(out, "\nend %s %v\n", dir, err)
}

// loadModules loads the modules whose files are named, those that others need first.
func loadModules(list string) (err error) {
	f, err := os.Open(list)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if err := loadModule(lines.Text()); err != nil {
			return fmt.Errorf("module %s: %w", lines.Text(), err)
		}
	}
	return nil
}

func loadModule(name string) (err error) {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := unix.FinitModule(int(f.Fd()), "", 0); err != nil && !errors.Is(err, syscall.EEXIST) {
		return err
	}
	return nil
}
