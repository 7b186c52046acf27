// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/mptcpctl/mptcpctl/pkg/netifd"
)

// routesOf lists the routes of a table as text.
func (s *scene) routesOf(f Family, table uint32) string {
	var b strings.Builder
	for _, r := range s.state.Routes {
		if r.Family == f && r.Table == table {
			text, _, _ := strings.Cut(r.String(), " table ")
			b.WriteString(text + "\n")
		}
	}
	return b.String()
}

func TestRoutesOfALine(t *testing.T) {
	for _, tt := range []struct {
		name  string
		setup func(s *scene)
		want  string
	}{
		{"the gateway outside of the connected prefix is onlink", func(s *scene) {
			s.iface("wan1").Routes[0].Nexthop = addr("172.16.0.1")
		}, `
			10.0.1.0/24 dev eth1 scope link src 10.0.1.2
			default via 172.16.0.1 dev eth1 onlink src 10.0.1.2
		`},
		{"so is one of 169.254.0.0/16, which IPv4 does not have on every link", func(s *scene) {
			s.iface("wan1").Routes[0].Nexthop = addr("169.254.0.1")
		}, `
			10.0.1.0/24 dev eth1 scope link src 10.0.1.2
			default via 169.254.0.1 dev eth1 onlink src 10.0.1.2
		`},
		{"point-to-point", func(s *scene) {
			i := s.iface("wan1")
			i.Addresses[0] = netifd.Address{Prefix: prefix("100.64.1.7/32"), Peer: addr("100.64.0.1")}
			s.state.Addresses[0] = Address{Index: 11, Prefix: prefix("100.64.1.7/32"), Peer: prefix("100.64.0.1/32"), Global: true}
			i.Routes[0].Nexthop = netip.Addr{}
		}, `
			100.64.0.1 dev eth1 scope link src 100.64.1.7
			default dev eth1 scope link src 100.64.1.7
		`},
		{"a host address has no connected prefix", func(s *scene) {
			s.iface("wan1").Addresses[0].Prefix = prefix("10.0.1.2/32")
			s.state.Addresses[0].Prefix = prefix("10.0.1.2/32")
		}, `
			default via 10.0.1.1 dev eth1 onlink src 10.0.1.2
		`},
		{"noprefixroute", func(s *scene) { s.state.Addresses[0].NoPrefixRoute = true }, `
			default via 10.0.1.1 dev eth1 onlink src 10.0.1.2
		`},
		{"two addresses in one prefix, one in another", func(s *scene) {
			s.address("wan1", "10.0.1.3/24")
			s.address("wan1", "10.7.0.2/16")
		}, `
			10.0.1.0/24 dev eth1 scope link src 10.0.1.2
			10.7.0.0/16 dev eth1 scope link src 10.7.0.2
			default via 10.0.1.1 dev eth1 src 10.0.1.2
		`},
		{"further routes, the lowest metric of each; others' tables and types left out", func(s *scene) {
			i := s.iface("wan1")
			i.Routes = append(i.Routes,
				netifd.Route{Target: prefix("10.9.0.0/16"), Nexthop: addr("10.0.1.8"), Metric: 20},
				netifd.Route{Target: prefix("10.9.0.0/16"), Nexthop: addr("10.0.1.9"), Metric: 10},
				netifd.Route{Target: prefix("10.8.0.0/16")},
				netifd.Route{Target: prefix("10.6.0.0/16"), Table: 9},
				netifd.Route{Target: prefix("10.5.0.0/16"), Type: 7})
		}, `
			10.0.1.0/24 dev eth1 scope link src 10.0.1.2
			10.9.0.0/16 via 10.0.1.9 dev eth1
			10.8.0.0/16 dev eth1 scope link
			default via 10.0.1.1 dev eth1 src 10.0.1.2
		`},
		{"gateways of further routes are onlink too, unless a route on the link leads to them", func(s *scene) {
			i := s.iface("wan1")
			i.Routes = append(i.Routes,
				netifd.Route{Target: prefix("172.16.0.0/16")},
				netifd.Route{Target: prefix("10.9.0.0/16"), Nexthop: addr("172.16.0.8")},
				netifd.Route{Target: prefix("10.8.0.0/16"), Nexthop: addr("172.17.0.8")})
		}, `
			10.0.1.0/24 dev eth1 scope link src 10.0.1.2
			172.16.0.0/16 dev eth1 scope link
			10.9.0.0/16 via 172.16.0.8 dev eth1
			10.8.0.0/16 via 172.17.0.8 dev eth1 onlink
			default via 10.0.1.1 dev eth1 src 10.0.1.2
		`},
		{"the gateway that netifd keeps back (defaultroute 0)", func(s *scene) {
			i := s.iface("wan1")
			i.Inactive, i.Routes = i.Routes, nil
		}, `
			10.0.1.0/24 dev eth1 scope link src 10.0.1.2
			default via 10.0.1.1 dev eth1 src 10.0.1.2
		`},
		{"of several gateways the one with the lowest metric", func(s *scene) {
			i := s.iface("wan1")
			i.Inactive = []netifd.Route{{Target: prefix("0.0.0.0/0"), Nexthop: addr("10.0.1.7"), Metric: 0}}
		}, `
			10.0.1.0/24 dev eth1 scope link src 10.0.1.2
			default via 10.0.1.7 dev eth1 src 10.0.1.2
		`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t, "master")
			tt.setup(s)
			s.settled()
			wantText(t, "table 3", s.routesOf(IPv4, 3), tt.want)
		})
	}
}

func TestChangedGatewayIsReplaced(t *testing.T) {
	s := newScene(t, "master")
	s.settled()
	s.iface("wan1").Routes[0].Nexthop = addr("10.0.1.254")
	wantLines(t, s.settled(), `~ ip route replace default via 10.0.1.254 dev eth1 src 10.0.1.2 table 3 proto 77`)
}

func TestAChangedAddressTakesItsRulesLast(t *testing.T) {
	s := newScene(t, "master", "on")
	s.settled()
	s.down("wan2")
	s.upWith(2, "10.0.2.9/24")
	wantLines(t, s.settled(), `
		+ ip route add 10.0.2.0/24 dev eth2 scope link src 10.0.2.9 table 4 proto 77
		+ ip route add default via 10.0.2.1 dev eth2 src 10.0.2.9 table 4 proto 77
		+ ip rule add pref 501 from 10.0.2.9 lookup main suppress_prefixlength 7 protocol 77
		+ ip rule add pref 502 from 10.0.2.9 lookup 4 protocol 77
		+ ip mptcp endpoint add 10.0.2.9 dev eth2 id 3 subflow
		- ip mptcp endpoint delete id 2
		- ip mptcp endpoint delete id 0 10.0.2.2
		- ip rule del pref 501 from 10.0.2.2 lookup main suppress_prefixlength 7 protocol 77
		- ip rule del pref 502 from 10.0.2.2 lookup 4 protocol 77
	`)
}

func TestTheUsersSettingInAFamilyWithoutLineStays(t *testing.T) {
	s := newScene(t, "master", "on")
	s.state.Sysctls[LinkdownKey(IPv6, "eth1")] = "1"
	s.settled()
	s.settled()
	if s.state.Sysctls[LinkdownKey(IPv6, "eth1")] != "1" {
		t.Error("the setting was changed")
	}
}

func TestEmptiedTableIsFilledAgain(t *testing.T) {
	s := newScene(t, "master", "on")
	s.settled()
	s.state.Routes = s.state.Routes[:2]
	wantLines(t, s.settled(), `
		+ ip route add 10.0.2.0/24 dev eth2 scope link src 10.0.2.2 table 4 proto 77
		+ ip route add default via 10.0.2.1 dev eth2 src 10.0.2.2 table 4 proto 77
	`)
}

func TestUsability(t *testing.T) {
	for _, tt := range []struct {
		name  string
		setup func(s *scene)
		want  Reason
	}{
		{"all is there", func(*scene) {}, ReasonUsable},
		{"netifd reports it down", func(s *scene) { s.iface("wan1").Up = false }, ReasonDown},
		{"the device is gone", func(s *scene) { s.state.Devices = s.state.Devices[:1] }, ReasonNoDevice},
		{"the device is set down", func(s *scene) { s.state.Devices[1].Up = false }, ReasonDeviceDown},
		{"the kernel lost the address that netifd reports", func(s *scene) { s.state.Addresses = nil }, ReasonNoAddress},
		{"the address is deprecated", func(s *scene) { s.state.Addresses[0].Deprecated = true }, ReasonNoAddress},
		{"duplicate address detection failed", func(s *scene) { s.state.Addresses[0].DADFailed = true }, ReasonNoAddress},
		{"the address is not global", func(s *scene) { s.state.Addresses[0].Global = false }, ReasonNoAddress},
		{"no default route", func(s *scene) { s.iface("wan1").Routes = nil }, ReasonNoDefault},
		{"the default route is in a table of its own", func(s *scene) { s.iface("wan1").Routes[0].Table = 9 }, ReasonNoDefault},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t, "master")
			tt.setup(s)
			if got := s.make().Lines[1].Use[IPv4]; got.Reason != tt.want || got.Usable != (tt.want == ReasonUsable) {
				t.Errorf("got %q (usable: %v), want %q", got.Reason, got.Usable, tt.want)
			}
		})
	}
}

func TestOverlappingNetworksNeedRule500(t *testing.T) {
	s := newScene(t, "master", "on", "on", "")
	s.state.Addresses[1].Prefix = prefix("10.0.1.66/25")
	s.iface("wan2").Addresses[0].Prefix = prefix("10.0.1.66/25")
	s.settled()
	wantText(t, "rules", firstRules(s, 2), `
		pref 500 from 10.0.1.2 lookup 3 suppress_prefixlength 0
		pref 500 from 10.0.1.66 lookup 4 suppress_prefixlength 0
	`)
}

// The routes of two lines that lead to the same network by different gateways are
// asked for before the main table, which has one of them.
func TestRoutesThatTwoLinesHave(t *testing.T) {
	for _, tt := range []struct {
		name  string
		setup func(*scene)
		want  bool
	}{
		{"the same network by both", func(s *scene) {
			s.route("wan1", "10.8.0.0/16", "10.0.1.1")
			s.route("wan2", "10.8.0.0/16", "10.0.2.1")
		}, true},
		{"a network of one within that of the other", func(s *scene) {
			s.route("wan1", "10.8.0.0/16", "10.0.1.1")
			s.route("wan2", "10.8.7.0/24", "10.0.2.1")
		}, true},
		{"the network of one within a route of the other", func(s *scene) { s.route("wan1", "10.0.0.0/8", "10.0.1.1") }, true},
		{"networks of their own", func(s *scene) { s.route("wan1", "10.8.0.0/16", "10.0.1.1") }, false},
		{"one network on one device", func(s *scene) {
			s.iface("wan2").L3Device = "eth1"
			s.iface("wan2").Addresses[0].Prefix = prefix("10.0.1.9/24")
			s.iface("wan2").Routes[0].Nexthop = addr("10.0.1.254")
			s.state.Addresses[1] = Address{Index: 11, Prefix: prefix("10.0.1.9/24"), Global: true}
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t, "master", "on")
			tt.setup(s)
			s.settled()
			if got := strings.Count(s.rulesOf(IPv4), "pref 500 "); (got == 2) != tt.want || got != 0 && got != 2 {
				t.Errorf("%d rules 500:\n%s", got, s.rulesOf(IPv4))
			}
		})
	}
}

// netifd goes on reporting routes that the kernel has refused.
func TestFurtherRoutesByWhatIsNoGateway(t *testing.T) {
	s := newScene(t, "master")
	for target, via := range map[string]string{"10.1.0.0/16": "127.0.0.1", "10.2.0.0/16": "10.0.1.255", "10.3.0.0/16": "224.0.0.1", "10.4.0.0/16": "10.0.1.2"} {
		s.route("wan1", target, via)
	}
	s.iface("wan1").Routes[0].MTU = 65535
	s.settled()
	wantText(t, "table 3", s.routesOf(IPv4, 3), `
		10.0.1.0/24 dev eth1 scope link src 10.0.1.2
		10.4.0.0/16 dev eth1 scope link
		default via 10.0.1.1 dev eth1 src 10.0.1.2 mtu 65520
	`)
}

// A LAN within a provider's route is nearer, and so are its hosts.
func TestALANWithinARouteOfALine(t *testing.T) {
	s := newScene(t, "master", "on")
	for _, name := range []string{"wan1", "wan2"} {
		s.route(name, "192.168.0.0/16", "10.0."+name[3:]+".1")
	}
	s.route("wan1", "192.168.1.0/24", "10.0.1.1")
	s.device("docker0", 40)
	s.address("lan", "10.200.0.1/24")
	s.state.Addresses = append(s.state.Addresses,
		Address{Index: 10, Prefix: prefix("192.168.1.1/24"), Global: true}, Address{Index: 40, Prefix: prefix("192.168.7.1/28"), Global: true})
	s.settled()
	wantText(t, "table 3", s.routesOf(IPv4, 3), `
		10.0.1.0/24 dev eth1 scope link src 10.0.1.2
		throw 192.168.1.0/24
		throw 192.168.7.0/28
		192.168.0.0/16 via 10.0.1.1 dev eth1
		default via 10.0.1.1 dev eth1 src 10.0.1.2
	`)
	s.route("wan2", "2001:db8::/32", "fe80::1")
	s.ipv6Line("wan2", "2001:db8:f::2/64", "")
	s.state.Addresses = append(s.state.Addresses, Address{Index: 10, Prefix: prefix("2001:db8:7::1/64"), Global: true})
	s.settled()
	if routes := s.routesOf(IPv6, 4); !strings.Contains(routes, "throw 2001:db8:7::/64\n") {
		t.Errorf("table 4:\n%s", routes)
	}
	s.down("wan2")
	s.settled()
	if routes := s.routesOf(IPv4, 4) + s.routesOf(IPv6, 4); routes != "" {
		t.Errorf("table 4 of a line that is down:\n%s", routes)
	}
}

// Sockets bound to the device of a line reach its other networks too.
func TestOtherNetworksOfTheDevice(t *testing.T) {
	s := newScene(t, "master")
	s.state.Addresses = append(s.state.Addresses,
		Address{Index: 11, Prefix: prefix("192.168.100.2/24"), Global: true},
		Address{Index: 11, Prefix: prefix("192.168.100.3/24"), Global: true},
		Address{Index: 11, Prefix: prefix("169.254.7.7/16")},
		Address{Index: 11, Prefix: prefix("192.168.9.2/32"), Global: true},
		Address{Index: 11, Prefix: prefix("192.168.8.2/24"), Global: true, NoPrefixRoute: true},
		Address{Index: 11, Prefix: prefix("fd00::2/64"), Global: true}, Address{Index: 11, Prefix: prefix("fe80::2/64")})
	s.ipv6Line("wan1", "2001:db8:1::2/64", "")
	s.settled()
	wantText(t, "table 3", s.routesOf(IPv4, 3), `
		10.0.1.0/24 dev eth1 scope link src 10.0.1.2
		192.168.100.0/24 dev eth1 scope link src 192.168.100.2
		169.254.0.0/16 dev eth1 scope link src 169.254.7.7
		default via 10.0.1.1 dev eth1 src 10.0.1.2
	`)
	wantText(t, "table 3", s.routesOf(IPv6, 3), `
		2001:db8:1::/64 dev eth1 src 2001:db8:1::2
		fd00::/64 dev eth1 src fd00::2
		fe80::/64 dev eth1
		default via fe80::1 dev eth1 src 2001:db8:1::2
	`)
}

func TestACopyOfARouteIsWhole(t *testing.T) {
	s := newScene(t, "master")
	s.address("wan1", "10.0.1.3/24")
	i := s.iface("wan1")
	i.Routes[0].MTU, i.Routes[0].Source = 1400, prefix("10.0.1.3/32")
	i.Routes = append(i.Routes,
		netifd.Route{Target: prefix("10.8.0.0/16"), Nexthop: addr("10.0.1.9"), MTU: 1280, Source: prefix("10.0.1.2/32")},
		netifd.Route{Target: prefix("10.9.0.0/16"), Nexthop: addr("10.0.1.9"), Source: prefix("10.0.1.99/32")})
	s.settled()
	wantText(t, "table 3", s.routesOf(IPv4, 3), `
		10.0.1.0/24 dev eth1 scope link src 10.0.1.3
		10.8.0.0/16 via 10.0.1.9 dev eth1 src 10.0.1.2 mtu 1280
		10.9.0.0/16 via 10.0.1.9 dev eth1
		default via 10.0.1.1 dev eth1 src 10.0.1.3 mtu 1400
	`)
}

func firstRules(s *scene, n int) string {
	all := s.state.Rules
	s.state.Rules = all[:n]
	defer func() { s.state.Rules = all }()
	return s.rulesOf(all[0].Family)
}

// ipv6Line gives wanN an address, a delegated prefix and a gateway.
func (s *scene) ipv6Line(name, address, delegated string) {
	if address != "" {
		s.address(name, address)
	}
	if delegated != "" {
		s.iface(name).Prefixes = append(s.iface(name).Prefixes, prefix(delegated))
	}
	s.route(name, "::/0", "fe80::1")
}

func TestIPv6WithDelegatedPrefixes(t *testing.T) {
	s := newScene(t, "master", "on")
	s.ipv6Line("wan1", "2001:db8:1::2/64", "2001:db8:1100::/40")
	s.ipv6Line("wan2", "", "2001:db8:2200::/40")
	s.address("lan", "2001:db8:1101::1/64")
	s.address("lan", "fd77::1/64")
	s.section("tunnel", "he0", "")
	s.netifd = append(s.netifd, netifd.Interface{Name: "tunnel", Up: true, L3Device: "he0",
		Addresses: []netifd.Address{{Prefix: prefix("2001:db8:9::2/64")}, {Prefix: prefix("fe80::9/64")}},
		Prefixes:  []netip.Prefix{prefix("2001:db8:9900::/48")}})
	s.settled()
	wantText(t, "rules", s.rulesOf(IPv6), `
		pref 501 from 2001:db8:1::2 lookup main suppress_prefixlength 7
		pref 501 fwmark 0x4d505443 lookup main
		pref 501 from fd77::1 lookup main
		pref 501 from 2001:db8:9::2 lookup main
		pref 502 from 2001:db8:1::2 lookup 3
		pref 503 oif eth1 lookup 3
		pref 503 oif eth2 lookup 4
		pref 504 from 2001:db8:1::2 lookup main
		pref 32765 lookup main suppress_prefixlength 0
		pref 32765 from 2001:db8:1::/64 lookup 3
		pref 32765 from 2001:db8:9900::/48 lookup main
		pref 32765 from 2001:db8:1100::/40 lookup 3
		pref 32765 from 2001:db8:2200::/40 lookup 4
		pref 32765 lookup 3 suppress_ifgroup 2147483647
		pref 32765 lookup 4 suppress_ifgroup 2147483647
	`)
	wantText(t, "table 3", s.routesOf(IPv6, 3), `
		2001:db8:1::/64 dev eth1 src 2001:db8:1::2
		fe80::/64 dev eth1
		default via fe80::1 dev eth1 src 2001:db8:1::2
	`)
	wantText(t, "table 4", s.routesOf(IPv6, 4), `
		fe80::/64 dev eth2
		default via fe80::1 dev eth2
	`)
	wantText(t, "endpoints", s.endpointsText(), `
		1 10.0.1.2 dev 11 subflow
		2 10.0.2.2 dev 12 subflow
		3 2001:db8:1::2 dev 11 subflow
	`)
}

func TestOutsidersNeedNoRuleWithoutAnIPv6List(t *testing.T) {
	s := newScene(t, "master")
	s.address("lan", "fd77::1/64")
	s.settled()
	wantText(t, "rules", s.rulesOf(IPv6), ``)
}

func TestTentativeAddress(t *testing.T) {
	s := newScene(t, "master")
	s.address("wan1", "2001:db8:1::2/64").Tentative = true
	s.route("wan1", "::/0", "2001:db8:1::1")
	s.settled()
	wantText(t, "table 3", s.routesOf(IPv6, 3), `
		2001:db8:1::/64 dev eth1
		fe80::/64 dev eth1
		default via 2001:db8:1::1 dev eth1
	`)
	wantText(t, "endpoints", s.endpointsText(), `1 10.0.1.2 dev 11 subflow`)
	if r := s.make(); len(r.Waiting) != 1 {
		t.Errorf("waiting %q", r.Waiting)
	}
	s.state.Addresses[1].Tentative = false
	wantLines(t, s.settled(), `
		~ ip -6 route replace 2001:db8:1::/64 dev eth1 src 2001:db8:1::2 table 3 proto 77
		~ ip -6 route replace default via 2001:db8:1::1 dev eth1 src 2001:db8:1::2 table 3 proto 77
		+ ip mptcp endpoint add 2001:db8:1::2 dev eth1 id 2 subflow
	`)
	if r := s.make(); len(r.Waiting) != 0 {
		t.Errorf("waiting %q", r.Waiting)
	}
	s.state.Addresses[1].Tentative = true
	if lines := mptcpLines(s.apply()); len(lines) != 0 {
		t.Errorf("an endpoint that stands stays: %q", lines)
	}
}
