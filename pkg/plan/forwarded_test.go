// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mptcpctl/mptcpctl/pkg/netifd"
)

// dualScene has lines with IPv6, each with a /64 of its own and a delegated
// prefix.
func dualScene(t *testing.T, modes ...string) *scene {
	s := newScene(t, modes...)
	for i := range modes {
		n := string(rune('1' + i))
		s.ipv6Line("wan"+n, "2001:db8:"+n+"::2/64", "2001:db8:"+n+"100::/56")
	}
	return s
}

// listOf are the rules of the IPv6 list.
func (s *scene) listOf() string {
	var b strings.Builder
	for line := range strings.Lines(s.rulesOf(IPv6)) {
		if text, ok := strings.CutPrefix(line, "pref 32765 "); ok {
			b.WriteString(text)
		}
	}
	return b.String()
}

func ipv6Rules(lines []string) (n int) {
	for _, line := range lines {
		if strings.Contains(line, " ip -6 rule ") {
			n++
		}
	}
	return n
}

// Each rule costs the kernel time for every IPv6 route in the main table.
func TestALineThatLeavesAndReturnsWritesFewIPv6Rules(t *testing.T) {
	s := dualScene(t, "master", "on", "on")
	s.settled()
	before := s.listOf()
	wantText(t, "list", before, `
		lookup main suppress_prefixlength 0
		from 2001:db8:1::/64 lookup 3
		from 2001:db8:2::/64 lookup 4
		from 2001:db8:3::/64 lookup 5
		from 2001:db8:1100::/56 lookup 3
		from 2001:db8:2100::/56 lookup 4
		from 2001:db8:3100::/56 lookup 5
		lookup 3 suppress_ifgroup 2147483647
		lookup 4 suppress_ifgroup 2147483647
		lookup 5 suppress_ifgroup 2147483647
	`)
	whole := *s.iface("wan3")
	addresses := slices.Clone(s.state.Addresses)
	s.down("wan3")
	if n := ipv6Rules(s.settled()); n != 5 {
		t.Errorf("%d rules are written when a line leaves", n)
	}
	*s.iface("wan3"), s.state.Addresses = whole, addresses
	if n := ipv6Rules(s.settled()); n != 5 {
		t.Errorf("%d rules are written when it returns", n)
	}
	wantText(t, "list", s.listOf(), before)
}

// An entry that leads nowhere may precede that of the other line, but a line that comes
// anew does not follow one that is behind it in the configuration.
func TestLinesInOneIPv6Network(t *testing.T) {
	s := newScene(t, "master", "on")
	s.ipv6Line("wan2", "2001:db8:1::3/64", "")
	s.settled()
	s.ipv6Line("wan1", "2001:db8:1::2/64", "")
	s.settled()
	both := s.listOf()
	wantText(t, "list", both, `
		lookup main suppress_prefixlength 0
		from 2001:db8:1::/64 lookup 3
		from 2001:db8:1::/64 lookup 4
		lookup 3 suppress_ifgroup 2147483647
		lookup 4 suppress_ifgroup 2147483647
	`)
	whole := *s.iface("wan1")
	addresses := slices.Clone(s.state.Addresses)
	s.down("wan1")
	s.settled()
	wantText(t, "list", s.listOf(), `
		lookup main suppress_prefixlength 0
		from 2001:db8:1::/64 lookup 3
		from 2001:db8:1::/64 lookup 4
		lookup 4 suppress_ifgroup 2147483647
	`)
	*s.iface("wan1"), s.state.Addresses = whole, addresses
	s.settled()
	wantText(t, "list", s.listOf(), both)
}

func TestALineThatReturnsWithAnotherPrefix(t *testing.T) {
	s := dualScene(t, "master", "on")
	s.settled()
	s.iface("wan1").Prefixes[0] = prefix("2001:db8:1200::/56")
	if n := ipv6Rules(s.settled()); n != 6 {
		t.Errorf("%d rules are written for another prefix", n)
	}
	wantText(t, "list", s.listOf(), `
		lookup main suppress_prefixlength 0
		from 2001:db8:1::/64 lookup 3
		from 2001:db8:2::/64 lookup 4
		from 2001:db8:2100::/56 lookup 4
		from 2001:db8:1200::/56 lookup 3
		lookup 3 suppress_ifgroup 2147483647
		lookup 4 suppress_ifgroup 2147483647
	`)
}

func TestWhatLeavesTheList(t *testing.T) {
	s := dualScene(t, "master", "on")
	s.settled()
	s.down("wan2")
	s.settled()
	if !strings.Contains(s.listOf(), "from 2001:db8:2100::/56 lookup 4\n") {
		t.Error("its prefix stays until it returns")
	}
	s.uci = strings.Replace(s.uci, "'on'", "'off'", 1)
	s.settled()
	if list := s.listOf(); strings.Contains(list, "lookup 4") || !strings.Contains(list, "lookup 3") {
		t.Errorf("it takes no part any more:\n%s", list)
	}
	s.down("wan1")
	s.settled()
	if list := s.listOf(); list != "" {
		t.Errorf("no line is left:\n%s", list)
	}
}

// A longer network comes before one that it lies within, whatever the standing
// order is.
func TestNestedNetworks(t *testing.T) {
	s := newScene(t, "master", "on")
	s.ipv6Line("wan1", "", "2001:db8:1100::/40")
	s.ipv6Line("wan2", "", "2001:db8:2200::/40")
	s.settled()
	s.iface("wan2").Prefixes = []netip.Prefix{prefix("2001:db8:2200::/40"), prefix("2001:db8:1140::/48")}
	s.settled()
	wantText(t, "list", s.listOf(), `
		lookup main suppress_prefixlength 0
		from 2001:db8:1140::/48 lookup 4
		from 2001:db8:1100::/40 lookup 3
		from 2001:db8:2200::/40 lookup 4
		lookup 3 suppress_ifgroup 2147483647
		lookup 4 suppress_ifgroup 2147483647
	`)
}

func TestNetworksThatBelongToALine(t *testing.T) {
	s := newScene(t, "master", "on")
	i := s.iface("wan1")
	s.ipv6Line("wan1", "2001:db8:1::2/128", "2001:db8:1100::/56")
	i.Routes[1].Source = prefix("2001:db8:1::2/128")
	i.Routes = append(i.Routes,
		netifd.Route{Target: prefix("::/0"), Nexthop: addr("fe80::1"), Source: prefix("2001:db8:1100::/56")},
		netifd.Route{Target: prefix("::/0"), Nexthop: addr("fe80::1"), Source: prefix("2001:db8:5500::/56")},
		netifd.Route{Target: prefix("2001:db8:1::/64")},
		netifd.Route{Target: prefix("2001:db8:7::/64")},
		netifd.Route{Target: prefix("2001:db8:8::/64"), Nexthop: addr("fe80::1")})
	s.address("wan1", "fd00:1::2/64")
	s.settled()
	want := []netip.Prefix{prefix("2001:db8:1100::/56"), prefix("2001:db8:5500::/56"), prefix("2001:db8:1::/64")}
	if diff := cmp.Diff(want, s.make().Lines[1].Use[IPv6].Forwarded, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// The router's own address in the prefix stands for a line that has nothing else,
// and what the LAN sends with it is not an outsider's.
func TestALineWithAPrefixAlone(t *testing.T) {
	s := newScene(t, "master")
	s.ipv6Line("wan1", "", "2001:db8:1100::/56")
	a := s.address("lan", "2001:db8:1100::1/64")
	a.Tentative = true
	s.settled()
	wantText(t, "table 3", s.routesOf(IPv6, 3), `
		fe80::/64 dev eth1
		default via fe80::1 dev eth1
	`)
	wantText(t, "endpoints", s.endpointsText(), `1 10.0.1.2 dev 11 subflow`)
	if r := s.make(); len(r.Waiting) != 1 {
		t.Errorf("waiting %q", r.Waiting)
	}
	s.state.Addresses[len(s.state.Addresses)-1].Tentative = false
	s.settled()
	wantText(t, "table 3", s.routesOf(IPv6, 3), `
		fe80::/64 dev eth1
		default via fe80::1 dev eth1 src 2001:db8:1100::1
	`)
	wantText(t, "endpoints", s.endpointsText(), `
		1 10.0.1.2 dev 11 subflow
		2 2001:db8:1100::1 dev 11 subflow
	`)
	wantText(t, "rules", s.rulesOf(IPv6), `
		pref 501 fwmark 0x4d505443 lookup main
		pref 503 oif eth1 lookup 3
		pref 32765 lookup main suppress_prefixlength 0
		pref 32765 from 2001:db8:1100::/56 lookup 3
		pref 32765 lookup 3 suppress_ifgroup 2147483647
	`)
}

// A rule that somebody has doubled goes once; in the list all goes from the first
// double on, since the kernel deletes the first of two equal ones.
func TestRulesThatStandTwice(t *testing.T) {
	s := dualScene(t, "master", "on")
	s.settled()
	rules := s.rulesOf(IPv6)
	s.state.Rules = append(s.state.Rules, s.state.Rules...)
	slices.SortStableFunc(s.state.Rules, func(a, b Rule) int { return int(a.Priority) - int(b.Priority) })
	s.settled()
	wantText(t, "rules", s.rulesOf(IPv6), rules)

	s.state.Rules = append(s.state.Rules, s.state.Rules[len(s.state.Rules)-1])
	lines := s.settled()
	if n := ipv6Rules(lines); n != 3 {
		t.Errorf("the last entry alone is there twice: %q", lines)
	}
}
