// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

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
			b.Run("floor: uci and ubus alone", func(b *testing.B) { l.children(b) })
		})
	}
}

// BenchmarkLines is an event with nothing to do, by the number of lines.
func BenchmarkLines(b *testing.B) {
	for _, n := range []int{2, 8, 64, 250} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			lines := []netlab.LineConfig{{Multipath: "master"}}
			for len(lines) < n {
				lines = append(lines, netlab.LineConfig{Multipath: "on"})
			}
			l := newBuiltLabOf(b, lines)
			l.must(l.mptcpctl("apply"))
			b.Run("nothing to do", func(b *testing.B) {
				for b.Loop() {
					l.must(l.mptcpctl("hotplug"))
				}
			})
			b.Run("floor: uci and ubus alone", func(b *testing.B) { l.children(b) })
		})
	}
}

// BenchmarkStart is what every command costs before it does anything, beside a
// Go program that does nothing else.
func BenchmarkStart(b *testing.B) {
	l := newBuiltLab(b)
	b.Run("mptcpctl version", func(b *testing.B) {
		for b.Loop() {
			l.must(l.mptcpctl("version"))
		}
	})
	source, hello := filepath.Join(b.TempDir(), "hello.go"), filepath.Join(b.TempDir(), "hello")
	l.must("", os.WriteFile(source, []byte("package main\n\nimport \"fmt\"\n\nfunc main() { fmt.Println(\"hello\") }\n"), 0o644))
	out, err := exec.Command("go", "build", "-o", hello, source).CombinedOutput()
	l.must(string(out), err)
	b.Run("rival: hello world in Go", func(b *testing.B) {
		for b.Loop() {
			l.must(l.command(hello))
		}
	})
}

// children runs what an event asks beside the kernel.
func (l *builtLab) children(b *testing.B) {
	for b.Loop() {
		l.must(l.command("uci", "-S", "export", "network"))
		l.must(l.command("ubus", "call", "network.interface", "dump"))
	}
}

type benchLab struct {
	*builtLab
	plan []string // the commands of a whole plan
}

func newBenchLab(b *testing.B, routes int) *benchLab {
	l := &benchLab{builtLab: newBuiltLab(b)}
	l.addRoutes(mainTable, routes)
	out, err := l.mptcpctl("plan")
	l.must(out, err)
	for line := range strings.Lines(out) {
		command, _, _ := strings.Cut(line[2:], "#")
		l.plan = append(l.plan, strings.TrimSpace(command))
	}
	return l
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
