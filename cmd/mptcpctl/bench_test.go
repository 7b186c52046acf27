// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

// BenchmarkEvent is one event of netifd as a whole process, the built binary
// with the stand-ins for ubus and uci, which cost as much as they cost. Rivals:
// the same operations as separate ip commands of a shell script, as one batch
// of ip (endpoints apart), and the stand-ins alone.
func BenchmarkEvent(b *testing.B) {
	for _, routes := range []int{0, 20_000} {
		b.Run(fmt.Sprintf("main routes %d", routes), func(b *testing.B) {
			l := newBenchLab(b, routes)
			b.Run("nothing to do", func(b *testing.B) {
				for b.Loop() {
					l.must(l.mptcpctl("hotplug"))
				}
			})
			b.Run("two lines to set up", func(b *testing.B) {
				for b.Loop() {
					b.StopTimer()
					l.must(l.mptcpctl("flush"))
					b.StartTimer()
					l.must(l.mptcpctl("hotplug"))
				}
			})
			b.Run("rival: the same by ip in a shell", func(b *testing.B) { l.rival(b, l.script()) })
			b.Run("rival: the same by ip -batch", func(b *testing.B) { l.rival(b, l.batch()) })
			b.Run("floor: uci and ubus alone", func(b *testing.B) {
				for b.Loop() {
					l.must(l.command("uci", "-S", "export", "network"))
					l.must(l.command("ubus", "call", "network.interface", "dump"))
				}
			})
		})
	}
}

type benchLab struct {
	*testing.B
	*netlab.Lab
	program string
	plan    []string // the commands of a whole plan
}

func newBenchLab(b *testing.B, routes int) *benchLab {
	lab, err := netlab.New(netlab.Config{LAN: true, Lines: []netlab.LineConfig{{Multipath: "master"}, {Multipath: "on"}}})
	l := &benchLab{B: b, Lab: lab, program: filepath.Join(b.TempDir(), "mptcpctl")}
	l.must("", err)
	b.Cleanup(func() { l.must("", lab.Close()) })
	self, err := os.Executable()
	l.must("", err)
	l.must("", lab.InstallTools(self))
	l.must("", lab.WriteConfig())
	build := exec.Command("go", "build", "-trimpath", "-gcflags=all=-l", "-ldflags=-s -w", "-o", l.program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	text, err := build.CombinedOutput()
	l.must(string(text), err)
	link, err := lab.Router.Netlink.LinkByName("lan0")
	l.must("", err)
	for i := range routes {
		l.must("", lab.Router.Netlink.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Dst: benchPrefix(i), Scope: netlink.SCOPE_LINK}))
	}
	out, err := l.mptcpctl("plan")
	l.must(out, err)
	for line := range strings.Lines(out) {
		command, _, _ := strings.Cut(line[2:], "#")
		l.plan = append(l.plan, strings.TrimSpace(command))
	}
	return l
}

func benchPrefix(i int) *net.IPNet {
	return &net.IPNet{IP: net.IPv4(100, byte(64+i>>16), byte(i>>8), byte(i)), Mask: net.CIDRMask(32, 32)}
}

func (l *benchLab) must(text string, err error) {
	l.Helper()
	if err != nil {
		l.Fatalf("%v\n%s", err, text)
	}
}

func (l *benchLab) mptcpctl(args ...string) (string, error) {
	return l.command(l.program, append(args, "--config-dir", l.ConfigDir(), "--state-dir", l.StateDir(),
		"--lock", filepath.Join(l.LockDir(), "lock"))...)
}

func (l *benchLab) command(name string, args ...string) (string, error) {
	cmd := l.Command(l.Context(), name, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := l.Router.Run(cmd)
	return out.String(), err
}

// rival sets the lines up by a shell script instead.
func (l *benchLab) rival(b *testing.B, script string) {
	for b.Loop() {
		b.StopTimer()
		l.must(l.mptcpctl("flush"))
		b.StartTimer()
		l.must(l.command("sh", "-e", "-c", script))
	}
}

// script is the plan as a shell script of one process for each operation.
func (l *benchLab) script() string {
	var b strings.Builder
	for _, command := range l.plan {
		b.WriteString(asShell(command) + "\n")
	}
	return b.String()
}

// batch is the plan with one process for all that ip does.
func (l *benchLab) batch() string {
	var batch, rest strings.Builder
	for _, command := range l.plan {
		if line, ok := strings.CutPrefix(command, "ip "); ok {
			batch.WriteString(line + "\n")
		} else {
			rest.WriteString(asShell(command) + "\n")
		}
	}
	return "ip -batch - <<'E'\n" + batch.String() + "E\n" + rest.String()
}

// asShell writes a setting without a process of its own.
func asShell(command string) string {
	setting, ok := strings.CutPrefix(command, "sysctl -w ")
	if !ok {
		return command
	}
	key, value, _ := strings.Cut(setting, "=")
	return "echo " + value + " > /proc/sys/" + strings.ReplaceAll(key, ".", "/")
}
