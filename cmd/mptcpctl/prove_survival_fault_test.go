// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

// survivalFault is what happens to wan1, the master, on which every connection
// was opened, and maybe to wan2.
type survivalFault struct {
	name  string
	proto string        // static: dhcp lines tell more
	lasts time.Duration // 0: survivalOutage
	// begin and end deliver the events that netifd would send.
	begin, end func(*survival)
	// told says that the program hears of it, so that a handover line is called in.
	told bool
	// all says that no line is left.
	all bool
	// watched runs `mptcpctl watch` beside the hook.
	watched bool
}

// survivalOutage is how long a line is away where nothing else is said.
const survivalOutage = 10 * time.Second

// survivalFaults are those of one line.
func survivalFaults() []survivalFault {
	unplug := func(s *survival) { s.deliver(s.Unplug("wan1")) }
	plug := func(s *survival) { s.deliver(s.Plug("wan1")) }
	hole := func(s *survival) { s.deliver(s.BlackHole("wan1")) }
	heal := func(s *survival) { s.deliver(s.Heal("wan1")) }
	return []survivalFault{
		{name: "unplugged, events", proto: "dhcp", told: true, begin: unplug, end: plug},
		{name: "carrier lost, no event", proto: "static", begin: unplug, end: plug},
		{name: "carrier lost, no event, `watch`", proto: "static", told: true, watched: true, begin: unplug, end: plug},
		{name: "black hole behind the router", proto: "dhcp", begin: hole, end: heal},
		{name: "black hole, a tracker says `off` after 3 s", proto: "dhcp", told: true,
			begin: func(s *survival) {
				hole(s)
				time.Sleep(3 * time.Second)
				s.run("iface", "wan1", "off")
			},
			end: func(s *survival) {
				heal(s)
				s.run("iface", "wan1", "--reset")
			}},
		{name: "provider's router dead", proto: "dhcp", begin: (*survival).killRouter, end: (*survival).reviveRouter},
		{name: "address changed, one event", proto: "dhcp", told: true,
			begin: func(s *survival) { s.readdress("77") },
			end:   func(s *survival) { s.readdress("78") }},
		{name: "address changed, down and up", proto: "static", told: true,
			begin: func(s *survival) { s.readdress("77") },
			end:   func(s *survival) { s.readdress("78") }},
		{name: "device removed", proto: "dhcp", told: true,
			begin: func(s *survival) { s.deliver(s.RemoveDevice("wan1")) },
			end:   func(s *survival) { s.deliver(s.ReturnDevice("wan1")) }},
	}
}

// outage is the loss of both lines, of which some come back, one after the other.
func outage(lasts time.Duration, back ...string) survivalFault {
	return survivalFault{
		name: fmt.Sprintf("both unplugged, %s back after %.0f s", strings.Join(back, " and "), lasts.Seconds()), proto: "dhcp", lasts: lasts, told: true, all: true,
		begin: func(s *survival) {
			s.deliver(s.Unplug("wan1"))
			s.deliver(s.Unplug("wan2"))
		},
		end: func(s *survival) {
			for _, line := range back {
				s.deliver(s.Plug(line))
			}
		},
	}
}

// sudden is the same, but both are gone before the first event is delivered.
func sudden(lasts time.Duration, back string) survivalFault {
	f := outage(lasts, back)
	f.name = fmt.Sprintf("both unplugged at once, %s back after %.0f s", back, lasts.Seconds())
	f.begin = func(s *survival) {
		first, err := s.Unplug("wan1")
		s.must(err)
		second, err := s.Unplug("wan2")
		s.deliver(append(first, second...), err)
	}
	return f
}

// unannounced is the loss of both carriers of which netifd does not tell.
func unannounced(lasts time.Duration, back string) survivalFault {
	f := outage(lasts, back)
	f.name = fmt.Sprintf("both carriers lost, no event, %s back after %.0f s", back, lasts.Seconds())
	f.proto, f.told = "static", false
	return f
}

// watched is the same beside `mptcpctl watch`.
func watched(f survivalFault) survivalFault {
	f.name += ", `watch`"
	f.watched, f.told = true, true
	return f
}

// late is the return of a line of which nobody is told, and of wan1 after it.
func late() survivalFault {
	f := unannounced(survivalOutage, "wan2")
	f.name += ", wan1 10 s later"
	f.end = func(s *survival) {
		s.deliver(s.Plug("wan2"))
		time.Sleep(survivalOutage)
		s.deliver(s.Plug("wan1"))
	}
	return f
}

// readdress gives wan1 another address.
func (s *survival) readdress(host string) {
	s.Helper()
	address := "10.0.1." + host + "/24"
	if s.row.ipv6 {
		address = "fd00:1::" + host + "/64"
	}
	s.deliver(s.ChangeAddress("wan1", netip.MustParsePrefix(address)))
}

// farEnd is where the provider's router has wan1.
func (s *survival) farEnd(line int) string {
	s.Helper()
	links, err := s.Internet.Netlink.LinkList()
	s.must(err)
	router, err := s.Router.Netlink.LinkByName(fmt.Sprint("eth", line))
	s.must(err)
	for _, link := range links {
		if link.Attrs().Index == router.Attrs().ParentIndex {
			return link.Attrs().Name
		}
	}
	s.Fatalf("no far end of line %d", line)
	return ""
}

// killRouter lets the provider's router fall silent, to the question for its
// MAC address too, and the router ask sooner than after half a minute.
func (s *survival) killRouter() {
	s.Helper()
	s.drop("dead", 1, "drop")
	for _, family := range []string{"ipv4", "ipv6"} {
		s.must(s.Router.Sysctl("net."+family+".neigh.eth1.base_reachable_time_ms", "1000"))
	}
}

func (s *survival) reviveRouter() {
	s.Helper()
	s.nft("delete table netdev dead")
}

// filterSources lets a provider drop what has not the addresses that it gave, as
// nearly all do (RFC 2827). One that does not carries what the router still sends from the
// lost line's address; the far end then takes that subflow for alive, and waits for it.
func (s *survival) filterSources(line int) {
	s.Helper()
	s.nft(fmt.Sprintf("add table netdev source%[1]d\n"+
		"add chain netdev source%[1]d ingress { type filter hook ingress device %[2]s priority 0; }\n"+
		"add rule netdev source%[1]d ingress ip saddr != 10.0.%[1]d.0/24 drop\n"+
		"add rule netdev source%[1]d ingress ip6 saddr != { ::, fe80::/10, fd00:%[1]d::/64 } drop\n", line, s.farEnd(line)))
}

// drop puts a rule in front of what comes from and goes to a line at its far end.
func (s *survival) drop(table string, line int, rule string) {
	s.Helper()
	device := s.farEnd(line)
	text := "add table netdev " + table + "\n"
	for _, hook := range []string{"ingress", "egress"} {
		text += fmt.Sprintf("add chain netdev %[1]s %[2]s { type filter hook %[2]s device %[3]s priority 0; }\nadd rule netdev %[1]s %[2]s %[4]s\n",
			table, hook, device, rule)
	}
	s.nft(text)
}

func (s *survival) nft(commands string) {
	s.Helper()
	program, err := exec.LookPath("nft")
	if err != nil {
		program = "/usr/sbin/nft"
	}
	out, err := s.Internet.Output(s.ctx, program, commands)
	if err != nil {
		s.Fatalf("nft: %v\n%s", err, out)
	}
}

// startWatch runs the service of option mptcp_watch to the end of the test.
func (s *survival) startWatch() {
	s.Helper()
	for _, args := range [][]string{{"set", "network.globals.mptcp_watch=1"}, {"commit", "network"}} {
		s.must(s.Router.Run(s.Command(s.ctx, "uci", args...)))
	}
	watch := s.Command(s.ctx, "mptcpctl", "watch")
	s.must(s.Router.Start(watch))
	s.Cleanup(func() {
		s.check(watch.Process.Signal(syscall.SIGTERM))
		_ = watch.Wait() // It was told to end.
	})
}

// lines are those of the row's lab.
func (r survivalRow) lines() []netlab.LineConfig {
	lines := []netlab.LineConfig{{Multipath: "master"}, {Multipath: r.second}}
	for i := range lines {
		lines[i].Proto, lines[i].Bits = r.fault.proto, r.bits
		lines[i].NoIPv4, lines[i].IPv6 = r.ipv6, r.ipv6
	}
	return lines
}
