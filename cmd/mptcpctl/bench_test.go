// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

// BenchmarkEvent is one event of netifd as a whole process, the built binary
// with a bus that has its answer ready, by the number of routes in the main table. It
// runs in turns with its rivals; inTurns says what the metrics are. The floor is what a
// C program would need: uci, ubus and one "ip -batch" for what is there, or for all
// operations; both are stand-ins that cost no more than the real ones.
func BenchmarkEvent(b *testing.B) {
	for _, routes := range []int{0, 20_000, 500_000} {
		b.Run(fmt.Sprintf("main routes %d", routes), func(b *testing.B) {
			l := newBenchLab(b, routes)
			look := l.shell("ip -batch - >/dev/null 2>&1 <<'E'\n" + looks + "E\n")
			program := l.hello()
			hello := contender{"hello", nil, func() { l.must(l.command(program)) }}
			children := contender{"uci+ubus", nil, l.children}
			l.must(l.mptcpctl("apply"))
			b.Run("nothing to do", func(b *testing.B) {
				l.inTurns(b, l.event(nil), l.oldEvent(nil), children, contender{"floor", nil, func() { l.children(); look() }}, hello)
			})
			b.Run("two lines to set up", func(b *testing.B) {
				flush := func() { l.must(l.mptcpctl("flush")) }
				batch := l.shell(l.batch())
				l.inTurns(b, l.event(flush), l.oldEvent(flush), children, contender{"floor", flush, func() { l.children(); batch() }},
					contender{"ip-batch", flush, batch}, contender{"ip-shell", flush, l.shell(l.script())}, hello)
			})
		})
	}
}

// looks are what an event reads of the kernel, IPv4 only.
const looks = "link show dev eth1\nlink show dev eth2\naddress show\nrule show\nroute show table 4\nroute show table 5\n" +
	"mptcp endpoint show\nmptcp limits show\n"

// BenchmarkAddresses is an event on two lines, by the number of addresses that
// each has.
func BenchmarkAddresses(b *testing.B) {
	for _, n := range []int{1, 8, 64} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			l := newBuiltLab(b)
			for line := 1; line <= 2; line++ {
				for i := 1; i < n; i++ {
					address := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 100 + byte(line), byte(i), 2}), 24)
					l.ip(fmt.Sprintf("address add %s dev eth%d", address, line))
					l.must("", l.Edit(fmt.Sprint("wan", line), func(one *netlab.Interface) { one.Addresses = append(one.Addresses, address) }))
				}
			}
			l.inC()
			l.listenBus()
			l.must(l.mptcpctl("apply"))
			children := contender{"uci+ubus", nil, l.children}
			b.Run("nothing to do", func(b *testing.B) { l.inTurns(b, l.event(nil), l.oldEvent(nil), children) })
			b.Run("two lines to set up", func(b *testing.B) {
				flush := func() { l.must(l.mptcpctl("flush")) }
				l.inTurns(b, l.event(flush), l.oldEvent(flush), children)
			})
		})
	}
}

// BenchmarkStart is what every command costs before it does anything, beside a
// Go program that does nothing else.
func BenchmarkStart(b *testing.B) {
	l := newBuiltLab(b)
	program := l.hello()
	l.inTurns(b, contender{"version", nil, func() { l.must(l.mptcpctl("version")) }},
		contender{"hello", nil, func() { l.must(l.command(program)) }})
}

// contender is a command, with what has to be done before it is measured.
type contender struct {
	name        string
	before, run func()
}

// inTurns runs a command and its rivals one after the other, again and again, so
// that a machine that becomes slow is slow for all. "ns/op" is the median of the
// command, "NAME-ms" that of a rival, "/NAME" the median of the quotients of the
// command by it, and "/NAME-cpu" that of the processor times, those of children included.
func (l *builtLab) inTurns(b *testing.B, ours contender, rivals ...contender) {
	all := append([]contender{ours}, rivals...)
	var times, quotients, processor [8][]float64
	for b.Loop() {
		var ours, oursSpent float64
		for i, c := range all {
			if c.before != nil {
				c.before()
			}
			start, before := time.Now(), l.spent.Load()
			c.run()
			took, spent := time.Since(start).Seconds(), float64(l.spent.Load()-before)/1e9
			if i == 0 {
				ours, oursSpent = took, spent
			}
			times[i] = append(times[i], took)
			quotients[i] = append(quotients[i], ours/took)
			processor[i] = append(processor[i], oursSpent/spent)
		}
	}
	b.ReportMetric(median(times[0])*1e9, "ns/op")
	for i, c := range rivals {
		b.ReportMetric(median(times[i+1])*1e3, c.name+"-ms")
		b.ReportMetric(median(quotients[i+1]), "/"+c.name)
		if cpu := median(processor[i+1]); !math.IsInf(cpu, 0) { // that of some rivals is not taken
			b.ReportMetric(cpu, "/"+c.name+"-cpu")
		}
	}
	if ours.name == eventName {
		if ours.before != nil {
			ours.before()
		}
		b.ReportMetric(float64(l.peakOfEvent()), "kB")
	}
}

const eventName = "event"

// event is ours; its peak of memory is measured too.
func (l *builtLab) event(before func()) contender {
	run := func() { l.must(l.hotplug()) }
	return contender{eventName, orRun(before, run), run}
}

// shell runs a script.
func (l *builtLab) shell(script string) func() {
	return func() { l.must(l.command("sh", "-e", "-c", script)) }
}

// hello builds a Go program that prints a word.
func (l *builtLab) hello() string {
	return l.buildOf("package main\n\nimport \"fmt\"\n\nfunc main() { fmt.Println(\"hello\") }\n")
}

// buildOf builds a program from its source.
func (l *builtLab) buildOf(text string) string {
	l.Helper()
	program := filepath.Join(l.TempDir(), "program")
	source := program + ".go"
	l.must("", os.WriteFile(source, []byte(text), 0o644))
	build := exec.Command("go", "build", "-o", program, source)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	l.must(string(out), err)
	return program
}

type benchLab struct {
	*builtLab
	plan []string // the commands of a whole plan
}

func newBenchLab(b *testing.B, routes int) *benchLab {
	l := &benchLab{builtLab: newBuiltLab(b)}
	l.addRoutes(mainTable, routes)
	l.inC()
	l.listenBus()
	out, err := l.mptcpctl("plan")
	l.must(out, err)
	for line := range strings.Lines(out) {
		command, _, _ := strings.Cut(line[2:], "#")
		l.plan = append(l.plan, strings.TrimSpace(command))
	}
	return l
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
