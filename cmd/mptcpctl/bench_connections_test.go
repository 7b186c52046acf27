// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

// manyConnections is what a busy router carries.
const manyConnections = 10_000

// BenchmarkConnections lists many connections, the built binary and ss in turns,
// which makes the same dumps. "/ss" is the quotient of both times; it should
// stay below 1.5. "kB" is the peak of memory.
func BenchmarkConnections(b *testing.B) {
	l := newCrowdedLab(b)
	text := append([]string{l.program}, l.flags([]string{"connections"})...)
	for _, bench := range []struct {
		name string
		args []string
	}{
		{"text", text},
		{"json", append(text, "--json")},
		{"one by token", append(text, "--token", "1")},
	} {
		b.Run(bench.name, func(b *testing.B) {
			var ours, rival time.Duration
			for b.Loop() {
				ours += l.time(bench.args)
				b.StopTimer()
				rival += l.time([]string{"ss", "-Mtain"})
				b.StartTimer()
			}
			b.ReportMetric(float64(rival.Nanoseconds())/float64(b.N), "ss-ns/op")
			b.ReportMetric(ours.Seconds()/rival.Seconds(), "/ss")
			b.ReportMetric(float64(l.peak(bench.args)), "kB")
		})
	}
}

// TestPeakMemoryOfAList is about the text and the JSON alike.
func TestPeakMemoryOfAList(t *testing.T) {
	t.Parallel()
	l := newCrowdedLab(t)
	for _, flags := range [][]string{{}, {"--json"}} {
		args := append([]string{l.program, "connections"}, append(l.flags(nil), flags...)...)
		if out, err := l.command(args[0], args[1:]...); err != nil || strings.Count(out, ":"+strconv.Itoa(netlab.CrowdPort)) < manyConnections && len(flags) == 0 {
			t.Errorf("%v: %v, %d bytes", flags, err, len(out))
		}
		peak := l.peak(args)
		if peak > maxMemory {
			t.Errorf("%v: %d kB, want at most %d", flags, peak, maxMemory)
		}
		t.Logf("%v: %d kB", flags, peak)
	}
}

// newCrowdedLab is a lab with many connections.
func newCrowdedLab(tb testing.TB) *builtLab {
	l := newBuiltLab(tb)
	crowd, err := l.NewCrowd(context.Background(), manyConnections)
	l.must("", err)
	tb.Cleanup(func() { l.must("", crowd.Close()) })
	return l
}

// time runs a program of which nobody reads the output.
func (l *builtLab) time(args []string) time.Duration {
	start := time.Now()
	l.quiet(args[0], args[1:]...)
	return time.Since(start)
}

func (l *builtLab) quiet(name string, args ...string) {
	l.Helper()
	l.must("", l.Router.Run(l.Command(l.Context(), name, args...)))
}
