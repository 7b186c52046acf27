// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
)

// Steps of all walks together with PROVE and in the short form, and of one walk.
const (
	proveSteps = 10000
	shortSteps = 240
	walkLength = 40
)

// TestProveWalks lets random configurations meet random events on the real
// kernel; after each run the checker states what must hold by DESIGN. In some walks
// IPv6 addresses are tentative at first, in some a mptcpctl watch lives.
//
//	PROVE=1        10,000 steps
//	PROVE_STEPS=N  N steps
//	PROVE_SEED=N   only this walk
//
// A walk is a script in the words of testdata/script. One that fails is printed as
// short as it still fails: it can be kept there as it is.
func TestProveWalks(t *testing.T) {
	t.Parallel()
	if seed := os.Getenv("PROVE_SEED"); seed != "" {
		n, err := strconv.ParseUint(seed, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		proveWalk(t, n)
		return
	}
	steps := shortSteps
	if longProof() {
		steps = proveSteps
	}
	if text := os.Getenv("PROVE_STEPS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		steps = n
	}
	for seed := range uint64(steps+walkLength-1) / walkLength {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			proveWalk(t, seed)
		})
	}
}

// proveWalk takes one walk and shrinks it when it fails.
func proveWalk(t *testing.T, seed uint64) {
	w := newWalker(seed)
	kind, log := runWalk(t, w.lab, w.steps)
	if kind == "" {
		return
	}
	lab, steps := shrinkWalk(t, w.lab, w.steps, kind)
	t.Errorf("seed %d (PROVE_SEED=%d): %s\n%s\nshrunk to %d steps:\n%s", seed, seed, kind, tail(log, 60), len(steps), walkScript(lab, steps))
}

func tail(text string, n int) string {
	lines := strings.SplitAfter(text, "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "")
}

func walkScript(lab string, steps []string) string {
	return "# SPDX-License-Identifier: Apache-2.0\n\n" + lab + "\n" + strings.Join(steps, "\n") + "\n"
}

// walker makes the steps of one walk; everything comes from its seed.
type walker struct {
	*rand.Rand
	lab   string
	lines int
	words []string // what the laboratory is told of each line
	steps []string
	parts map[string]bool // by line, what stands on its device beside it
	// watched: a watch lives beside the walk. held: it does not look now.
	watched, held bool
}

func newWalker(seed uint64) *walker {
	w := &walker{Rand: rand.New(rand.NewPCG(seed, 5)), parts: map[string]bool{}}
	w.lines = 1 + min(w.IntN(12), w.IntN(12))
	words := []string{"lab", "lan"}
	if w.chance(4) {
		words = append(words, "dad")
	}
	w.watched = w.chance(5)
	for n := range w.lines {
		w.words = append(w.words, w.labLine(n+1))
	}
	w.lab = strings.Join(append(words, w.words...), " ")
	for range 2 + w.IntN(5) {
		w.foreign()
	}
	w.add("walk run apply")
	if w.watched {
		w.add("walk watch")
	}
	for len(w.steps) < walkLength {
		w.step()
	}
	if w.watched {
		w.add("walk end")
	}
	w.add("walk run flush")
	return w
}

func (w *walker) add(format string, a ...any) { w.steps = append(w.steps, fmt.Sprintf(format, a...)) }
func (w *walker) chance(in int) bool          { return w.IntN(in) == 0 }
func (w *walker) pick(words ...string) string { return words[w.IntN(len(words))] }
func (w *walker) line() int                   { return 1 + w.IntN(w.lines) }
func (w *walker) mode() string {
	return w.pick("master", "master", "on", "on", "on", "backup", "backup", "handover", "signal", "off")
}

func (w *walker) labLine(n int) string {
	words := []string{w.mode()}
	for _, extra := range []struct {
		in   int
		word string
	}{
		{2, "ipv6"}, {2, "dhcp"}, {8, "nodefault"}, {8, fmt.Sprint("ip4table:", 100+n)}, {10, fmt.Sprint("ip6table:", 200+n)},
		{6, fmt.Sprint("metric:", w.IntN(20)-1)}, {8, fmt.Sprintf("prefix:2001:db8:%d::/56", n*256)}, {12, "down"},
	} {
		if w.chance(extra.in) {
			words = append(words, extra.word)
		}
	}
	if words[len(words)-1] != "down" && w.chance(10) && strings.Contains(strings.Join(words, ","), "ipv6") {
		words = append(words, "noipv4")
	}
	return fmt.Sprintf("wan%d=%s", n, strings.Join(words, ","))
}

// step is a handful of changes, some of the events that netifd would send for
// them, at least one of any kind, and now and then a second look. A watch may see
// the changes one by one, or all at once and get no event.
func (w *walker) step() {
	if w.held = w.watched && w.chance(2); w.held {
		w.add("walk hold")
	}
	for range 1 + min(w.IntN(4), w.IntN(4)) {
		w.change()
	}
	if w.held && w.chance(2) {
		w.add("walk settled")
		return
	}
	for range 1 + w.IntN(4)/3 {
		w.event()
	}
	if strings.Contains(w.lab, " dad") && w.chance(2) {
		w.add("walk settled")
	}
	if w.chance(4) {
		w.add("walk still")
	}
}

// event is one as netifd sends it, only that it has little to do with what happened:
// by then others were lost, came late, or were made one.
func (w *walker) event() {
	if w.chance(4) {
		w.add("walk run apply")
		return
	}
	name := fmt.Sprint("wan", w.line())
	if w.chance(6) {
		name = w.pick("lan", "loopback", "nosuch", name+"b", name+"_6")
	}
	action := w.pick("ifup", "ifdown", "ifupdate", "ifupdate", "ifup-failed", "create", "reload", "free")
	w.add("walk event %s %s%s", action, name, w.pick("", "", "", " nodevice", " IFUPDATE_ADDRESSES", " IFUPDATE_DATA"))
}
