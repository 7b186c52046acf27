// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
	"github.com/mptcpctl/mptcpctl/pkg/reconcile"
)

// TestHealLooksAgainUnderTheLock lets a subflow come to life on the line between
// the first look, which found none, and the lock.
func TestHealLooksAgainUnderTheLock(t *testing.T) {
	t.Parallel()
	lab := newWatchLab(t)
	poll := func(what string, done func() bool) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("no %s", what)
			}
		}
	}
	subflows := func(n string) func() bool {
		return func() bool {
			out, err := runIn(lab, "status")
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			_, row, _ := strings.Cut(out, "\nwan2 ")
			return strings.Fields(row)[3] == n
		}
	}
	if out, err := lab.Router.Output(t.Context(), "ss", "-K", "dst", "10.99.0.2", "src", "10.0.2.2"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	poll("dead subflow", subflows("0"))
	path := filepath.Join(lab.LockDir(), "lock")
	lock, err := reconcile.Acquire(t.Context(), path, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	cmd := programIn(lab, "iface", "wan2", "heal")
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := lab.Router.Start(cmd); err != nil {
		t.Fatal(err)
	}
	files := filepath.Join("/proc", strconv.Itoa(cmd.Process.Pid), "fd")
	poll("wait for the lock", func() bool {
		all, _ := filepath.Glob(files + "/*")
		for _, file := range all {
			// For writing: the first look reads it.
			info, err := os.Lstat(file)
			if target, _ := os.Readlink(file); err == nil && target == path && info.Mode()&0o200 != 0 {
				return true
			}
		}
		return false
	})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	more, err := lab.Router.StartTransfer(ctx, netlab.Transfer{Up: netlab.Endless, Rate: 64 << 10, From: netip.MustParseAddr("10.0.2.2")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { cancel(); _, _ = more.Wait() }() // It is broken off.
	poll("new subflow", subflows("1"))
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	const want = "mptcpctl: wan2: nothing was changed: new subflows were established in the meantime; try again\n"
	if code := cmd.ProcessState.ExitCode(); out.String() != want || code != exitFailed {
		t.Errorf("exit code %d and %q, want %d and %q", code, &out, exitFailed, want)
	}
}
