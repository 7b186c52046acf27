// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mptcpctl/mptcpctl/pkg/netifd"
)

// The address that stands for a line, and the reason where there is none.
func TestTheAddressOfALine(t *testing.T) {
	type address struct {
		text  string
		flags func(*Address)
	}
	plain := func(texts ...string) (all []address) {
		for _, text := range texts {
			all = append(all, address{text: text})
		}
		return all
	}
	for _, tt := range []struct {
		name      string
		uci       string
		proto     string
		addresses []address
		gateway   string
		source    string // of the default route, as netifd tells it
		want      string
		gatewayIs string
		reason    Reason
	}{
		{name: "the one in whose network the gateway is", addresses: plain("192.168.100.2/24", "203.0.113.5/29"), gateway: "203.0.113.1",
			want: "203.0.113.5", gatewayIs: "203.0.113.1"},
		{name: "the source of netifd's default route", addresses: plain("203.0.113.5/29", "203.0.113.6/29"), gateway: "203.0.113.1", source: "203.0.113.6/32",
			want: "203.0.113.6", gatewayIs: "203.0.113.1"},
		{name: "a source that is no address of the line", addresses: plain("203.0.113.5/29"), gateway: "203.0.113.1", source: "203.0.113.9/32",
			want: "203.0.113.5", gatewayIs: "203.0.113.1"},
		{name: "else the first", addresses: plain("192.0.2.7/32", "192.0.2.8/32"), gateway: "198.51.100.1", want: "192.0.2.7", gatewayIs: "198.51.100.1"},
		{name: "not a link-local one", addresses: plain("169.254.1.2/16", "10.64.0.2/24"), gateway: "10.64.0.1", want: "10.64.0.2", gatewayIs: "10.64.0.1"},
		{name: "nothing but a link-local one", addresses: plain("169.254.1.2/16"), gateway: "169.254.0.1", reason: ReasonLinkLocal},
		{name: "a link-local one of a named tunnel", proto: "wireguard", addresses: plain("169.254.1.2/16"), gateway: "169.254.0.1", want: "169.254.1.2", gatewayIs: "169.254.0.1"},
		{name: "not a unique local one", addresses: plain("fd00::20/64", "2001:db8:a::50/128"), gateway: "fe80::1", want: "2001:db8:a::50", gatewayIs: "fe80::1"},
		{name: "nothing but a unique local one", addresses: plain("fd00::20/64"), gateway: "fe80::1", reason: ReasonUniqueLocal},
		{name: "a unique local one of a named tunnel", proto: "wireguard", addresses: plain("fd00::20/64"), want: "fd00::20"},
		{name: "a unique local one of a line by a modem", proto: "qmi", addresses: plain("fd00::20/64"), reason: ReasonUniqueLocal},
		{name: "not a temporary one", addresses: []address{{"2001:db8:a::1234/64", func(a *Address) { a.Temporary = true }}, {text: "2001:db8:a::50/64"}}, gateway: "fe80::1",
			want: "2001:db8:a::50", gatewayIs: "fe80::1"},
		{name: "nothing but a temporary one", addresses: []address{{"2001:db8:a::1234/64", func(a *Address) { a.Temporary = true }}}, gateway: "fe80::1", reason: ReasonTemporary},
		{name: "not a deprecated one", addresses: []address{{"2001:db8:a::9/64", func(a *Address) { a.Deprecated = true }}, {text: "2001:db8:a::50/64"}}, gateway: "fe80::1",
			want: "2001:db8:a::50", gatewayIs: "fe80::1"},
		{name: "nothing but a deprecated one", addresses: []address{{"2001:db8:a::9/64", func(a *Address) { a.Deprecated = true }}}, gateway: "fe80::1", reason: ReasonNoAddress},
		{name: "a gateway that is the line's own address is none", addresses: plain("192.0.2.7/24"), gateway: "192.0.2.7", want: "192.0.2.7"},
		{name: "no gateway", addresses: plain("192.0.2.7/24"), want: "192.0.2.7"},
		{name: "a loopback gateway", addresses: plain("192.0.2.7/24"), gateway: "127.0.0.1", reason: ReasonBadGateway},
		{name: "a multicast gateway", addresses: plain("2001:db8:a::50/64"), gateway: "ff02::2", reason: ReasonBadGateway},
		{name: "the broadcast address of the network", addresses: plain("192.0.2.7/24"), gateway: "192.0.2.255", reason: ReasonBadGateway},
		{name: "the first address of the network", addresses: plain("192.0.2.7/24"), gateway: "192.0.2.0", want: "192.0.2.7", gatewayIs: "192.0.2.0"},
		{name: "both ends of a network of two", addresses: plain("192.0.2.7/31"), gateway: "192.0.2.6", want: "192.0.2.7", gatewayIs: "192.0.2.6"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t)
			s.section("wan", "eth1", "on")
			s.device("eth1", 11)
			s.netifd = append(s.netifd, netifd.Interface{Name: "wan", Up: true, L3Device: "eth1", Device: "eth1", Proto: tt.proto})
			f := FamilyOf(prefix(tt.addresses[0].text).Addr())
			for _, a := range tt.addresses {
				if there := s.address("wan", a.text); a.flags != nil {
					a.flags(there)
				}
			}
			s.route("wan", f.everything().String(), tt.gateway)
			if tt.source != "" {
				s.iface("wan").Routes[0].Source = prefix(tt.source)
			}
			s.settled()
			u := s.make().Lines[1].Use[f]
			if tt.reason == "" {
				tt.reason = ReasonUsable
			}
			if u.Reason != tt.reason || u.Usable && (text(u.Gateway) != tt.gatewayIs || text(u.Source) != tt.want) {
				t.Errorf("%q, source %s, gateway %s", u.Reason, u.Source, u.Gateway)
			}
			var endpoint string
			for _, e := range s.state.Endpoints {
				endpoint += e.Addr.String()
			}
			if endpoint != tt.want {
				t.Errorf("endpoint %q, want %q", endpoint, tt.want)
			}
		})
	}
}

// A gateway may have the address of another device of the router: the LAN's, or
// fe80::1, which is on many.
func TestAGatewayWithAnAddressOfAnotherDevice(t *testing.T) {
	for _, tt := range []struct {
		name, line, gateway, other string
		pointToPoint               bool
	}{
		{"the modem has the address of the LAN", "192.168.1.2/24", "192.168.1.1", "192.168.1.1/24", false},
		{"a link-local address that others have too", "2001:db8:a::50/64", "fe80::1", "fe80::1/64", false},
		{"a global IPv6 address is one of the router's", "2001:db8:a::50/64", "2001:db8:b::1", "2001:db8:b::1/64", true},
	} {
		s := newScene(t)
		s.section("wan", "eth1", "on")
		s.device("eth1", 11)
		s.netifd = append(s.netifd, netifd.Interface{Name: "wan", Up: true, L3Device: "eth1", Device: "eth1"})
		s.address("wan", tt.line)
		f := FamilyOf(addr(tt.gateway))
		s.route("wan", f.everything().String(), tt.gateway)
		s.state.Addresses = append(s.state.Addresses, Address{Index: 10, Prefix: prefix(tt.other), Global: !addr(tt.gateway).IsLinkLocalUnicast()})
		if u := s.make().Lines[1].Use[f]; !u.Usable || u.Gateway.IsValid() == tt.pointToPoint {
			t.Errorf("%s: usable %v, gateway %s", tt.name, u.Usable, u.Gateway)
		}
	}
	for _, tt := range [][3]string{
		{"203.0.113.9/32", "192.168.1.1", "192.168.1.1/24"},
		{"2001:db8:a::50/64", "2001:db8:b::9", "2001:db8:b::1/64"},
	} {
		s := newScene(t)
		s.section("wan", "eth1", "on")
		s.device("eth1", 11)
		s.netifd = append(s.netifd, netifd.Interface{Name: "wan", Up: true, L3Device: "eth1", Device: "eth1"})
		s.address("wan", tt[0])
		f := FamilyOf(addr(tt[1]))
		s.route("wan", f.everything().String(), tt[1])
		s.state.Addresses = append(s.state.Addresses, Address{Index: 10, Prefix: prefix(tt[2]), Global: true})
		if u := s.make().Lines[1].Use[f]; u.Reason != ReasonBadGateway {
			t.Errorf("%s by %s, which is another device's: %s", tt[0], tt[1], u.Reason)
		}
		s.route("wan", host(addr(tt[1])).String(), "")
		if u := s.make().Lines[1].Use[f]; !u.Usable {
			t.Errorf("%s by %s, to which there is a route: %s", tt[0], tt[1], u.Reason)
		}
	}
}

func text(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// Without netifd the kind of the device tells a tunnel.
func TestATunnelByItsKind(t *testing.T) {
	for kind, want := range map[string]bool{"wireguard": true, "tun": true, "ip6gretap": true, "veth": false, "": false} {
		s := newScene(t)
		s.input.Netifd = false
		s.section("wan", "wg0", "on")
		s.device("wg0", 11)
		s.state.Devices[len(s.state.Devices)-1].Kind = kind
		s.netifd = append(s.netifd, netifd.Interface{Name: "wan", Up: true, L3Device: "wg0", Device: "wg0"})
		s.address("wan", "fd00::20/64")
		s.route("wan", "::/0", "")
		if got := s.make().Lines[1].Use[IPv6].Usable; got != want {
			t.Errorf("kind %q: usable %v", kind, got)
		}
	}
}

// An endpoint is not given up for an address that has to wait.
func TestANewAddressThatIsTentative(t *testing.T) {
	s := newScene(t, "master")
	s.address("wan1", "2001:db8:1::2/64")
	s.route("wan1", "::/0", "2001:db8:7::1")
	s.settled()
	s.address("wan1", "2001:db8:7::2/64").Tentative = true
	if lines := mptcpLines(s.apply()); len(lines) != 0 {
		t.Errorf("%q", lines)
	}
	s.state.Addresses[len(s.state.Addresses)-1].Tentative = false
	wantLines(t, mptcpLines(s.settled()), `
		+ ip mptcp endpoint add 2001:db8:7::2 dev eth1 id 3 subflow
		- ip mptcp endpoint delete id 2
	`)
}

// Of several IPv6 addresses that may stand for a line the one with the endpoint
// goes on doing so, in whatever order they are told.
func TestANewAddressDoesNotMoveTheEndpoint(t *testing.T) {
	s := newScene(t, "master", "on")
	s.ipv6Line("wan1", "2001:db8:1::2/64", "")
	s.ipv6Line("wan2", "", "2001:db8:2200::/40")
	s.address("lan", "2001:db8:2201::1/64")
	s.settled()
	before := s.endpointsText()
	i := s.iface("wan1")
	s.address("wan1", "2001:db8:7::2/64")
	i.Addresses[1], i.Addresses[2] = i.Addresses[2], i.Addresses[1]
	s.address("lan", "2001:db8:2200::1/64")
	s.settled()
	wantText(t, "endpoints", s.endpointsText(), before)
	if !strings.Contains(before, "2001:db8:2201::1 dev 12") {
		t.Errorf("endpoints:\n%s", before)
	}
}

// What has a temporary address leaves by the line all the same.
func TestTemporaryAddressesHaveRules(t *testing.T) {
	s := newScene(t, "on", "on")
	s.address("wan1", "2001:db8:1::1234/64").Temporary = true
	s.ipv6Line("wan1", "2001:db8:1::2/64", "")
	s.settled()
	wantText(t, "rules", s.rulesOf(IPv6), `
		pref 501 from 2001:db8:1::2 lookup main suppress_prefixlength 7
		pref 501 from 2001:db8:1::1234 lookup main suppress_prefixlength 7
		pref 502 from 2001:db8:1::2 lookup 3
		pref 502 from 2001:db8:1::1234 lookup 3
		pref 503 oif eth1 lookup 3
	`)
}

func TestFamiliesOfALine(t *testing.T) {
	v4 := []netifd.Address{{Prefix: prefix("10.0.0.2/24")}}
	v6 := []netifd.Address{{Prefix: prefix("2001:db8::2/64")}}
	for _, tt := range []struct {
		name, section string
		netifd        netifd.Interface
		want          [2]bool
	}{
		{"DHCP", "option proto 'dhcp'", netifd.Interface{Up: true, Addresses: v4}, [2]bool{true, false}},
		{"DHCP, down", "option proto 'dhcp'", netifd.Interface{}, [2]bool{true, false}},
		{"DHCP that netifd gives IPv6 too", "option proto 'dhcp'", netifd.Interface{Up: true, Addresses: v6}, [2]bool{true, true}},
		{"DHCPv6", "option proto 'dhcpv6'", netifd.Interface{}, [2]bool{false, true}},
		{"a modem, down", "option proto 'qmi'", netifd.Interface{}, [2]bool{true, true}},
		{"a modem with IPv4 alone", "option proto 'qmi'", netifd.Interface{Up: true, Addresses: v4}, [2]bool{true, false}},
		{"a modem with nothing yet", "option proto 'qmi'", netifd.Interface{Up: true}, [2]bool{false, false}},
		{"a delegated prefix", "option proto 'qmi'", netifd.Interface{Up: true, Prefixes: []netip.Prefix{prefix("2001:db8::/56")}}, [2]bool{false, true}},
		{"a default route alone", "option proto 'none'", netifd.Interface{Up: true, Routes: []netifd.Route{{Target: prefix("::/0")}}}, [2]bool{false, true}},
	} {
		s := &scene{t: t, uci: "config interface 'wan'\n " + tt.section + "\n"}
		tt.netifd.Name = "wan"
		l := Resolve(s.config(), []netifd.Interface{tt.netifd})[0]
		if diff := cmp.Diff(tt.want, [2]bool{l.Has(IPv4), l.Has(IPv6)}); diff != "" {
			t.Errorf("%s: -want +got:\n%s", tt.name, diff)
		}
	}
}
