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
// kernel; after each run the checker states what must hold by DESIGN.
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
	if os.Getenv("PROVE") != "" {
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
	steps []string
	alias map[int]bool
	bad   map[int]bool // lines with a bad value
}

func newWalker(seed uint64) *walker {
	w := &walker{Rand: rand.New(rand.NewPCG(seed, 5)), alias: map[int]bool{}, bad: map[int]bool{}}
	w.lines = 2 + min(w.IntN(11), w.IntN(11))
	words := []string{"lab", "lan"}
	for n := range w.lines {
		words = append(words, w.labLine(n+1))
	}
	w.lab = strings.Join(words, " ")
	for range 2 + w.IntN(5) {
		w.foreign()
	}
	w.add("walk run apply")
	for len(w.steps) < walkLength {
		w.step()
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
		{2, "ipv6"}, {3, "dhcp"}, {8, "nodefault"}, {8, fmt.Sprint("ip4table:", 100+n)}, {10, fmt.Sprint("ip6table:", 200+n)},
		{8, fmt.Sprint("metric:", 1+w.IntN(20))}, {8, fmt.Sprintf("prefix:2001:db8:%d::/56", n*256)}, {12, "down"},
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
// them, at least one of any kind, and now and then a second look.
func (w *walker) step() {
	for range 1 + min(w.IntN(4), w.IntN(4)) {
		w.change()
	}
	for range 1 + w.IntN(4)/3 {
		w.event()
	}
	if w.chance(4) {
		w.add("walk still")
	}
}

func (w *walker) event() {
	if w.chance(4) {
		w.add("walk run apply")
		return
	}
	name := fmt.Sprint("wan", w.line())
	if w.chance(6) {
		name = w.pick("lan", "loopback", "nosuch")
	}
	action := w.pick("ifup", "ifdown", "ifupdate", "ifupdate", "ifup-failed", "create", "reload", "free")
	w.add("walk event %s %s%s", action, name, w.pick("", "", " nodevice"))
}

// change is one change of the world.
func (w *walker) change() {
	n := w.line()
	switch w.IntN(22) {
	case 0, 1, 2:
		w.add("walk fault unplug wan%d", n)
	case 3, 4, 5:
		w.add("walk fault plug wan%d", w.line())
	case 6:
		w.add("walk fault ifdown wan%d", n)
	case 7, 8, 9:
		w.add("walk fault ifup wan%d", n)
	case 10:
		w.add("walk fault remove-device wan%d", n)
	case 11, 12:
		w.add("walk fault return-device wan%d", n)
	case 13:
		if w.chance(3) {
			w.add("walk fault address wan%d fd00:%d::%x/64", n, n, 16+w.IntN(200))
		} else {
			w.add("walk fault address wan%d 10.0.%d.%d/24", n, n, 10+w.IntN(100))
		}
	case 14:
		w.add("walk fault router wan%d 10.0.%d.%d", n, n, 200+w.IntN(50))
	case 15:
		w.add("walk fault delete-address wan%d 10.0.%d.2/24", n, n)
	case 16:
		w.add("walk fault metric wan%d %d", n, 1+w.IntN(20))
	case 17:
		w.rare(n)
	case 18:
		w.word(n)
	case 19:
		w.global()
	default:
		w.foreign()
	}
}

// rare are shapes of the network that few have.
func (w *walker) rare(n int) {
	other := w.line()
	switch w.IntN(10) {
	case 0: // a network that is on another line too
		w.add("walk netifd wan%d address=10.0.%d.%d/24", n, other, 120+n)
		w.add("walk fault ifup wan%d", n)
	case 1:
		w.add("walk netifd wan%d route=10.%d.0.0/16,10.0.%d.1", n, 50+n, n)
		w.add("walk fault ifup wan%d", n)
	case 2:
		w.add("walk ip link set eth%d down", n)
	case 3:
		w.add("walk ip link set eth%d up", n)
	case 4:
		w.add("walk ip route flush table %d", 2+w.IntN(w.lines+2))
	case 5:
		if !w.alias[n] {
			w.alias[n] = true
			w.add("walk netifd wan%db device=@wan%d l3=eth%d proto=static metric=%d address=10.1.%d.2/24 gateway=10.1.%d.1", n, n, n, 30+n, n, n)
			w.add("walk option wan%db device @wan%d", n, n)
		}
		w.add("walk fault %s wan%db", w.pick("ifup", "ifup", "ifdown"), n)
	case 6: // another manager takes for its own what is ours
		w.add("walk ip %s", w.pick("rule flush protocol 77", "-6 rule flush protocol 77", "rule del pref 502", "rule del pref 32765 protocol 77", "mptcp endpoint flush"))
	case 7: // on a line's device it is ours, whoever made it
		w.add("walk ip mptcp endpoint add 10.0.%d.%d dev eth%d %s", n, 2+w.IntN(2), n, w.pick("subflow", "subflow backup", "signal", "subflow fullmesh"))
	case 8:
		w.add("walk ip mptcp limits set subflows %d add_addr_accepted %d", w.IntN(9), w.IntN(9))
	case 9: // a rule of our protocol that nobody of us made
		w.add("walk ip rule add %s", w.pick(fmt.Sprintf("pref 502 from 10.0.%d.2 lookup 99 protocol 77", n), "pref 32765 lookup 98 protocol 77"))
	}
}

// word is a change of a line's configuration, by file or by command.
func (w *walker) word(n int) {
	switch w.IntN(6) {
	case 0, 1:
		w.add("walk run iface wan%d %s", n, w.mode())
	case 2:
		w.add("walk run iface wan%d --reset", n)
	case 3:
		w.add("walk option wan%d multipath %s", n, w.pick(w.mode(), w.mode(), "bakcup", ""))
	case 4:
		w.add("walk option wan%d multipath_table %s", n, w.pick(fmt.Sprint(3+w.IntN(12)), fmt.Sprint(1000+w.IntN(3)), "77", "254", "", "", ""))
	case 5:
		for n := range w.lines { // the words are put right
			w.add("walk option wan%d multipath %s", n+1, w.mode())
			w.add("walk option wan%d multipath_table", n+1)
		}
	}
}

func (w *walker) global() {
	switch w.IntN(9) {
	case 0, 1:
		w.add("walk shift")
	case 2:
		w.add("walk option globals multipath %s", w.pick("disable", "0", "enabel"))
		w.event()
		w.add("walk option globals multipath enable")
	case 3:
		w.add("walk option globals mptcp_watch %s", w.pick("1", "0", ""))
	case 4:
		w.add("walk option globals mptcp_path_manager %s", w.pick("fullmesh", "default", ""))
	case 5:
		w.add("walk option globals mptcp_subflows %s", w.pick("0", "3", "8", "", "9"))
		w.event()
		w.add("walk option globals mptcp_subflows")
	case 6:
		w.add("walk option globals mptcp_add_addr_accepted %s", w.pick("0", "3", "8", ""))
	case 7:
		w.add("walk forget")
	case 8:
		w.add("walk run flush")
	}
}

// foreign is what others do.
func (w *walker) foreign() {
	n := w.line()
	do := w.pick("add", "add", "del")
	switch w.IntN(4) {
	case 0:
		w.add("walk ip %s rule %s %s", w.pick("-4", "-4", "-6"), do, w.pick(
			fmt.Sprintf("pref 502 oif eth%d lookup %d", n, 2+n), fmt.Sprintf("pref 503 oif eth%d lookup %d", n, 2+n), "from all lookup main suppress_prefixlength 0",
			"not fwmark 0xca6c lookup 51820", "iif lan0 lookup 1", fmt.Sprintf("pref 32765 lookup %d protocol 4", 2+n), "pref 1001 fwmark 0x100/0x3f00 lookup 1"))
	case 1:
		w.add("walk ip rule %s pref %s from 10.0.%d.2 lookup %d", do, w.pick("500", "501", "502", "9"), n, 2+n)
	case 2:
		w.add("walk ip route %s %s", do, w.pick(
			fmt.Sprintf("10.77.0.0/16 dev lan0 table %d", 2+n), "default via 192.168.1.100 table 1", "default dev lan0 table 1000 metric 7",
			"192.0.2.0/24 dev lan0", fmt.Sprintf("unreachable default table %d metric 4278198272", 2+n), fmt.Sprintf("default dev lan0 table %d", 3+n)))
	case 3:
		if do == "del" {
			w.add("walk ip mptcp endpoint del id %d", 200+w.IntN(12))
			return
		}
		w.add("walk ip mptcp endpoint add %s", w.pick(fmt.Sprintf("192.168.1.1 dev lan0 id %d subflow", 200+w.IntN(12)), fmt.Sprintf("203.0.113.%d id %d signal", w.IntN(5), 200+w.IntN(12)),
			fmt.Sprintf("10.0.%d.2 id %d port 4433 dev eth%d signal", n, 200+w.IntN(12), n), fmt.Sprintf("10.0.%d.2 id %d signal", n, 200+w.IntN(12))))
	}
}
