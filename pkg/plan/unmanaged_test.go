// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"strings"
	"testing"

	"github.com/mptcpctl/mptcpctl/pkg/netifd"
)

// vpnScene has two lines and a VPN that takes no part, tun0, device number 20.
func vpnScene(t *testing.T, modes ...string) *scene {
	s := newScene(t, modes...)
	s.section("vpn", "tun0", "")
	s.device("tun0", 20)
	s.netifd = append(s.netifd, netifd.Interface{Name: "vpn", Up: true, L3Device: "tun0", Device: "tun0"})
	s.route("vpn", "0.0.0.0/0", "")
	return s
}

func (s *scene) mainDefault(index int, gateway string, metric uint32) {
	hop := Hop{Index: index}
	if gateway != "" {
		hop.Gateway = addr(gateway)
	}
	s.state.Defaults[IPv4] = MainDefault{Known: true, Hops: []Hop{hop}, Metric: metric}
}

func TestWhoHasTheDefaultRouteOfMain(t *testing.T) {
	const left = "vpn has the default route of the main table"
	for _, tt := range []struct {
		name   string
		change func(*scene)
		want   string
	}{
		{"a line", func(s *scene) { s.mainDefault(11, "10.0.1.1", 1) }, ""},
		{"the second line", func(s *scene) { s.mainDefault(12, "10.0.2.1", 0) }, ""},
		{"a VPN, whatever its metric in netifd", func(s *scene) { s.mainDefault(20, "", 500) }, left},
		{"nobody", func(s *scene) { s.state.Defaults[IPv4] = MainDefault{Known: true} }, ""},
		{"a device of no interface", func(s *scene) {
			s.device("tailscale0", 30)
			s.mainDefault(30, "", 0)
		}, "tailscale0 has the default route of the main table"},
		{"a device that is not known", func(s *scene) { s.mainDefault(31, "", 0) }, "device number 31 has the default route of the main table"},
		{"an interface that is off by its own word", func(s *scene) {
			s.uci += " option multipath 'off'\n"
			s.mainDefault(20, "", 0)
		}, ""},
		{"one of several nexthops is a line", func(s *scene) {
			s.mainDefault(20, "", 0)
			s.state.Defaults[IPv4].Hops = append(s.state.Defaults[IPv4].Hops, Hop{Index: 12})
		}, ""},
		{"an interface on the device of a line, by its gateway", func(s *scene) {
			s.section("modem", "eth1", "")
			s.netifd = append(s.netifd, netifd.Interface{Name: "modem", Up: true, L3Device: "eth1", Device: "eth1"})
			s.route("modem", "0.0.0.0/0", "192.168.8.1")
			s.mainDefault(11, "192.168.8.1", 0)
		}, "modem has the default route of the main table"},
		{"a line on that device, by its gateway", func(s *scene) {
			s.section("modem", "eth1", "")
			s.netifd = append(s.netifd, netifd.Interface{Name: "modem", Up: true, L3Device: "eth1", Device: "eth1"})
			s.route("modem", "0.0.0.0/0", "192.168.8.1")
			s.mainDefault(11, "10.0.1.1", 0)
		}, ""},
		{"a VPN of a higher metric than a line that is kept out of main", func(s *scene) {
			i := s.iface("wan1")
			i.Routes, i.Inactive = nil, i.Routes
			s.mainDefault(20, "", 500)
		}, ""},
		{"a VPN of the same metric as a line that is kept out of main", func(s *scene) {
			i := s.iface("wan1")
			i.Routes, i.Inactive = nil, i.Routes
			s.mainDefault(20, "", 1)
		}, left},
		{"unknown: metrics say the VPN", func(s *scene) {}, left},
		{"unknown: metrics say the line", func(s *scene) { s.iface("vpn").Routes[0].Metric = 2 }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := vpnScene(t, "master", "on")
			tt.change(s)
			if got := s.make().NoList[IPv4]; got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
			s.settled()
		})
	}
}

// The rule by which main is asked does not come and go with the answer.
func TestTheQuestionStandsWhateverTheAnswer(t *testing.T) {
	s := vpnScene(t, "master", "on")
	rule := "pref 501 fwmark 0x4d505443 lookup main\n"
	for _, index := range []int{11, 20, 11} {
		s.mainDefault(index, "", 0)
		s.settled()
		if strings.Count(s.rulesOf(IPv4), rule) != 1 || strings.Contains(s.rulesOf(IPv6), rule) {
			t.Errorf("main's default by device %d:\n%s%s", index, s.rulesOf(IPv4), s.rulesOf(IPv6))
		}
	}
	s.down("wan1")
	s.down("wan2")
	s.settled()
	if !strings.Contains(s.rulesOf(IPv4), rule) {
		t.Errorf("no line is usable:\n%s", s.rulesOf(IPv4))
	}
	s.uci = strings.Replace(s.uci, "'master'", "'on'", 1)
	s.settled()
	if strings.Contains(s.rulesOf(IPv4), rule) {
		t.Errorf("no master:\n%s", s.rulesOf(IPv4))
	}
}

// In IPv6 the lines' default routes are for their own sources, as a rule: any
// other one stands alone, and an unset metric is 1024.
func TestMetricsInIPv6(t *testing.T) {
	for _, tt := range []struct {
		name         string
		line, vpn    uint32
		source       string
		want         bool
		noVPNDefault bool
	}{
		{name: "a lower one", line: 512, vpn: 1, want: true},
		{name: "unset is 1024", line: 512, vpn: 0, want: false},
		{name: "both unset", line: 0, vpn: 0, want: false},
		{name: "the line's is for its own source", line: 512, vpn: 2000, source: "2001:db8:1::/64", want: true},
		{name: "no other", line: 512, source: "2001:db8:1::/64", noVPNDefault: true, want: false},
	} {
		s := vpnScene(t, "master")
		s.ipv6Line("wan1", "2001:db8:1::2/64", "")
		s.iface("wan1").Routes[1].Metric = tt.line
		if tt.source != "" {
			s.iface("wan1").Routes[1].Source = prefix(tt.source)
		}
		if !tt.noVPNDefault {
			s.route("vpn", "::/0", "")
			s.iface("vpn").Routes[1].Metric = tt.vpn
		}
		if got := s.make().NoList[IPv6] != ""; got != tt.want {
			t.Errorf("%s: left to main %v", tt.name, got)
		}
	}
}
