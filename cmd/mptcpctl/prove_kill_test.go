// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

// passage is a change of the world that one run has to follow.
type passage struct {
	name string
	// from is the world before, to the change; both are steps of cmdWalk that need
	// no script, as strings.
	from, to []string
}

var passages = []passage{
	{"from nothing", []string{"run flush"}, nil},
	{"tables and modes change", []string{"run apply"}, []string{
		"shift", "option wan1 multipath on", "option wan2 multipath master", "option wan3 multipath off",
		"option wan4 multipath on", "option globals mptcp_path_manager fullmesh", "option globals mptcp_subflows 5",
	}},
	{"endpoints are exchanged", []string{"run apply"}, []string{"option globals mptcp_add_addr_accepted 2", "option wan3 multipath signal"}},
	{"the primary lines are lost", []string{"run apply"}, []string{"netifd wan1 down", "netifd wan2 down", "netifd wan3 down"}},
	{"all lines are lost", []string{"run apply"}, []string{"netifd wan1 down", "netifd wan2 down", "netifd wan3 down", "netifd wan4 down"}},
	{"lines come back after all were lost", []string{
		"run apply", "netifd wan1 down", "netifd wan2 down", "netifd wan3 down", "netifd wan4 down", "run apply",
	}, []string{"netifd wan1 up", "netifd wan2 up", "netifd wan4 up"}},
	{"switched off", []string{"run apply"}, []string{"option globals multipath disable"}},
}

// stage is a laboratory on which a passage is played again and again.
type stage struct {
	*testing.T
	*script
	config string   // the configuration at first
	act    []string // the run that is disturbed
}

// stageLines are enough for every operation that there is.
const stageLines = "lan wan1=master,ipv6 wan2=on,ipv6,dhcp wan3=backup wan4=handover,ipv6"

func newStage(t *testing.T, lines string) *stage {
	dir := t.TempDir()
	config, err := parseLab(strings.Fields(lines))
	if err != nil {
		t.Fatal(err)
	}
	config.Dir = filepath.Join(dir, "lab")
	if err := os.Mkdir(config.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s := &stage{T: t, script: &script{dir: config.Dir}, act: []string{"apply"}}
	s.syslog, err = newScriptLog(s.dir)
	s.check(err)
	s.Lab, err = netlab.New(config)
	s.check(err)
	t.Cleanup(func() {
		if err := s.script.close(); err != nil {
			t.Error(err)
		}
	})
	// As on a router, netifd is asked by the bus: its messages fail and kill too.
	s.bus, err = s.ListenBus(filepath.Join(s.dir, "ubus.sock"))
	s.check(err)
	t.Cleanup(func() {
		if err := s.bus.Close(); err != nil {
			t.Error(err)
		}
	})
	self, err := os.Executable()
	s.check(err)
	s.check(s.InstallTools(self))
	text, err := os.ReadFile(filepath.Join(s.ConfigDir(), "network"))
	s.check(err)
	s.config = string(text)
	return s
}

func (s *stage) check(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// set plays the beginning of a passage, and then its change.
func (s *stage) set(p passage) {
	s.Helper()
	for n := 1; n <= 4; n++ {
		s.play(fmt.Sprintf("netifd wan%d up", n))
	}
	s.check(s.editConfig(func(string) string { return s.config }))
	s.play("run flush")
	s.check(s.Router.Sysctl("net.mptcp.enabled", "1"))
	s.check(s.Router.Run(exec.Command("ip", "mptcp", "limits", "set", "add_addr_accepted", "0"))) // flush leaves it
	for _, step := range append(p.from[:len(p.from):len(p.from)], p.to...) {
		s.play(step)
	}
}

func (s *stage) play(step string) {
	s.Helper()
	words := strings.Fields(step)
	switch words[0] {
	case "run":
		s.run(words[1:]...)
	case "netifd":
		s.check(s.Edit(words[1], func(i *netlab.Interface) { i.Up = words[2] == "up" }))
	case "option":
		s.check(s.editConfig(func(text string) string { return setOption(text, words[1], words[2], strings.Join(words[3:], " ")) }))
	case "fault":
		s.check(s.walkFault(words[1:]))
	case "cut": // the subflows of an address
		s.check(s.Router.Run(exec.Command("ss", "-K", "src", words[1])))
	case "act":
		s.act = words[1:]
	case "shift":
		s.check(s.editConfig(shiftSections))
	}
}

// run runs mptcpctl, which must succeed.
func (s *stage) run(args ...string) string {
	s.Helper()
	var out strings.Builder
	cmd := s.command(&out, args...)
	if err := s.Router.Run(cmd); err != nil {
		s.Fatalf("mptcpctl %s: %v\n%s", args, err, out.String())
	}
	return out.String()
}

func (s *stage) command(out *strings.Builder, args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	s.Cleanup(cancel)
	cmd := s.program(ctx, "mptcpctl", nil, append(s.flags(), args...))
	cmd.Stdout, cmd.Stderr = out, out
	return cmd
}

var endpointID = regexp.MustCompile(` id \d+ `)

// world is all that a finished run leaves, but for the ids of endpoints.
func (s *stage) world() string {
	s.Helper()
	text, err := s.kernel("")
	s.check(err)
	lines := strings.SplitAfter(endpointID.ReplaceAllString(text, " "), "\n")
	text = strings.Join(withoutOrder(lines), "")
	for _, device := range []string{"eth1", "eth2", "eth3", "eth4"} {
		for _, family := range []string{"ipv4", "ipv6"} {
			value, err := s.Router.ReadSysctl("net." + family + ".conf." + device + ".ignore_routes_with_linkdown")
			s.check(err)
			text += device + " " + family + " " + value + "\n"
		}
	}
	return text
}

// withoutOrder sorts what is in no order of ours: all but the master list, and
// there the sources that stand one behind the other. The limits are never lowered,
// so that they tell of what was before.
func withoutOrder(lines []string) []string {
	var list, rest []string
	sources := 0 // at the end of the list
	for _, line := range lines {
		switch {
		case strings.HasPrefix(line, "32765:"):
			list = append(list, line)
			if sources++; strings.HasPrefix(line, "32765: from all ") {
				sources = 0
			}
			slices.Sort(list[len(list)-sources:])
		case !strings.Contains(line, "add_addr_accepted"):
			rest = append(rest, line)
		}
	}
	slices.Sort(rest)
	return append(list, rest...)
}

// converges plays the rest of a passage that was disturbed.
func (s *stage) converges(p passage, want, what string) {
	s.Helper()
	s.run("apply")
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(s.world(), "\n")); diff != "" {
		s.Errorf("%s: %s: after one more run, -undisturbed +now:\n%s", p.name, what, diff)
	}
	if left := s.run("plan"); left != "" {
		s.Errorf("%s: %s: a second look finds:\n%s", p.name, what, left)
	}
}

// undisturbed plays a passage and returns what it leaves and how many messages went
// to and fro.
func (s *stage) undisturbed(p passage) (world string, messages int) {
	s.Helper()
	s.set(p)
	messages = s.whole()
	return s.world(), messages
}

// whole lets a run come to its end, and counts its messages.
func (s *stage) whole() int {
	s.Helper()
	code, printed, messages, err := s.obstructed(func(int, *seccompNotif) (unix.Errno, bool) { return 0, false }, s.act...)
	s.check(err)
	if code != 0 || printed == "" {
		s.Fatalf("exit code %d\n%s", code, printed)
	}
	return messages
}

// kill kills a run at one of so many messages. It need not come to the last ones: a
// reply that is late is asked for twice, so that there are a few more or less.
func (s *stage) kill(at, messages int) {
	s.Helper()
	code, printed, _, err := s.obstructed(func(place int, _ *seccompNotif) (unix.Errno, bool) { return 0, place == at }, s.act...)
	s.check(err)
	if code != -1 && (code != 0 || at <= messages*9/10) {
		s.Fatalf("message %d of %d: not killed: %d\n%s", at, messages, code, printed)
	}
}

// stride is how many places the short form leaves out.
func stride() int {
	if longProof() {
		return 1
	}
	return 37
}

// TestProveKillAtEveryMessage kills a run at every netlink message, before it goes
// out and before its answer is read: one more run, and all is as if nothing had been.
func TestProveKillAtEveryMessage(t *testing.T) {
	t.Parallel()
	for _, p := range passages {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, stageLines)
			want, messages := s.undisturbed(p)
			for at := 0; at < messages; at += stride() {
				s.set(p)
				s.kill(at, messages)
				s.converges(p, want, fmt.Sprintf("killed at message %d of %d", at, messages))
			}
			t.Logf("%d messages", messages)
		})
	}
}

// TestProveKillAnywhere kills runs from outside after a random time, several in a
// row, while the world changes.
func TestProveKillAnywhere(t *testing.T) {
	t.Parallel()
	const seed = 5
	random := rand.New(rand.NewPCG(seed, seed))
	rounds := 12
	if longProof() {
		rounds = 500
	}
	s := newStage(t, stageLines)
	want := make(map[string]string)
	killed := 0
	for _, p := range passages {
		want[p.name], _ = s.undisturbed(p)
	}
	for round := range rounds {
		p := passages[random.IntN(len(passages))]
		s.set(p)
		for range 1 + random.IntN(3) {
			var out strings.Builder
			cmd := s.command(&out, "apply")
			s.check(s.Router.Start(cmd))
			time.Sleep(time.Duration(random.IntN(40000)) * time.Microsecond)
			_ = cmd.Process.Kill() // it may have ended
			if _ = cmd.Wait(); cmd.ProcessState.ExitCode() < 0 {
				killed++
			}
		}
		s.converges(p, want[p.name], fmt.Sprint("round ", round))
	}
	t.Logf("%d rounds, %d runs killed", rounds, killed)
}
