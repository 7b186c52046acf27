// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
)

// section writes the protocol of a section, and the address that a static one has.
func (w *walker) section(name, words string) {
	static := strings.Contains(words, "proto=static")
	for _, word := range strings.Fields(words) {
		key, value, _ := strings.Cut(word, "=")
		switch {
		case key == "proto":
			w.add("walk option %s proto %s", name, value)
		case key == "address" && static:
			w.add("walk option %s ipaddr %s", name, value)
		}
	}
}

// interfaceOf makes an interface on a device of its own, with its section, once, and
// takes it up or down. A dynamic one has no section.
func (w *walker) interfaceOf(name, device, words, mode string) {
	dynamic := strings.HasPrefix(words, "dynamic")
	if !w.parts[name] {
		w.parts[name] = true
		if device != "" {
			w.add("walk ip link add %s type dummy", device)
		}
		w.add("walk netifd %s %s", name, words)
		if !dynamic && (!w.watched || w.held) {
			_, on, _ := strings.Cut(words, "device=")
			on, _, _ = strings.Cut(on, " ")
			w.add("walk option %s device %s", name, on)
			w.section(name, words)
			if mode != "" {
				w.add("walk option %s multipath %s", name, mode)
			}
		}
	}
	if w.chance(4) {
		w.add("walk fault ifdown %s", name)
		if dynamic {
			w.add("walk vanish %s", name)
			w.parts[name] = false
		}
		return
	}
	w.add("walk fault ifup %s", name)
}

// shape is a network as some routers have it: PPPoE beside the section of the modem's
// page, and what netifd makes of it; several lines on one device; a tunnel that takes
// the default route; addresses without a prefix route.
func (w *walker) shape(n int) {
	switch w.IntN(8) {
	case 0, 1:
		if !w.watched || w.held { // the section on the device is for the modem's page
			w.add("walk option wan%d multipath", n)
		}
		w.interfaceOf(fmt.Sprint("ppp", n), fmt.Sprint("pppoe-", n), fmt.Sprintf("device=eth%d l3=pppoe-%d proto=pppoe metric=%d address=203.0.113.%d/32 peer=198.51.100.%d gateway=198.51.100.%d",
			n, n, w.metric(), n, n, n), w.mode())
	case 2:
		w.interfaceOf(fmt.Sprintf("ppp%d_6", n), "", fmt.Sprintf("dynamic device=pppoe-%d proto=dhcpv6 metric=512 %s gateway=fe80::%d%s", n,
			w.pick(fmt.Sprintf("address=3fff:a%02x::2/64", n), fmt.Sprintf("prefix=3fff:b%02x::/56", n), fmt.Sprintf("address=3fff:a%02x::2/64 prefix=3fff:b%02x::/56", n, n)),
			n, w.pick("", " sourcefilter")), "")
	case 3:
		w.interfaceOf(fmt.Sprintf("ppp%d_6_4", n), fmt.Sprint("ds-", n),
			fmt.Sprintf("dynamic device=ds-%d proto=dslite metric=%d address=192.0.0.%d/32 gateway=0.0.0.0", n, w.metric(), 1+n), "")
	case 4:
		w.interfaceOf(fmt.Sprintf("wan%dd", n), "", fmt.Sprintf("device=eth%d proto=static metric=%d address=10.2.%d.2/24 gateway=10.2.%d.1", n, w.metric(), n, n), w.pick("", "on", "backup", "master"))
	case 5:
		w.interfaceOf("vpn", "vpn", fmt.Sprintf("device=vpn proto=wireguard metric=%d address=10.8.0.2/32 address=3fff:c::2/128 %s", w.metric(),
			w.pick("gateway=0.0.0.0 gateway=::", "gateway=0.0.0.0", "gateway=::", "route=0.0.0.0/1 route=128.0.0.0/1")), "")
	case 6:
		w.add("walk ip addr add 10.3.%d.2/24 dev eth%d noprefixroute", n, n)
		if w.chance(2) {
			w.add("walk ip route add 10.3.%d.0/24 dev eth%d proto static", n, n)
		}
	case 7:
		w.add("walk netifd wan%d route=192.168.0.0/16,10.0.%d.1", n, n)
		w.add("walk fault ifup wan%d", n)
	}
}

// metric is one that others are likely to have too.
func (w *walker) metric() int { return w.IntN(5) * w.IntN(3) }

// policy is what programs that steer traffic do: marks that lead into tables.
func (w *walker) policy(n int) {
	family := w.pick("-4", "-6")
	switch w.IntN(3) {
	case 0: // pbr
		w.add("walk ip %s route add default dev lan0 table 258", family)
		w.add("walk ip %s rule add pref 29998 fwmark 0x30000/0xff0000 lookup 258", family)
	case 1: // mwan3
		w.add("walk ip %s route add default dev eth%d table 202", family, n)
		w.add("walk ip %s rule add pref 2002 fwmark 0x200/0x3f00 lookup 202", family)
	case 2: // config rule6
		w.add("walk ip -6 route add default dev lan0 table 259")
		w.add("walk ip -6 rule add pref 10000 from 2001:db8:%d:10::/64 lookup 259", n*256)
	}
}
