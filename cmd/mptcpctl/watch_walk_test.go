// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
)

// watchedWalks are fewer than walks: what they have in addition is the company.
const watchedWalks = 8

// TestRandomWalksBesideAWatch is TestRandomWalks with a watch that looks at
// every change too: the two must agree, and nothing foreign be touched.
func TestRandomWalksBesideAWatch(t *testing.T) {
	t.Parallel()
	for seed := range uint64(watchedWalks) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			w := newWalk(t, seed+walks)
			stop := w.watch()
			w.life()
			stop()
			w.end()
		})
	}
}

// watch starts the program; the function that it returns ends it.
func (w *walk) watch() (stop func()) {
	ctx, cancel := context.WithCancel(w.context())
	cmd := w.lab.Command(ctx, "mptcpctl", "watch", "--config-dir", w.lab.ConfigDir(), "--state-dir", w.lab.StateDir(),
		"--lock", filepath.Join(w.lab.LockDir(), "lock"), "--syslog-socket", "/nonexistent")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	w.check(w.lab.Router.Start(cmd))
	return func() {
		cancel()
		if _ = cmd.Wait(); cmd.ProcessState.ExitCode() != 0 {
			w.Errorf("watch ended with %s", cmd.ProcessState)
		}
	}
}
