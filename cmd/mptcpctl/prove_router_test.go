// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

// longProof reports whether the long form of a TestProve is asked for.
func longProof() bool { return os.Getenv("PROVE") != "" }

// proofRouter is a laboratory for the proofs about many runs at once, long
// lives and few privileges. Line N has the mode of that place.
type proofRouter struct {
	testing.TB
	*netlab.Lab
	program string // what mptcpctl is on it
}

func newProofRouter(tb testing.TB, modes ...string) *proofRouter {
	tb.Helper()
	config := netlab.Config{LAN: true}
	for i, mode := range modes {
		config.Lines = append(config.Lines, netlab.LineConfig{Multipath: mode, IPv6: i < 2})
	}
	lab, err := netlab.New(config)
	r := &proofRouter{TB: tb, Lab: lab, program: "mptcpctl"}
	r.must(err)
	tb.Cleanup(func() { r.must(lab.Close()) })
	self, err := os.Executable()
	r.must(errors.Join(err, lab.InstallTools(self), lab.WriteConfig()))
	return r
}

func (r *proofRouter) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *proofRouter) lock() string { return filepath.Join(r.LockDir(), "lock") }

func (r *proofRouter) flags() []string {
	return []string{"--config-dir", r.ConfigDir(), "--state-dir", r.StateDir(), "--staged-dir", r.StagedDir(), "--lock", r.lock(), "--syslog-socket", "/nonexistent"}
}

// start makes one run of the program.
func (r *proofRouter) start(ctx context.Context, words ...string) *exec.Cmd {
	cmd := r.Command(ctx, r.program, append(words, r.flags()...)...)
	cmd.WaitDelay = 10 * time.Second // settle would keep it open for longer
	return cmd
}

// mptcpctl runs the program, which must end with 0.
func (r *proofRouter) mptcpctl(words ...string) string {
	r.Helper()
	return r.ran(r.start(r.Context(), words...))
}

// ran runs a program of the router, which must end with 0.
func (r *proofRouter) ran(cmd *exec.Cmd) string {
	r.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := r.Router.Run(cmd); err != nil {
		r.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, out.String())
	}
	return out.String()
}

// state is all of ours that the kernel holds, an object on a line and sorted; the
// ids of endpoints are left out, for they depend on what came before.
func (r *proofRouter) state() string {
	r.Helper()
	var all []string
	for _, list := range kernelLists {
		for _, command := range list.commands {
			words := strings.Fields(command)
			for line := range strings.Lines(r.ran(r.Command(r.Context(), words[0], words[1:]...))) {
				if line = canonical(list.name, line); line == "" {
					continue
				}
				if before, after, ok := strings.Cut(line, " id "); ok && list.name == "endpoints" {
					_, after, _ = strings.Cut(after, " ")
					line = before + " " + after
				}
				all = append(all, line)
			}
		}
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

// alone waits until no more than most processes run on in the laboratory.
func (r *proofRouter) alone(most int, patience time.Duration) {
	r.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(awaitPoll) {
		pids, err := r.Processes()
		r.must(err)
		if len(pids) <= most {
			return
		}
		if time.Now().After(deadline) {
			r.Fatalf("%d processes run on:\n%s", len(pids), commandLines(pids))
		}
	}
}

func commandLines(pids []int) string {
	var all []string
	for _, pid := range pids {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)) // it may be gone
		all = append(all, fmt.Sprintf("%d %s", pid, strings.ReplaceAll(string(b), "\x00", " ")))
	}
	return strings.Join(all, "\n")
}
