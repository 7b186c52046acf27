// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/mptcpctl/mptcpctl/pkg/netifd"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// pairs finds what is wrong between two interfaces. Each pair is told once, for
// the first reason that fits.
func (e *examination) pairs() {
	for i := range e.Result.Lines {
		for k := range i {
			a, b := &e.Result.Lines[k], &e.Result.Lines[i]
			if !a.Netifd.Up || !b.Netifd.Up || a.Device == b.Device || a.Device == "" || b.Device == "" {
				continue
			}
			switch both := a.Participates() && b.Participates(); {
			case both:
				e.pair(a, b)
			case a.Participates():
				e.overlapsLAN(a, b)
			case b.Participates():
				e.overlapsLAN(b, a)
			}
		}
	}
	e.overlapsOtherDevices()
}

// pair compares two lines.
func (e *examination) pair(a, b *plan.LineUse) {
	mac := e.MACs[a.Device]
	sameMAC := mac != "" && mac == e.MACs[b.Device]
	first, second := overlap(a, b)
	switch {
	case first.IsValid() && first.Addr() == second.Addr():
		if b.Mode.Claims() < a.Mode.Claims() {
			a, b = b, a
		}
		e.sameAddress(a, b, first.Addr(), sameMAC)
	case first.IsValid() && sameMAC:
		e.add(SameMAC, b.Name, fmt.Sprintf("the same MAC address as %s in the same network, %s", a.Name, mac), newMAC(b, mac)...)
	case first.IsValid() && mac != "" && e.MACs[b.Device] != "" && e.answersForOthers(a.Device, b.Device):
		e.add(OverlappingSubnets, b.Name, fmt.Sprintf("%s overlaps %s of %s, and each answers ARP for the other", second.Masked(), first.Masked(), a.Name),
			"sysctl -w net.ipv4.conf.all.arp_ignore=1")
	}
	e.sameMetric(a, b)
}

// sameAddress speaks of a provider who knows both lines by one MAC address, or
// of two modems that give the same one. The first line has it. DS-Lite gives all customers
// the same (RFC 6333 section 5.7).
func (e *examination) sameAddress(a, b *plan.LineUse, addr netip.Addr, sameMAC bool) {
	text := fmt.Sprintf("%s also has its address %s: only that line is used", a.Name, addr)
	var fix []string
	switch {
	case sameMAC:
		fix = newMAC(b, e.MACs[b.Device])
	case b.Netifd.Proto == "static":
		fix = setting(b.Name + ".ipaddr=ADDRESS")
	case b.Netifd.Proto != "dslite":
		text += "; give one of the two modems another network"
		fix = []string{"ifup " + b.Name}
	}
	e.add(SameAddress, b.Name, text, fix...)
}

// newMAC is the way out that the wiki has: another, locally administered
// address (IEEE 802, the second bit of the first octet).
func newMAC(l *plan.LineUse, mac string) []string {
	first := "02"
	if strings.HasPrefix(mac, first) {
		first = "06"
	}
	return setting(l.Name + ".macaddr=" + first + strings.TrimPrefix(mac, mac[:min(2, len(mac))]))
}

// answersForOthers reports whether the kernel answers ARP requests on one
// device for an address of the other (arp_ignore; the larger setting counts).
func (e *examination) answersForOthers(devices ...string) bool {
	for _, d := range devices {
		if max(e.Sysctls[ipv4Conf("all", "arp_ignore")], e.Sysctls[ipv4Conf(d, "arp_ignore")]) == "0" {
			return true
		}
	}
	return false
}

// overlap finds IPv4 addresses of two interfaces that are one, or whose networks overlap.
func overlap(a, b *plan.LineUse) (first, second netip.Prefix) {
	for i := range a.Netifd.Addresses {
		for k := range b.Netifd.Addresses {
			x, y := &a.Netifd.Addresses[i], &b.Netifd.Addresses[k]
			p2p := x.Peer.IsValid() || y.Peer.IsValid()
			if x.Prefix.Addr().Is4() && x.Prefix.Overlaps(y.Prefix) && (!p2p || x.Prefix.Addr() == y.Prefix.Addr()) {
				return x.Prefix, y.Prefix
			}
		}
	}
	return first, second
}

// overlapsLAN compares a line with an interface that takes no part.
func (e *examination) overlapsLAN(l, lan *plan.LineUse) {
	mine, its := overlap(l, lan)
	if !mine.IsValid() || mine.IsSingleIP() || its.IsSingleIP() {
		return
	}
	text := fmt.Sprintf("%s overlaps %s of %s: part of it is unreachable", mine.Masked(), its.Masked(), lan.Name)
	var fix []string
	if lan.Netifd.Proto == "static" {
		// With its length: without, netifd takes it for a host unless there is an
		// option netmask.
		fix = setting(lan.Name + ".ipaddr=" + e.freeNetwork().String())
	} else {
		text += "; give one of the two another network"
	}
	e.add(SubnetOfLAN, l.Name, text, fix...)
}

// overlapsOtherDevices compares the lines with the devices that netifd knows nothing of, or
// no address of: docker0, or one of proto none.
func (e *examination) overlapsOtherDevices() {
	for i := range e.Addresses {
		a := &e.Addresses[i]
		if !a.Global || a.Peer.IsValid() || e.known(a) {
			continue
		}
		var other plan.LineUse
		other.Name, other.Netifd.Addresses = a.Device, []netifd.Address{{Prefix: a.Prefix}}
		for _, l := range e.participants() {
			e.overlapsLAN(l, &other)
		}
	}
}

// known reports whether an address is one of a line's device, or one that netifd
// has told of.
func (e *examination) known(a *Address) bool {
	for i := range e.Result.Lines {
		l := &e.Result.Lines[i]
		if l.Device == a.Device && l.Participates() {
			return true
		}
		for k := range l.Netifd.Addresses {
			if l.Netifd.Addresses[k].Prefix.Addr() == a.Prefix.Addr() {
				return true
			}
		}
	}
	return false
}

// freeNetwork is the first that overlaps no other: 192.168.N.1/24.
func (e *examination) freeNetwork() netip.Prefix {
	for n := byte(8); n != 0; n++ {
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 168, n, 1}), 24)
		free := true
		for i := range e.Result.Lines {
			for _, a := range e.Result.Lines[i].Netifd.Addresses {
				free = free && !a.Prefix.Overlaps(p)
			}
		}
		if free {
			return p
		}
	}
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{172, 31, 255, 1}), 24)
}

// sameMetric finds lines of which netifd keeps one default route. It does not
// say so; a line that has none on purpose looks alike but for its option. In
// IPv6 routes with sources of their own exist side by side. Without netifd the main
// table has what another program has put there: one route of several next hops, say.
func (e *examination) sameMetric(a, b *plan.LineUse) {
	x, y := e.mainDefault(a), e.mainDefault(b)
	if x != nil && y != nil && x.Metric == y.Metric && b.Netifd.Proto != "" {
		e.add(SameMetric, b.Name, fmt.Sprintf("it has metric %d, like %s: the main table keeps only one default route", x.Metric, a.Name),
			setting(fmt.Sprintf("%s.metric=%d", b.Name, e.freeMetric()))...)
	}
}

// mainDefault is the IPv4 default route that a line would have in the main table, or nil.
func (e *examination) mainDefault(l *plan.LineUse) *netifd.Route {
	if max(l.IP4Table, l.Netifd.IP4Table) != 0 || falseWord(e.option(l.Name, "defaultroute")) {
		return nil
	}
	routes := allRoutes(l)
	for i := range routes {
		if r := &routes[i]; r.Default() && r.Target.Addr().Is4() && r.Table == 0 && r.Type == 0 {
			return r
		}
	}
	return nil
}

// falseWord reports whether netifd reads a word as a false boolean
// (libubox blobmsg and uci_blob.c: what is not true is false).
func falseWord(word string) bool {
	switch word {
	case "", "1", "on", "true", "yes", "enabled":
		return false
	}
	return true
}

// freeMetric is one more than the largest of any interface.
func (e *examination) freeMetric() uint32 {
	largest := uint32(0)
	for i := range e.Result.Lines {
		routes := allRoutes(&e.Result.Lines[i])
		for k := range routes {
			largest = max(largest, routes[k].Metric)
		}
	}
	return largest + 1
}
