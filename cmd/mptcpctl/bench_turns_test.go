// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// BenchmarkEarlier is an event beside that of the program as it was at childCommit. Both
// are measured by a small program in C, testdata/turns.c, which is the bus too: on a slow
// processor a test binary that starts programs and answers them costs as much as a part
// of an event. Its own share is in the time of the event, and its processor time as well.
func BenchmarkEarlier(b *testing.B) {
	l := newBuiltLab(b)
	l.inC()
	l.listenBus()
	b.Run("nothing to do", func(b *testing.B) {
		event, earlier := l.eventWords()
		l.beside(b, event, event, earlier, earlier)
	})
	b.Run("two lines to set up", func(b *testing.B) {
		event, earlier := l.eventWords()
		flush := append([]string{l.program}, l.flags([]string{"flush"})...)
		l.beside(b, flush, event, flush, earlier)
	})
}

// eventWords are the command lines of an event, today and at childCommit.
func (l *builtLab) eventWords() (event, earlier []string) {
	event = append([]string{"GOMAXPROCS=1", l.program}, l.flags([]string{"hotplug"})...)
	return event, append([]string{l.builtAt(childCommit)}, l.oldFlags([]string{"hotplug"})...)
}

// beside measures an event and the earlier one, each after the command before it. The
// metrics are named as those of inTurns, but of all times together: on one processor of
// mipsle, now and then a run takes a tick of the kernel longer. Go has no 64-bit atomics
// there but by a lock (internal/runtime/atomic/atomic_mipsx.s, spinLock), for which a thread
// spins that has interrupted the one that holds it. The earlier program, which has more
// threads, has that in about half of its runs.
func (l *builtLab) beside(b *testing.B, words ...[]string) {
	answers := b.TempDir()
	for i, text := range l.bus.Answers() {
		l.must("", os.WriteFile(filepath.Join(answers, fmt.Sprint(i)), text, 0o644))
	}
	args := []string{fmt.Sprint(b.N), filepath.Join(answers, "socket"), answers}
	for _, command := range words {
		args = append(append(args, "--"), strings.Split(strings.ReplaceAll(strings.Join(command, "\n"), l.bus.Path, args[1]), "\n")...)
	}
	text, err := l.command(l.compiled("turns"), args...)
	l.must(text, err)
	var times, spent [2]float64
	var peak []float64
	for line := range strings.Lines(text) {
		var i int
		var took, processor, memory float64
		_, err := fmt.Sscan(line, &i, &took, &processor, &memory)
		l.must(line, err)
		times[i] += took
		spent[i] += processor
		if i == 0 {
			peak = append(peak, memory)
		}
	}
	b.ReportMetric(times[0]/float64(b.N), "ns/op")
	b.ReportMetric(times[1]/float64(b.N)/1e6, "earlier-ms")
	b.ReportMetric(times[0]/times[1], "/earlier")
	b.ReportMetric(spent[0]/spent[1], "/earlier-cpu")
	b.ReportMetric(median(peak), "kB")
}

// compiled is a program in C of testdata.
func (l *builtLab) compiled(name string) string {
	l.Helper()
	if *built != "" {
		return filepath.Join(*built, name)
	}
	program := filepath.Join(l.TempDir(), name)
	text, err := exec.Command("cc", "-O2", "-o", program, filepath.Join("testdata", name+".c")).CombinedOutput()
	l.must(string(text), err)
	return program
}
