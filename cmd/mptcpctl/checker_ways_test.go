// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

// Destinations that no route but a default one leads to, and hosts on the LAN.
var (
	farAway  = [2]netip.Addr{netip.MustParseAddr("198.18.77.1"), netip.MustParseAddr("3fff:fff::77")}
	lanHosts = [2]netip.Addr{netip.MustParseAddr("192.168.1.100"), netip.MustParseAddr("3fff:eee::100")}
)

const lanSide = "lan0"

// kernelMain is the priority of the kernel's own rule into main.
const kernelMain = 32766

// ways asks the kernel which way packets take, and asserts that it is the one that
// DESIGN promises: from each address of a line by that line, bound to its device
// likewise, from the LAN by the line of the source or the head of the list. Where a
// rule or a route of others has a say, it is not asked.
func (k *checking) ways(router *netlab.Namespace) error {
	for f := range 2 {
		if err := k.marked(router, f); err != nil {
			return err
		}
		head := k.head(f)
		for _, l := range k.linesOf(f) {
			if err := k.waysOf(router, l, f); err != nil {
				return err
			}
		}
		if _, lan := k.now.link(lanSide); head == nil || !lan || k.wanted[f] != yes {
			continue
		}
		if err := k.way(router, f, netlab.Packet{To: farAway[f], From: lanHosts[f], In: lanSide}, head); err != nil {
			return err
		}
	}
	return nil
}

// head is the first line of the list that has a carrier.
func (k *checking) head(f int) *checkedLine {
	for _, l := range k.ranked(f, listOrder) {
		if k.uses[l][f].carries {
			return l
		}
	}
	return nil
}

// waysOf asks about what has the addresses and the prefix of a line.
func (k *checking) waysOf(router *netlab.Namespace, l *checkedLine, f int) error {
	u := k.uses[l][f]
	if !u.carries {
		return nil
	}
	packets := []netlab.Packet{{To: farAway[f], Out: l.device}}
	for _, a := range u.addresses {
		if !a.Tentative {
			packets = append(packets, netlab.Packet{To: farAway[f], From: a.Local})
		}
	}
	if _, lan := k.now.link(lanSide); lan && k.wanted[f] == yes {
		for _, p := range u.prefixes {
			packets = append(packets, netlab.Packet{To: farAway[f], From: hostIn(p), In: lanSide})
		}
	}
	for _, p := range packets {
		if err := k.way(router, f, p, l); err != nil {
			return err
		}
	}
	return nil
}

// hostIn is a host's address in the first /64 of a delegated prefix.
func hostIn(p netip.Prefix) netip.Addr {
	a := p.Masked().Addr().As16()
	a[15] = 0x99
	return netip.AddrFrom16(a)
}

// way asserts that a packet leaves by a line.
func (k *checking) way(router *netlab.Namespace, f int, p netlab.Packet, l *checkedLine) error {
	if k.policy(f, p, l) {
		return nil
	}
	got, err := router.Way(p)
	if err != nil {
		return err
	}
	// Of several lines on a device, a bound socket without an address takes any.
	shared := p.Out != "" && slices.ContainsFunc(k.linesOf(f), func(other *checkedLine) bool { return other != l && other.device == l.device })
	gateway := k.uses[l][f].gateway
	if got.Device != l.device || got.Gateway != gateway && !shared && !(gateway.IsUnspecified() && !got.Gateway.IsValid()) {
		k.fail("way", "%s: %+v leaves by %+v", l.name, p, got)
	}
	return nil
}

// marked asserts that what is forwarded with the mark of a foreign rule goes where
// that rule says, whatever line its source belongs to.
func (k *checking) marked(router *netlab.Namespace, f int) error {
	if _, lan := k.now.link(lanSide); !lan {
		return nil
	}
	for at, r := range k.now.rules[f] {
		mark, _, _ := strings.Cut(r.Mark, "/")
		value, err := strconv.ParseUint(cmp.Or(mark, "0"), 0, 32)
		device := k.policyDevice(f, r.Table)
		if r.ours || r.Not || r.Src+r.Dst+r.IIF+r.OIF != "" || value == 0 || err != nil || device == "" {
			continue
		}
		sources := []netip.Addr{lanHosts[f]}
		for _, l := range k.linesOf(f) {
			for _, p := range k.uses[l][f].prefixes {
				sources = append(sources, hostIn(p))
			}
		}
		for _, from := range sources {
			p := netlab.Packet{To: farAway[f], From: from, In: lanSide, Mark: uint32(value)}
			before := func(other dumpedRule) bool {
				return !other.ours && other.Priority != 0 && (other.Not || other.Dst != "" || fits(other, p)) && k.leads(f, other)
			}
			if slices.ContainsFunc(k.now.rules[f][:at], before) {
				continue
			}
			got, err := router.Way(p)
			if err != nil {
				return err
			}
			if got.Device != device {
				k.fail("policy", "%+v leaves by %+v, and not by %s as the rule %s says", p, got, device, r.text)
			}
		}
	}
	return nil
}

// policyDevice is the device of the only default route of a table, if it has a carrier.
func (k *checking) policyDevice(f int, table uint32) string {
	device, routes := "", 0
	for _, r := range k.now.routes[f] {
		if r.Table == table && r.Dst == "default" {
			device = r.Dev
			routes++
		}
	}
	if link, there := k.now.link(device); routes != 1 || !there || !slices.Contains(link.Flags, "LOWER_UP") {
		return ""
	}
	return device
}

// policy reports whether somebody else decides about a packet: by a rule before the
// managed one that fits and whose table has a route, by an error, or by a route of
// others in the line's table. Two lines may also have the same address.
func (k *checking) policy(f int, p netlab.Packet, l *checkedLine) bool {
	for _, r := range k.now.rules[f][:k.decides(f, p, l)] {
		if !r.ours && r.Priority != 0 && r.Priority < kernelMain && (r.Not || r.Dst != "" || fits(r, p)) && k.leads(f, r) {
			return true
		}
	}
	for _, r := range k.now.routes[f] {
		if !r.ours && r.Table == l.tables[f] {
			return true
		}
	}
	same := 0
	for _, other := range k.linesOf(f) {
		if slices.ContainsFunc(k.uses[other][f].addresses, func(a dumpedAddress) bool { return a.Local == p.From }) {
			same++
		}
	}
	return same > 1 || len(k.held) > 0
}

// decides is the place of the managed rule that leads a packet into the table of its
// line, or of the end where there is none.
func (k *checking) decides(f int, p netlab.Packet, l *checkedLine) int {
	priority := 502
	if p.Out != "" {
		priority = 503
	} else if p.In != "" {
		priority = 32765
	}
	at := slices.IndexFunc(k.now.rules[f], func(r dumpedRule) bool {
		return r.ours && r.Priority == priority && r.Table == l.tables[f] && (priority != 502 || r.Src == p.From.String())
	})
	if at < 0 {
		return len(k.now.rules[f])
	}
	return at
}

// leads reports whether a rule of others may find a route to what is far away.
func (k *checking) leads(f int, r dumpedRule) bool {
	if r.Table == 0 { // an error
		return true
	}
	return slices.ContainsFunc(k.now.routes[f], func(route dumpedRoute) bool {
		bits, covers := 0, route.Dst == "default"
		if network, err := netip.ParsePrefix(route.Dst); err == nil {
			bits, covers = network.Bits(), network.Contains(farAway[f])
		}
		return route.Table == r.Table && covers && (bits > r.Suppress || route.Type != "")
	})
}

// fits reports whether a rule of others may fit a packet: a mark that the packet has
// not keeps it out for certain.
func fits(r dumpedRule, p netlab.Packet) bool {
	if r.IIF != "" && r.IIF != p.In && !(r.IIF == "lo" && p.In == "") || r.OIF != "" && r.OIF != p.Out {
		return false
	}
	if src, err := netip.ParsePrefix(r.Src); err == nil && !src.Contains(p.From) {
		return false
	}
	if src, err := netip.ParseAddr(r.Src); err == nil && src != p.From {
		return false
	}
	mark, mask, masked := strings.Cut(r.Mark, "/")
	want, err := strconv.ParseUint(cmp.Or(mark, "0"), 0, 32)
	if err != nil {
		return true
	}
	bits := uint64(1<<32 - 1)
	if masked {
		if bits, err = strconv.ParseUint(mask, 0, 32); err != nil {
			return true
		}
	}
	return r.Mark == "" || uint64(p.Mark)&bits == want
}
