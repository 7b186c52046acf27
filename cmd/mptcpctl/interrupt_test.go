// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
	"github.com/mptcpctl/mptcpctl/pkg/reconcile"
)

// TestTheSecondInterruptEnds: what waits for a pipe does not notice the first interrupt.
// The second one ends it, and until then other runs have the lock.
func TestTheSecondInterruptEnds(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		args []string
		// done reports whether what is done under the lock was done.
		done func(l *netlab.Lab) bool
	}{
		{"a snapshot from the standard input", []string{"plan", "--from", "-"}, nil},
		{"a snapshot from a pipe", []string{"plan", "--from", "/dev/stdin"}, nil},
		{"counters from a pipe", []string{"counters", "--since", "/dev/stdin"}, nil},
		{"status, whose reader has stopped", []string{"status", "--watch", "--json"}, nil},
		{"connections, whose reader has stopped", []string{"connections", "--watch", "--json"}, nil},
		{"doctor, whose reader has stopped", []string{"doctor"}, nil},
		{"apply, whose reader has stopped", []string{"apply"}, func(l *netlab.Lab) bool {
			out, err := l.Router.Output(context.Background(), "ip", "rule", "show", "pref", "502")
			return err == nil && out != ""
		}},
		{"iface, whose reader has stopped", []string{"iface", "wan2", "backup"}, func(l *netlab.Lab) bool {
			info, err := os.Stat(filepath.Join(l.StateDir(), "network"))
			return err == nil && info.Size() > 0
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			lab, err := netlab.New(netlab.Config{LAN: true, Lines: []netlab.LineConfig{{Multipath: "master"}, {Multipath: "on"}}})
			check(t, err)
			t.Cleanup(func() { check(t, lab.Close()) })
			self, err := os.Executable()
			check(t, err)
			check(t, lab.InstallTools(self))
			check(t, lab.WriteConfig())
			cmd := programIn(lab, tt.args...)
			stuckPipes(t, cmd)
			check(t, lab.Router.Start(cmd))
			ended := make(chan struct{})
			go func() { defer close(ended); _ = cmd.Wait() }()
			t.Cleanup(func() { _ = cmd.Process.Kill(); <-ended })

			if tt.done != nil {
				for deadline := time.Now().Add(awaitTimeout); !tt.done(lab); time.Sleep(10 * time.Millisecond) {
					if time.Now().After(deadline) {
						t.Fatal("nothing was done")
					}
				}
			}
			lock, err := reconcile.Acquire(t.Context(), filepath.Join(lab.LockDir(), "lock"), awaitTimeout)
			check(t, err)
			check(t, lock.Release())
			time.Sleep(200 * time.Millisecond) // now it waits for the pipe
			for deadline := time.Now().Add(awaitTimeout); ; {
				_ = cmd.Process.Signal(syscall.SIGINT) // it may have ended
				select {
				case <-ended:
					if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != syscall.SIGINT {
						t.Errorf("it did not wait for the pipe: %s", cmd.ProcessState)
					}
					return
				case <-time.After(100 * time.Millisecond):
				}
				if time.Now().After(deadline) {
					t.Fatal("no interrupt ends it")
				}
			}
		})
	}
}

// stuckPipes gives a program an input that nothing comes from, and an output that
// takes nothing.
func stuckPipes(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	in, writer, err := os.Pipe()
	check(t, err)
	reader, out, err := os.Pipe()
	check(t, err)
	size, err := unix.FcntlInt(out.Fd(), unix.F_GETPIPE_SZ, 0)
	check(t, err)
	_, err = out.Write(make([]byte, size))
	check(t, err)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, out, nil
	t.Cleanup(func() {
		for _, f := range []*os.File{in, writer, reader, out} {
			f.Close()
		}
	})
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
