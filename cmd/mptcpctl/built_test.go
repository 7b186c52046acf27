// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

// builtLab is a lab of two lines in which the program runs as it is shipped,
// not as a part of the test binary.
type builtLab struct {
	testing.TB
	*netlab.Lab
	program string
	bus     *netlab.Bus  // nil: ubus is asked
	spent   atomic.Int64 // processor time of the commands so far, in ns
}

func newBuiltLab(tb testing.TB) *builtLab {
	return newBuiltLabOf(tb, []netlab.LineConfig{{Multipath: "master"}, {Multipath: "on"}})
}

func newBuiltLabOf(tb testing.TB, lines []netlab.LineConfig) *builtLab {
	lab, err := netlab.New(netlab.Config{LAN: true, Lines: lines})
	l := &builtLab{TB: tb, Lab: lab, program: filepath.Join(tb.TempDir(), "mptcpctl")}
	l.must("", err)
	tb.Cleanup(func() { l.must("", lab.Close()) })
	self, err := os.Executable()
	l.must("", err)
	l.must("", lab.InstallTools(self))
	l.must("", lab.WriteConfig())
	if *built != "" {
		l.program = filepath.Join(*built, "mptcpctl")
		return l
	}
	text, err := exec.Command("make", "-s", "-C", "../..", "bin/mptcpctl", "OUT="+l.program).CombinedOutput()
	l.must(string(text), err)
	return l
}

// mainTable is RT_TABLE_MAIN (include/uapi/linux/rtnetlink.h).
const mainTable = 254

// addRoutes puts host routes of the LAN into a table.
func (l *builtLab) addRoutes(table, n int) {
	link, err := l.Router.Netlink.LinkByName("lan0")
	l.must("", err)
	for i := range n {
		dst := &net.IPNet{IP: net.IPv4(100, byte(64+i>>16), byte(i>>8), byte(i)), Mask: net.CIDRMask(32, 32)}
		l.must("", l.Router.Netlink.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Dst: dst, Scope: netlink.SCOPE_LINK, Table: table}))
	}
}

func (l *builtLab) must(text string, err error) {
	l.Helper()
	if err != nil {
		l.Fatalf("%v\n%s", err, text)
	}
}

func (l *builtLab) mptcpctl(args ...string) (string, error) {
	return l.command(l.program, l.flags(args)...)
}

func (l *builtLab) flags(args []string) []string {
	if l.bus != nil {
		args = append(args, "--ubus-socket", l.bus.Path)
	}
	return l.oldFlags(append(args, "--staged-dir", l.StagedDir()))
}

// oldFlags are those that builds of earlier commits know too.
func (l *builtLab) oldFlags(args []string) []string {
	return append(args, "--config-dir", l.ConfigDir(), "--state-dir", l.StateDir(),
		"--lock", filepath.Join(l.LockDir(), "lock"), "--syslog-socket", "/nonexistent")
}

// listenBus gives the lab a socket of ubusd, which answers the same from then on.
func (l *builtLab) listenBus() {
	bus, err := l.ListenBus(filepath.Join(l.Dir, "ubus.sock"))
	l.must("", err)
	l.Cleanup(func() { l.must("", bus.Close()) })
	l.must("", bus.Freeze())
	l.bus = bus
}

func (l *builtLab) command(name string, args ...string) (string, error) {
	return l.commandWith("", name, args...)
}

// hotplug is an event as the hook calls it.
func (l *builtLab) hotplug() (string, error) {
	return l.commandWith("GOMAXPROCS=1", l.program, l.flags([]string{"hotplug"})...)
}

// commandWith runs a command with one more setting in its environment.
func (l *builtLab) commandWith(env, name string, args ...string) (string, error) {
	cmd := l.Command(l.Context(), name, args...)
	cmd.Env = append(cmd.Env, env)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := l.Router.Run(cmd)
	if cmd.ProcessState != nil {
		l.spent.Add(int64(cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()))
	}
	return out.String(), err
}

// maxMemory is the peak that one event may take, in kB.
const maxMemory = 16_000

// firstTable is that of the first line, the third interface of the configuration
// behind loopback and LAN; longTable is nearly as many routes as are read of one.
const (
	firstTable = 4
	longTable  = 9_900
)

// TestPeakMemoryOfAnEvent is about the program alone: see peakOfEvent.
func TestPeakMemoryOfAnEvent(t *testing.T) {
	t.Parallel()
	l := newBuiltLab(t)
	l.addRoutes(mainTable, 20_000)
	for _, event := range []string{"lines to set up", "nothing to do", "a long table"} {
		if event == "a long table" {
			l.addRoutes(firstTable, longTable)
		}
		peak := l.peakOfEvent()
		if peak > maxMemory {
			t.Errorf("%s: %d kB, want at most %d", event, peak, maxMemory)
		}
		t.Logf("%s: %d kB", event, peak)
	}
}

// peakOfEvent is the memory that an event takes at most, in kB, with a ubus that only
// says what the stand-in has said before: GNU time tells the largest of a process and
// its children, and the stand-in is a test binary.
func (l *builtLab) peakOfEvent() int {
	l.Helper()
	dir := l.TempDir()
	answer, err := l.command("ubus", ubusArgs...)
	l.must(answer, err)
	said := filepath.Join(dir, "answer")
	l.must("", os.WriteFile(said, []byte(answer), 0o644))
	l.must("", os.WriteFile(filepath.Join(dir, "ubus"), []byte("#!/bin/sh\nexec cat "+said+"\n"), 0o755))
	return l.peak(append([]string{"env", "PATH=" + dir + ":/usr/bin:/bin", l.program}, l.flags([]string{"hotplug"})...))
}

// What an event asks ubus, and would ask uci.
func uciArgs(l *builtLab) []string {
	return []string{"-S", "-n", "-c", l.ConfigDir(), "-P", l.StateDir(), "export", "network"}
}

var ubusArgs = []string{"-t", "5", "call", "network.interface", "dump"}

// peak is the memory that a program takes at most, in kB. GNU time forks the program
// itself: what a child of a large process reports begins with the size of its parent.
func (l *builtLab) peak(args []string) int {
	l.Helper()
	file := filepath.Join(l.TempDir(), "peak")
	l.quiet("/usr/bin/time", append([]string{"-o", file, "-f", "%M"}, args...)...)
	text, err := os.ReadFile(file)
	l.must("", err)
	peak, err := strconv.Atoi(strings.TrimSpace(string(text)))
	l.must(string(text), err)
	return peak
}
