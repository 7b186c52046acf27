// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mptcpctl/mptcpctl/pkg/netifd"
)

func TestMasterListRanks(t *testing.T) {
	for _, tt := range []struct {
		name  string
		modes []string
		down  []string
		want  []string
	}{
		{"the master before the others", []string{"on", "backup", "master", "handover"}, nil, []string{"wan3", "wan1", "wan2", "wan4"}},
		{"a second master is the first standby", []string{"on", "master", "master"}, nil, []string{"wan2", "wan3", "wan1"}},
		{"the list goes on when the master is down", []string{"master", "on", "backup"}, []string{"wan1"}, []string{"wan2", "wan3"}},
		{"no master, no list", []string{"on", "on"}, nil, nil},
		{"signal has no place in it", []string{"master", "signal"}, nil, []string{"wan1"}},
		{"no line, no list", []string{"master", "on"}, []string{"wan1", "wan2"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t, tt.modes...)
			s.settled()
			for _, name := range tt.down {
				s.down(name)
			}
			r := s.make()
			if diff := cmp.Diff(tt.want, r.MasterList[IPv4]); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if (len(tt.want) == 0) != (r.NoList[IPv4] != "") {
				t.Errorf("reason %q", r.NoList[IPv4])
			}
			s.settled()
		})
	}
}

func TestNoListWhileTheMasterIsUpWithoutTheFamily(t *testing.T) {
	s := newScene(t, "master", "on")
	s.address("wan2", "2001:db8:2::2/64")
	s.route("wan2", "::/0", "fe80::1")
	s.settled()
	if r := s.make(); r.NoList[IPv6] != "no line with IPv6 has mode master" || len(r.MasterList[IPv4]) != 2 {
		t.Errorf("IPv6 %q, IPv4 %q", r.NoList[IPv6], r.MasterList[IPv4])
	}
	s.down("wan1")
	if r := s.make(); len(r.MasterList[IPv6]) != 1 {
		t.Errorf("with the master down: %q", r.NoList[IPv6])
	}
}

// netifd's own interface on top of PPPoE goes with it and comes a moment later.
func TestTheIPv6OfAMasterThatNetifdMakes(t *testing.T) {
	s := newScene(t, "master", "on")
	s.uci = strings.Replace(s.uci, " option multipath 'master'", " option multipath 'master'\n option proto 'pppoe'", 1)
	s.iface("wan1").Proto, s.iface("wan2").Proto = "pppoe", "static"
	s.ipv6Line("wan2", "2001:db8:2::2/64", "")
	none := "no line with IPv6 has mode master"
	if r := s.make(); r.NoList[IPv6] != none {
		t.Errorf("PPPoE up without IPv6: %q", r.NoList[IPv6])
	}
	child := netifd.Interface{Name: "wan1_6", Up: true, Dynamic: true, Proto: "dhcpv6", L3Device: "eth1", Device: "eth1"}
	s.netifd = append(s.netifd, child)
	s.ipv6Line("wan1_6", "2001:db8:1::2/64", "")
	s.settled()
	if diff := cmp.Diff([]string{"wan1_6", "wan2"}, s.make().MasterList[IPv6]); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	s.netifd = s.netifd[:len(s.netifd)-1]
	s.state.Addresses = s.state.Addresses[:len(s.state.Addresses)-1]
	for range 2 { // still up, then down
		s.settled()
		if diff := cmp.Diff([]string{"wan2"}, s.make().MasterList[IPv6]); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		s.down("wan1")
	}
	s.section("wan6", "@wan1", "off")
	s.uci += " option proto 'dhcpv6'\n"
	if r := s.make(); r.NoList[IPv6] != none {
		t.Errorf("with a section for IPv6 that is off: %q", r.NoList[IPv6])
	}
}

func TestMetricsDecideWhereMainCannotBeAsked(t *testing.T) {
	s := newScene(t, "on", "master")
	s.section("vpn", "tun0", "")
	s.netifd = append(s.netifd, netifd.Interface{Name: "vpn", Up: true, L3Device: "tun0", Device: "tun0", Metric: 1})
	s.route("vpn", "0.0.0.0/0", "10.8.0.1")
	if r := s.make(); r.NoList[IPv4] != "vpn has the default route of the main table" {
		t.Errorf("reason %q", r.NoList[IPv4])
	}
	s.iface("vpn").Routes[0].Metric = 2
	if r := s.make(); r.NoList[IPv4] != "" {
		t.Errorf("the same metric is not lower: %q", r.NoList[IPv4])
	}
	s.iface("vpn").Routes[0] = netifd.Route{Target: prefix("0.0.0.0/1"), Metric: 0}
	if r := s.make(); r.NoList[IPv4] != "" {
		t.Errorf("a half is no default: %q", r.NoList[IPv4])
	}
}

func TestChangedOrderKeepsItsBeginning(t *testing.T) {
	s := newScene(t, "master", "on", "on")
	s.settled()
	s.uci = lanSection
	s.section("wan1", "eth1", "on")
	s.section("wan2", "eth2", "master")
	s.section("wan3", "eth3", "on")
	wantLines(t, s.settled(), `
		- ip rule del pref 32765 lookup 3 protocol 77
		- ip rule del pref 32765 lookup 5 protocol 77
		+ ip rule add pref 32765 lookup 3 protocol 77
		+ ip rule add pref 32765 lookup 5 protocol 77
	`)
}

func TestFileOrderDecidesAmongEquals(t *testing.T) {
	s := newScene(t, "master", "on")
	s.uci = lanSection
	s.section("wan2", "eth2", "on")
	s.section("wan1", "eth1", "master")
	s.section("wan3", "eth3", "on")
	s.line(3)
	if diff := cmp.Diff([]string{"wan1", "wan2", "wan3"}, s.make().MasterList[IPv4]); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestALineInTheMiddleDropsOutAndReturns(t *testing.T) {
	s := newScene(t, "master", "on", "on")
	s.settled()
	s.down("wan2")
	s.settled()
	lan := s.netifd[0]
	lines := []netifd.Interface{lan, s.netifd[1], s.netifd[3]}
	s.netifd = lines
	s.line(2)
	s.state.Devices = s.state.Devices[:len(s.state.Devices)-1] // line added eth2 twice
	s.settled()
	wantText(t, "rules", lastRules(s, 4), `
		pref 32765 lookup main suppress_prefixlength 0
		pref 32765 lookup 3
		pref 32765 lookup 4
		pref 32765 lookup 5
	`)
}

func lastRules(s *scene, n int) string {
	all := s.state.Rules
	s.state.Rules = all[len(all)-n:]
	defer func() { s.state.Rules = all }()
	return s.rulesOf(IPv4)
}
