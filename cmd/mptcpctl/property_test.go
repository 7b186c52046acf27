// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

// Walks of TestRandomWalks, and the steps of each.
const (
	walks     = 24
	walkSteps = 12
)

// walk is a random life of a router. Everything comes from one seed.
type walk struct {
	*testing.T
	*rand.Rand
	lab     *netlab.Lab
	lines   int
	modes   []string // by line
	enabled bool
	foreign string
	removed map[string]bool // lines without device
	story   []string
}

// TestRandomWalks lets random configurations meet random events. After each
// step a second look must find nothing left to do, and what belongs to others
// must be as it was, to the byte.
func TestRandomWalks(t *testing.T) {
	t.Parallel()
	for seed := range uint64(walks) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			newWalk(t, seed).run()
		})
	}
}

func newWalk(t *testing.T, seed uint64) *walk {
	w := &walk{T: t, Rand: rand.New(rand.NewPCG(seed, 77)), enabled: true, removed: make(map[string]bool)}
	w.lines = 1 + w.IntN(4)
	config := netlab.Config{LAN: true}
	for range w.lines {
		mode := w.mode()
		w.modes = append(w.modes, mode)
		line := netlab.LineConfig{
			Proto: w.pick("static", "dhcp"), IPv6: w.chance(2), Multipath: mode, NoDefaultRoute: w.chance(8),
		}
		if w.chance(8) {
			line.IP4Table = uint32(100 + len(config.Lines))
		}
		config.Lines = append(config.Lines, line)
	}
	lab, err := netlab.New(config)
	w.check(err)
	w.lab = lab
	t.Cleanup(func() {
		if err := lab.Close(); err != nil {
			t.Error(err)
		}
	})
	self, err := os.Executable()
	w.check(errors.Join(err, lab.InstallTools(self), lab.WriteConfig()))
	w.addForeign()
	w.foreign = w.others()
	return w
}

func (w *walk) check(err error) {
	w.Helper()
	if err != nil {
		w.Fatalf("%v\nafter:\n%s", err, strings.Join(w.story, "\n"))
	}
}

func (w *walk) chance(in int) bool          { return w.IntN(in) == 0 }
func (w *walk) pick(words ...string) string { return words[w.IntN(len(words))] }
func (w *walk) mode() string {
	return w.pick("master", "on", "on", "backup", "handover", "signal", "off")
}
func (w *walk) note(format string, a ...any) { w.story = append(w.story, fmt.Sprintf(format, a...)) }
func (w *walk) line() (n int, name string) {
	n = 1 + w.IntN(w.lines)
	return n, fmt.Sprintf("wan%d", n)
}
func (w *walk) context() context.Context { return w.Context() }
func (w *walk) mptcpctl(args ...string) string {
	return w.output(append([]string{"mptcpctl"}, args...)...)
}

// output runs a program on the router and fails with an exit code but 0.
func (w *walk) output(args ...string) string {
	w.Helper()
	if args[0] == "mptcpctl" {
		args = append(args, "--config-dir", w.lab.ConfigDir(), "--state-dir", w.lab.StateDir(),
			"--lock", filepath.Join(w.lab.LockDir(), "lock"), "--syslog-socket", "/nonexistent")
	}
	ctx, cancel := context.WithTimeout(w.context(), time.Minute)
	defer cancel()
	var out, problems bytes.Buffer
	cmd := w.lab.Command(ctx, args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = &out, &problems
	err := w.lab.Router.Run(cmd)
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != 0 {
		w.Fatalf("%s: %v\n%s%s\nafter:\n%s", strings.Join(args, " "), err, out.String(), problems.String(), strings.Join(w.story, "\n"))
	}
	return out.String()
}

// addForeign makes rules, routes and endpoints of others, in the way of ours
// where that is possible.
func (w *walk) addForeign() {
	for _, rule := range []string{
		"pref 502 from 10.0.1.2 lookup 4", "pref 503 oif eth1 lookup 4", "pref 501 from 10.0.1.2 lookup main suppress_prefixlength 1",
		"pref 1001 fwmark 0x100/0x3f00 lookup 1", "from all lookup main suppress_prefixlength 0", "not fwmark 0xca6c lookup 51820",
		"iif lan0 lookup 1", "pref 32765 lookup 4 protocol 4",
	} {
		if w.chance(2) {
			w.output(append([]string{"ip", "rule", "add"}, strings.Fields(rule)...)...)
		}
	}
	for _, route := range []string{
		"10.77.0.0/16 dev lan0 table 4", "default via 192.168.1.100 table 1", "default dev lan0 table 1000 metric 7", "192.0.2.0/24 dev lan0",
		"unreachable default table 5 metric 4278198272",
	} {
		if w.chance(2) {
			w.output(append([]string{"ip", "route", "add"}, strings.Fields(route)...)...)
		}
	}
	w.check(w.lab.Router.PathManager(func(pm *mptcp.Client) error {
		for i, e := range []mptcp.Endpoint{
			{Addr: netip.MustParseAddr("192.168.1.1"), Flags: mptcp.FlagSubflow, IfIndex: w.index("lan0")},
			{Addr: netip.MustParseAddr("203.0.113.7"), Flags: mptcp.FlagSignal},
			{Addr: netip.MustParseAddr("10.0.1.2"), Port: 4433, Flags: mptcp.FlagSignal, IfIndex: w.index("eth1")},
		} {
			e.ID = uint8(200 + i)
			if w.chance(2) {
				if err := pm.Add(e); err != nil {
					return err
				}
			}
		}
		return nil
	}))
}

func (w *walk) index(device string) int {
	link, err := w.lab.Router.Netlink.LinkByName(device)
	w.check(err)
	return link.Attrs().Index
}

// others lists what is not ours: rules and routes without protocol 77 but those
// that netifd writes on lines, and the endpoints of addForeign.
func (w *walk) others() string {
	var kept []string
	for _, list := range []string{"ip -N -d rule", "ip -N -d -6 rule", "ip -N -d route show table all dev lan0", "ip -N -d route show table all type unreachable"} {
		for line := range strings.Lines(w.output(strings.Fields(list)...)) {
			ours := strings.Contains(line, "proto 77")
			netifds := strings.HasPrefix(line, "10000:") || strings.HasPrefix(line, "20000:") || strings.HasPrefix(line, "9000")
			if !ours && !netifds {
				kept = append(kept, strings.Replace(line, "[detached] ", "", 1))
			}
		}
	}
	for line := range strings.Lines(w.output("ip", "mptcp", "endpoint")) {
		if strings.HasPrefix(line, "192.168.1.1 ") || strings.HasPrefix(line, "203.0.113.7 ") || strings.Contains(line, " port 4433 ") {
			line, _, _ = strings.Cut(line, " dev ") // a device that is gone has a number
			kept = append(kept, line+"\n")
		}
	}
	return strings.Join(kept, "")
}

func (w *walk) run() {
	w.life()
	w.end()
}

func (w *walk) life() {
	w.deliver(w.lab.BootEvents())
	w.settled()
	for range walkSteps {
		w.step()
		w.settled()
	}
}

func (w *walk) end() {
	w.note("flush")
	w.mptcpctl("flush")
	w.unchanged()
	for _, list := range []string{"ip rule", "ip -6 rule", "ip route show table all proto 77", "ip -6 route show table all proto 77"} {
		if text := w.output(strings.Fields(list)...); strings.Contains(text, "proto 77") {
			w.Errorf("after flush %s:\n%s", list, text)
		}
	}
}

// deliver fires some of the events that netifd sends; an event that is lost is
// followed by another one, sooner or later, and here at once.
func (w *walk) deliver(events []netlab.Event, err error) {
	w.Helper()
	w.check(err)
	w.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
	events = slices.DeleteFunc(events, func(netlab.Event) bool { return w.chance(3) })
	if len(events) == 0 {
		events = []netlab.Event{{Action: "ifupdate", Interface: "lan"}}
	}
	for _, e := range events {
		w.note("event %s", e)
		w.output("env", "ACTION="+e.Action, "INTERFACE="+e.Interface, "HOTPLUG_TYPE=iface", "true")
		w.mptcpctl("hotplug")
	}
}

// step is one random change of the world.
func (w *walk) step() {
	n, name := w.line()
	type fault = func(string) ([]netlab.Event, error)
	act := func(what string, f fault) { w.note("%s %s", what, name); w.deliver(f(name)) }
	kind := w.IntN(12)
	if w.removed[name] && kind < 7 {
		kind = 7
	}
	switch kind {
	case 0:
		act("unplug", w.lab.Unplug)
	case 1:
		act("plug", w.lab.Plug)
	case 2:
		act("admin down", w.lab.AdminDown)
	case 3:
		act("admin up", w.lab.AdminUp)
	case 4:
		act("change address", func(name string) ([]netlab.Event, error) {
			return w.lab.ChangeAddress(name, netip.MustParsePrefix(fmt.Sprintf("10.0.%d.%d/24", n, 10+w.IntN(100))))
		})
	case 5:
		act("change router", func(name string) ([]netlab.Event, error) {
			return w.lab.ChangeRouter(name, netip.MustParseAddr(fmt.Sprintf("10.0.%d.%d", n, 200+w.IntN(50))))
		})
	case 6:
		w.removed[name] = true
		act("remove device", w.lab.RemoveDevice)
	case 7:
		w.removed[name] = false
		act("return device", w.lab.ReturnDevice)
	case 8:
		mode := w.mode()
		w.note("iface %s %s", name, mode)
		w.mptcpctl("iface", name, mode)
	case 9:
		w.note("iface %s --reset", name)
		w.mptcpctl("iface", name, "--reset")
	case 10:
		w.shift()
	case 11:
		w.toggle()
	}
}

// shift inserts a section before all others, or takes it out again.
func (w *walk) shift() {
	const extra = "config interface 'extra'\n\toption device 'br-extra'\n\n"
	w.edit("shift the sections", func(text string) string {
		if strings.HasPrefix(text, extra) {
			return strings.TrimPrefix(text, extra)
		}
		return extra + text
	})
}

// toggle switches multipath off or on.
func (w *walk) toggle() {
	from, to := "option multipath 'enable'", "option multipath 'disable'"
	if !w.enabled {
		from, to = to, from
	}
	w.enabled = !w.enabled
	w.edit(to, func(text string) string { return strings.Replace(text, from, to, 1) })
}

func (w *walk) edit(what string, change func(string) string) {
	w.note("%s", what)
	file := filepath.Join(w.lab.ConfigDir(), "network")
	text, err := os.ReadFile(file)
	w.check(err)
	w.check(os.WriteFile(file, []byte(change(string(text))), 0o644))
	w.mptcpctl("apply")
}

// settled asserts that nothing is left to do and nothing foreign was touched.
// plan takes no lock: while settle lives it may look on in the middle of a run.
func (w *walk) settled() {
	w.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; {
		text := w.mptcpctl("plan")
		if text == "" {
			break
		}
		living, err := w.lab.Processes()
		w.check(err)
		if len(living) == 0 || time.Now().After(deadline) {
			w.Fatalf("a second look finds:\n%s\nafter:\n%s", text, strings.Join(w.story, "\n"))
		}
	}
	w.unchanged()
}

func (w *walk) unchanged() {
	w.Helper()
	if diff := cmp.Diff(w.foreign, w.others()); diff != "" {
		w.Fatalf("what is not ours changed, -before +after:\n%s\nafter:\n%s", diff, strings.Join(w.story, "\n"))
	}
}
