// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

// survivalFault is what happens to one line, the struck one, or to both.
type survivalFault struct {
	name  string
	proto string        // static: dhcp lines tell more
	lasts time.Duration // 0: survivalOutage
	// begin and end deliver the events that netifd would send.
	begin, end func(*survival)
	// told says that the program hears of it, so that a handover line is called in.
	told bool
	// stays says that the line goes on carrying meanwhile.
	stays bool
	// silent says that nothing tells the kernel of the end: when it tries the line again is up to its timers.
	silent bool
	// all says that no line is left; back are those that return.
	all  bool
	back []string
	// sudden says that both lines are gone before the program hears of one.
	sudden bool
	// watched runs `mptcpctl watch` beside the hook.
	watched bool
	// tries says that begin tries a connection that the kernel takes for one whose path
	// drops MPTCP. Those after it must be MPTCP all the same.
	tries bool
}

// survivalOutage is how long a line is away where nothing else is said.
const survivalOutage = 10 * time.Second

// survivalFaults are those of one line.
func survivalFaults() []survivalFault {
	unplug := func(s *survival) { s.deliver(s.Unplug(s.struck())) }
	plug := func(s *survival) { s.deliver(s.Plug(s.struck())) }
	hole := func(s *survival) { s.deliver(s.BlackHole(s.struck())) }
	heal := func(s *survival) { s.deliver(s.Heal(s.struck())) }
	away, home := func(s *survival) { s.readdress("77") }, func(s *survival) { s.readdress("78") }
	return []survivalFault{
		{name: "unplugged, events", proto: "dhcp", told: true, begin: unplug, end: plug},
		{name: "carrier lost, no event", proto: "static", begin: unplug, end: plug},
		{name: "carrier lost, no event, `watch`", proto: "static", told: true, watched: true, begin: unplug, end: plug},
		{name: "black hole behind the router", proto: "dhcp", silent: true, begin: hole, end: heal},
		{name: "black hole, a tracker says `off` after 3 s", proto: "dhcp", told: true,
			begin: func(s *survival) {
				hole(s)
				time.Sleep(3 * time.Second)
				s.run("iface", s.struck(), "off")
			},
			end: func(s *survival) {
				heal(s)
				s.run("iface", s.struck(), "--reset")
			}},
		{name: "provider's router dead", proto: "dhcp", silent: true, begin: (*survival).killRouter, end: (*survival).reviveRouter},
		{name: "address changed, one event", proto: "dhcp", told: true, stays: true, begin: away, end: home},
		{name: "address changed, down and up", proto: "static", told: true, stays: true, begin: away, end: home},
		{name: "device removed", proto: "dhcp", told: true,
			begin: func(s *survival) { s.deliver(s.RemoveDevice(s.struck())) },
			end:   func(s *survival) { s.deliver(s.ReturnDevice(s.struck())) }},
	}
}

// outage is the loss of both lines, of which some come back, one after the other.
func outage(lasts time.Duration, back ...string) survivalFault {
	return survivalFault{
		name:  fmt.Sprintf("both unplugged, %s back after %.0f s", strings.Join(back, " and "), lasts.Seconds()),
		proto: "dhcp", lasts: lasts, told: true, all: true, back: back,
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
func sudden(lasts time.Duration, back ...string) survivalFault {
	f := outage(lasts, back...)
	f.sudden = true
	f.name = fmt.Sprintf("both unplugged at once, %s back after %.0f s", strings.Join(back, " and "), lasts.Seconds())
	f.begin = func(s *survival) {
		first, err := s.Unplug("wan1")
		s.must(err)
		second, err := s.Unplug("wan2")
		s.deliver(append(first, second...), err)
	}
	return f
}

// unannounced is the loss of both carriers of which netifd does not tell.
func unannounced(lasts time.Duration, back ...string) survivalFault {
	f := outage(lasts, back...)
	f.name = fmt.Sprintf("both carriers lost, no event, %s back after %.0f s", strings.Join(back, " and "), lasts.Seconds())
	f.proto, f.told = "static", false
	return f
}

// watched is the same beside `mptcpctl watch`.
func watched(f survivalFault) survivalFault {
	f.name += ", `watch`"
	f.watched, f.told = true, true
	return f
}

// tried is the same with a connection that is tried from wan1 meanwhile. It begins when the
// peers have been told, also by settle, that the address is gone: the kernel ends a subflow
// that is being set up with its endpoint, and there is no error (findings). The
// line is back between the last SYN with MPTCP and the first one without, which are 3 and
// 7 s after the first.
func tried(f survivalFault) survivalFault {
	const told, until = 8 * time.Second, 5 * time.Second
	begin := f.begin
	f.name += ", a connection tried meanwhile"
	f.lasts, f.tries = told+until, true
	f.begin = func(s *survival) {
		s.must(s.Router.Sysctl(linearSetting, "0"))
		begin(s)
		time.Sleep(told)
		s.tryFrom("10.0.1.2")
	}
	return f
}

// late is the return of a line of which nobody is told, and of wan1 after it.
func late() survivalFault {
	f := unannounced(survivalOutage, "wan2", "wan1")
	f.name = "both carriers lost, no event, wan2 back after 10 s, wan1 10 s later"
	f.end = func(s *survival) {
		s.deliver(s.Plug("wan2"))
		time.Sleep(survivalOutage)
		s.deliver(s.Plug("wan1"))
	}
	return f
}

// readdress gives the struck line other addresses, one event after the other.
func (s *survival) readdress(host string) {
	s.Helper()
	for _, f := range s.row.families() {
		address := fmt.Sprintf("10.0.%d.%s/24", s.row.line(), host)
		if f == survivalIPv6 {
			address = fmt.Sprintf("3fff:%d::%s/64", s.row.line(), host)
		}
		s.deliver(s.ChangeAddress(s.struck(), netip.MustParsePrefix(address)))
	}
}

// killRouter lets the provider's router fall silent, to the question for its
// MAC address too, and the router ask sooner than after half a minute.
func (s *survival) killRouter() {
	s.Helper()
	s.drop("dead", s.row.line(), "drop")
	for _, family := range []string{"ipv4", "ipv6"} {
		s.must(s.Router.Sysctl(fmt.Sprintf("net.%s.neigh.eth%d.base_reachable_time_ms", family, s.row.line()), "1000"))
	}
}

func (s *survival) reviveRouter() {
	s.Helper()
	s.nft("delete table netdev dead")
}

// struck is the line that the fault hits.
func (s *survival) struck() string { return fmt.Sprint("wan", s.row.line()) }

// lines are those of the row's lab.
func (r *survivalRow) lines() []netlab.LineConfig {
	var lines []netlab.LineConfig
	for _, mode := range r.modes {
		lines = append(lines, netlab.LineConfig{
			Multipath: mode, Proto: r.fault.proto, Bits: r.bits,
			NoIPv4: r.family == survivalIPv6, IPv6: r.family != survivalIPv4,
		})
	}
	return lines
}
