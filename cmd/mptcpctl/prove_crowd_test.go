// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/reconcile"
)

// A crowd is crowdSize runs at once, of which one in crowdKilled is killed within
// crowdKillBy of its start.
const (
	crowdSize       = 64
	crowdKilled     = 3
	crowdKillBy     = 1500 * time.Millisecond
	crowdRounds     = 2
	crowdLongRounds = 40
	crowdPatience   = 2 * time.Minute
	// crowdHurry is the lock time-out of some, which may end with exitLocked.
	crowdHurry = "20ms"
)

// crowd counts how its runs ended.
type crowd struct {
	*proofRouter
	*rand.Rand
	mu     sync.Mutex
	codes  map[int]int
	killed int
}

// TestProveCrowds lets many runs of hotplug, apply and iface come at once, some
// of them killed, while one line has no carrier, so that settle is wanted.
// Afterwards one run must make what it makes of a flushed router; no code but a
// documented one was given, no lock is held, and no settle had another beside it.
func TestProveCrowds(t *testing.T) {
	t.Parallel()
	rounds := crowdRounds
	if longProof() {
		rounds = crowdLongRounds
	}
	c := &crowd{proofRouter: newProofRouter(t, "master", "on", "backup", "handover", "on"), codes: make(map[int]int)}
	for seed := range rounds {
		c.Rand = rand.New(rand.NewPCG(uint64(seed), 4))
		c.round()
		if t.Failed() {
			t.Fatalf("in round %d", seed)
		}
	}
	t.Logf("%d rounds of %d runs: exit codes %v, %d killed", rounds, crowdSize, c.codes, c.killed)
}

func (c *crowd) round() {
	c.Helper()
	_, err := c.Unplug("wan5")
	c.must(err)
	ctx, cancel := context.WithTimeout(c.Context(), crowdPatience)
	defer cancel()
	var all sync.WaitGroup
	for n := range crowdSize {
		cmd, kill := c.member(ctx, n), time.Duration(0)
		if c.IntN(crowdKilled) == 0 {
			kill = 1 + time.Duration(c.Int64N(int64(crowdKillBy)))
		}
		all.Go(func() { c.attend(cmd, kill) })
	}
	all.Wait()
	c.must(ctx.Err())
	c.alone(1, awaitTimeout)

	c.mptcpctl("iface", "wan2", "--reset")
	c.alone(1, awaitTimeout)
	_, err = c.Plug("wan5")
	c.must(err)
	c.alone(0, reconcile.SettleLifetime+awaitTimeout)
	c.mptcpctl("plan", "--exit-code")
	got := c.state()
	c.mptcpctl("flush")
	c.mptcpctl("apply")
	c.alone(0, reconcile.SettleLifetime+awaitTimeout)
	if want := c.state(); want != got {
		c.Fatalf("after the crowd\n%s\nof a flushed router\n%s", got, want)
	}
	c.locksAreFree()
}

// member is run number n of the crowd.
func (c *crowd) member(ctx context.Context, n int) *exec.Cmd {
	mode := []string{"on", "backup", "off", "handover"}[c.IntN(4)]
	words := [][]string{{"hotplug"}, {"apply"}, {"iface", "wan2", mode}, {"iface", "wan3", "--reset"}}[n%4]
	if n%16 == 5 {
		words = append(words, "--lock-timeout", crowdHurry)
	} else {
		words = append(words, "--lock-timeout", crowdPatience.String())
	}
	cmd := c.start(ctx, words...)
	cmd.Env = append(cmd.Env, "ACTION=ifup", "INTERFACE=wan2")
	return cmd
}

// attend runs one member, and kills it after a while unless that is 0.
func (c *crowd) attend(cmd *exec.Cmd, kill time.Duration) {
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := c.Router.Start(cmd); err != nil {
		c.Error(err)
		return
	}
	if kill > 0 {
		timer := time.AfterFunc(kill, func() { _ = cmd.Process.Kill() })
		defer timer.Stop()
	}
	err := cmd.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if kill > 0 && status.Signaled() && status.Signal() == syscall.SIGKILL {
		c.killed++
		return
	}
	code := cmd.ProcessState.ExitCode()
	c.codes[code]++
	mayBeLocked := slices.Contains(cmd.Args, crowdHurry)
	if code != 0 && (code != exitLocked || !mayBeLocked) || errors.Is(err, exec.ErrWaitDelay) {
		c.Errorf("%s: %v\n%s", strings.Join(cmd.Args[1:4], " "), err, out.String())
	}
}

// locksAreFree asserts that nobody holds a file that serves as a lock.
func (c *crowd) locksAreFree() {
	c.Helper()
	files, err := filepath.Glob(filepath.Join(c.LockDir(), "*"))
	c.must(err)
	for _, file := range append(files, filepath.Join(c.StateDir(), reconcile.Package)) {
		f, err := os.Open(file)
		c.must(err)
		c.must(unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB))
		c.must(f.Close())
	}
}
