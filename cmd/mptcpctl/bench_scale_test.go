// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

// manyLines is how many lines a plan has room for that nobody has yet.
const manyLines = 250

// newLinesLab is a lab of n lines, with a bus and children that cost what they cost.
func newLinesLab(b *testing.B, n int) *builtLab {
	lines := []netlab.LineConfig{{Multipath: "master"}}
	for len(lines) < n {
		lines = append(lines, netlab.LineConfig{Multipath: "on"})
	}
	l := newBuiltLabOf(b, lines)
	l.inC()
	l.listenBus()
	return l
}

// BenchmarkLines is an event with nothing to do, by the number of lines.
func BenchmarkLines(b *testing.B) {
	for _, n := range []int{2, 8, 64, manyLines} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			l := newLinesLab(b, n)
			l.must(l.mptcpctl("apply"))
			l.inTurns(b, l.event(nil), l.oldEvent(nil), contender{"uci+ubus", nil, l.children})
		})
	}
}

// BenchmarkCrowd is 64 interfaces that come up within a second: as many events, which
// wait for one another, up to the end of the last one, when the kernel is right.
func BenchmarkCrowd(b *testing.B) {
	const n = 64
	l := newLinesLab(b, n)
	flush := func() { l.must(l.mptcpctl("flush")) }
	program := l.builtAt(childCommit)
	l.inTurns(b, contender{"events", flush, func() {
		l.crowd(n, l.hotplug)
		if out, err := l.mptcpctl("plan", "--exit-code"); err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
	}}, contender{"earlier", flush, func() {
		l.crowd(n, func() (string, error) { return l.command(program, l.oldFlags([]string{"hotplug"})...) })
		if out, err := l.command(program, l.oldFlags([]string{"plan", "--exit-code"})...); err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
	}})
}

// crowd makes n events within a second and waits for all.
func (l *builtLab) crowd(n int, event func() (string, error)) {
	var all sync.WaitGroup
	for range n {
		all.Go(func() { l.must(event()) })
		time.Sleep(time.Second / time.Duration(n))
	}
	all.Wait()
}

// BenchmarkReading is what people look at most, on a router that is as busy as any: the
// lines are many, and so are the connections. ss, which lists the connections alone, runs
// in turns.
func BenchmarkReading(b *testing.B) {
	l := newLinesLab(b, manyLines)
	l.must(l.mptcpctl("apply"))
	crowd, err := l.NewCrowd(context.Background(), manyConnections)
	l.must("", err)
	b.Cleanup(func() { l.must("", crowd.Close()) })
	for _, command := range []string{"status", "doctor"} {
		b.Run(command, func(b *testing.B) {
			l.inTurns(b, contender{command, nil, func() {
				if out, err := l.mptcpctl(command); err != nil && command != "doctor" {
					b.Fatalf("%v\n%s", err, out)
				}
			}}, contender{"ss", nil, func() { l.quiet("ss", "-Mtain") }})
		})
	}
}
