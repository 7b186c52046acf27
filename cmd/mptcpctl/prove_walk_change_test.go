// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
)

// change is one change of the world.
func (w *walker) change() {
	n := w.line()
	switch w.IntN(26) {
	case 24:
		w.shape(n)
	case 25:
		w.policy(n)
	case 0, 1, 2:
		w.add("walk fault unplug wan%d", n)
	case 3, 4, 5:
		w.add("walk fault plug wan%d", n)
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
			to := 16 + w.IntN(200)
			if w.chance(3) { // somebody has it already: duplicate address detection fails
				w.add("walk rival %d 3fff:%d::%x/64", n, n, to)
			}
			w.add("walk fault address wan%d 3fff:%d::%x/64", n, n, to)
		} else {
			w.add("walk fault address wan%d 10.0.%d.%d/24", n, n, 10+w.IntN(100))
		}
	case 14:
		w.add("walk fault router wan%d %s", n, w.pick(fmt.Sprintf("10.0.%d.%d", n, 200+w.IntN(50)), fmt.Sprintf("3fff:%d::%x", n, 1+w.IntN(250))))
	case 15:
		w.add("walk fault delete-address wan%d %s", n, w.pick(fmt.Sprintf("10.0.%d.2/24", n), fmt.Sprintf("3fff:%d::2/64", n)))
	case 16:
		w.add("walk fault metric wan%d %d", n, 1+w.IntN(20))
	case 17:
		w.rare(n)
	case 18:
		w.part(n)
	case 19, 20:
		if !w.watched || w.held {
			w.word(n)
		}
	case 21:
		if !w.watched || w.held {
			w.global()
		}
	default:
		w.foreign()
	}
}

// rare are shapes of the network that few have.
func (w *walker) rare(n int) {
	other := w.line()
	switch w.IntN(9) {
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
		w.add("walk ip %s route flush table %d", w.pick("-4", "-6"), 2+w.IntN(w.lines+2))
	case 5: // another manager takes for its own what is ours
		w.add("walk ip %s", w.pick("rule flush protocol 77", "-6 rule flush protocol 77", "rule del pref 502", "rule del pref 32765 protocol 77"))
	case 6: // on a line's device it is ours, whoever made it
		w.add("walk ip mptcp endpoint %s", w.pick("flush", fmt.Sprintf("add 10.0.%d.%d dev eth%d %s",
			n, 2+w.IntN(2), n, w.pick("subflow", "subflow backup", "signal", "subflow fullmesh"))))
	case 7:
		w.add("walk ip mptcp limits set subflows %d add_addr_accepted %d", w.IntN(9), w.IntN(9))
	case 8: // a rule of our protocol that nobody of us made
		w.add("walk ip %s", w.pick(fmt.Sprintf("rule add pref 502 from 10.0.%d.2 lookup 99 protocol 77", n), "rule add pref 32765 lookup 98 protocol 77"))
	}
}

// part is something that stands on a line's device beside it: its alias, another
// section, or what netifd made of it without a section.
func (w *walker) part(n int) {
	kind, more := w.pick("b", "c"), ""
	switch line := w.words[n-1]; {
	case !strings.Contains(line, "ipv6") && w.chance(2):
		kind, more = "_6", fmt.Sprintf("dynamic proto=dhcpv6 device=eth%d address=3fff:%d::60/64 gateway=3fff:%d::1%s", n, n, n, w.pick("", " sourcefilter"))
	case strings.Contains(line, "noipv4") && w.chance(2):
		kind, more = "_4", fmt.Sprintf("dynamic proto=dhcp device=eth%d address=10.0.%d.40/24 gateway=10.0.%d.1", n, n, n)
	case kind == "b":
		more = fmt.Sprintf("device=@wan%d l3=eth%d proto=static metric=%d address=10.1.%d.2/24 gateway=10.1.%d.1", n, n, 30+n, n, n)
	case kind == "c":
		more = fmt.Sprintf("device=eth%d proto=dhcpv6 metric=%d address=%s gateway=3fff:%d:1::1", n, 30+n,
			w.pick(fmt.Sprintf("3fff:%d:1::2/64", n), fmt.Sprintf("fd00:%d:1::2/64", n), fmt.Sprintf("fd00:%d:1::2/64 address=3fff:%d:1::2/64", n, n)), n)
	}
	name := fmt.Sprint("wan", n, kind)
	dynamic := strings.HasPrefix(more, "dynamic")
	if !w.parts[name] {
		w.parts[name] = true
		w.add("walk netifd %s %s", name, more)
		if !dynamic && (!w.watched || w.held) {
			w.add("walk option %s device %s", name, strings.TrimPrefix(strings.Fields(more)[0], "device="))
			w.section(name, more)
		}
	}
	switch w.IntN(8) {
	case 0, 1:
		w.add("walk fault ifdown %s", name)
		if dynamic { // the interface goes with its parent's protocol
			w.add("walk vanish %s", name)
			w.parts[name] = false
		}
	case 2:
		if !w.watched || w.held {
			w.add("walk option %s multipath off", name)
		}
	default:
		w.add("walk fault ifup %s", name)
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
	switch w.IntN(10) {
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
		w.add("walk option globals mptcp_laminar %s", w.pick("0", "1", ""))
	case 9:
		if !w.watched { // it puts back what flush removes
			w.add("walk run flush")
		}
	}
}

// foreign is what others do: much of it looks nearly like ours, and a delete of
// theirs may hit ours.
func (w *walker) foreign() {
	n := w.line()
	do := w.pick("add", "add", "del")
	own := fmt.Sprint("table ", 2+n) // the table of line n, as long as nothing shifts it
	switch w.IntN(6) {
	case 0:
		w.add("walk ip %s rule %s %s", w.pick("-4", "-4", "-6"), do, w.pick(
			fmt.Sprintf("pref 502 oif eth%d lookup %d", n, 2+n), fmt.Sprintf("pref 503 oif eth%d lookup %d", n, 2+n), "from all lookup main suppress_prefixlength 0",
			"not fwmark 0xca6c lookup 51820", "iif lan0 lookup 1", fmt.Sprintf("pref 32765 lookup %d protocol 4", 2+n), "pref 1001 fwmark 0x100/0x3f00 lookup 1",
			"pref 32765 lookup main suppress_prefixlength 0 protocol 4", fmt.Sprintf("pref 503 oif eth%d lookup %d protocol 78", n, 2+n)))
	case 1:
		w.add("walk ip rule %s pref %s from 10.0.%d.2 lookup %d", do, w.pick("500", "501", "502", "9"), n, 2+n)
		w.add("walk ip -6 rule %s pref %s from 3fff:%d::2 lookup %d protocol 4", do, w.pick("501", "502", "9"), n, 2+n)
	case 2:
		w.add("walk ip route %s %s", do, w.pick(
			"10.77.0.0/16 dev lan0 "+own, "default via 192.168.1.100 table 1", "default dev lan0 table 1000 metric 7", "192.0.2.0/24 dev lan0",
			"unreachable default "+own+" metric 4278198272", fmt.Sprintf("default dev lan0 table %d", 3+n), "default dev lan0 "+own+" metric 7"))
	case 3: // in place of ours, of the same destination and metric
		w.add("walk ip %s", w.pick("route replace default dev lan0 "+own, fmt.Sprintf("route replace 10.0.%d.0/24 dev lan0 %s proto static", n, own),
			fmt.Sprintf("route replace default via 10.0.%d.1 dev eth%d %s proto static", n, n, own), "route del default dev lan0 "+own,
			"-6 route replace default dev lan0 "+own+" metric 1024", "-6 route del default dev lan0 "+own+" metric 1024",
			fmt.Sprintf("-6 route replace default via 3fff:%d::1 dev eth%d %s metric 1024 proto static", n, n, own), "-6 route del default "+own+" metric 1024"))
	case 4: // beside ours
		w.add("walk ip %s", w.pick("route append default dev lan0 "+own, fmt.Sprintf("route append default via 10.0.%d.9 dev eth%d %s", n, n, own),
			fmt.Sprintf("-6 route append default via 3fff:%d::9 dev eth%d %s metric 1024 proto static", n, n, own),
			fmt.Sprintf("-6 route del default via 3fff:%d::9 dev eth%d %s metric 1024", n, n, own)))
	case 5:
		if do == "del" {
			w.add("walk ip mptcp endpoint del id %d", 200+w.IntN(12))
			return
		}
		w.add("walk ip mptcp endpoint add %s", w.pick(fmt.Sprintf("192.168.1.1 dev lan0 id %d subflow", 200+w.IntN(12)), fmt.Sprintf("203.0.113.%d id %d signal", w.IntN(5), 200+w.IntN(12)),
			fmt.Sprintf("10.0.%d.2 id %d port 4433 dev eth%d signal", n, 200+w.IntN(12), n), fmt.Sprintf("10.0.%d.2 id %d signal", n, 200+w.IntN(12)), fmt.Sprintf("3fff:%d::2 id %d signal", n, 200+w.IntN(12))))
	}
}
