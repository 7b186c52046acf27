// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdIfup does to the kernel what netifd does for interfaces that come up, in the
// order in which they are named: devices that are missing are made, and what is up
// goes down first.
func cmdIfup(ts *testscript.TestScript, neg bool, args []string) {
	s, n := of(ts), situationOf(ts)
	for _, name := range args {
		r := n.named(ts, name)
		if r.there {
			cmdIfdown(ts, neg, []string{name})
		}
		r.down, r.there = false, true
		if _, err := s.ip("ip link show dev " + r.L3Device); err != nil {
			cmdLink(ts, neg, []string{r.L3Device})
		}
		for _, command := range r.kernel() {
			_, err := s.ip(command)
			ts.Check(err)
		}
	}
	ts.Check(n.writeDump(s))
}

// cmdIfdown does what netifd does for interfaces that go down. Devices stay.
func cmdIfdown(ts *testscript.TestScript, neg bool, args []string) {
	s, n := of(ts), situationOf(ts)
	if neg || len(args) == 0 {
		ts.Fatalf("usage: ifdown NAME...")
	}
	for _, name := range args {
		r := n.named(ts, name)
		r.down, r.there = true, false
		for _, command := range r.kernel() {
			// Some routes are gone with the address.
			_, _ = s.ip(strings.NewReplacer(" replace ", " del ", " add ", " del ").Replace(command))
		}
		left, err := s.ip("ip -o addr show dev " + r.L3Device)
		ts.Check(err)
		for _, a := range append(r.IPv4, r.IPv6...) {
			if strings.Contains(left, " "+a.Address+"/") {
				ts.Fatalf("%s is still there:\n%s", a.Address, left)
			}
		}
	}
	ts.Check(n.writeDump(s))
}

func (n *situation) named(ts *testscript.TestScript, name string) *reported {
	for _, r := range n.reports {
		if r.Interface == name {
			return r
		}
	}
	ts.Fatalf("netifd has no interface %s", name)
	return nil
}

// kernel are the commands that do what netifd does (interface-ip.c, system-linux.c):
// with a metric or a table, the connected route is one of its own; a default route
// in IPv6 holds for its source only; a delegated prefix ends in an error route.
func (r *reported) kernel() (commands []string) {
	for _, a := range append(r.IPv4, r.IPv6...) {
		commands = append(commands, r.kernelAddress(a)...)
	}
	for _, a := range r.Assigned {
		commands = append(commands,
			fmt.Sprintf("ip addr add %s/%d dev %s noprefixroute nodad", a.Local.Address, a.Local.Mask, r.L3Device),
			fmt.Sprintf("ip -6 route replace %s/%d dev %s proto static metric 1024", a.Address, a.Mask, r.L3Device))
	}
	for _, p := range r.Prefixes {
		commands = append(commands, fmt.Sprintf("ip -6 route replace unreachable %s/%d proto static metric 2147483647", p.Address, p.Mask))
	}
	for _, route := range r.Routes {
		commands = append(commands, r.kernelRoute(route))
	}
	return commands
}

func (r *reported) kernelAddress(a reportAddress) []string {
	address := fmt.Sprintf("%s/%d", a.Address, a.Mask)
	if a.Peer != "" {
		return []string{fmt.Sprintf("ip addr add %s peer %s dev %s", a.Address, a.Peer, r.L3Device)}
	}
	add := fmt.Sprintf("ip addr add %s dev %s", address, r.L3Device)
	p := netip.MustParsePrefix(address)
	if p.Addr().Is6() {
		add += " nodad" // else it is tentative for a moment, whatever accept_dad says
	}
	table := r.table(p.Addr())
	if p.IsSingleIP() || r.Metric == 0 && table == 0 {
		return []string{add}
	}
	connected := reportRoute{Target: p.Masked().Addr().String(), Mask: a.Mask, Nexthop: everything(p.Addr()).Addr().String()}
	family := familyFlag(p.Addr())
	commands := []string{add, fmt.Sprintf("ip %s route flush exact %s dev %s proto kernel", family, p.Masked(), r.L3Device), r.kernelRoute(connected)}
	if table != 0 {
		commands = append(commands, fmt.Sprintf("ip %s rule add pref 10000 from %s lookup %d", family, a.Address, table),
			fmt.Sprintf("ip %s rule add pref 20000 to %s lookup %d", family, address, table))
	}
	return commands
}

func (r *reported) kernelRoute(route reportRoute) string {
	target := netip.MustParseAddr(route.Target)
	any := everything(target)
	command := fmt.Sprintf("ip %s route replace %s/%d", familyFlag(target), route.Target, route.Mask)
	source := route.Source != "" && route.Source != any.String()
	if source && target.Is6() {
		command += " from " + route.Source
	}
	if route.Nexthop != any.Addr().String() {
		command += " via " + route.Nexthop
	}
	command += " dev " + r.L3Device + " proto static"
	if source && target.Is4() {
		command += " src " + strings.TrimSuffix(route.Source, "/32")
	}
	if metric := cmp.Or(route.Metric, r.Metric); metric != 0 {
		command += fmt.Sprint(" metric ", metric)
	}
	if table := cmp.Or(route.Table, r.table(target)); table != 0 {
		command += fmt.Sprint(" table ", table)
	}
	if route.MTU != 0 {
		command += fmt.Sprint(" mtu ", route.MTU)
	}
	return command
}

func familyFlag(a netip.Addr) string {
	if a.Is4() {
		return "-4"
	}
	return "-6"
}

// table is the one that netifd fills for the family of a; 0: main.
func (r *reported) table(a netip.Addr) int {
	if a.Is4() {
		return r.IP4Table
	}
	return r.IP6Table
}

// everything is the prefix of all addresses of the family of a.
func everything(a netip.Addr) netip.Prefix {
	if a.Is4() {
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	}
	return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
}
