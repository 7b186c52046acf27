// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
	"github.com/mptcpctl/mptcpctl/pkg/netifd"
)

// objectsOf are the objects of the line on a device with a table.
func (s *scene) objectsOf(device, source string, table uint32) string {
	var b strings.Builder
	for _, r := range s.state.Rules {
		if r.OIF == device || r.Table == table || r.Src.IsValid() && r.Src.Addr().String() == source {
			b.WriteString(r.String() + "\n")
		}
	}
	for _, r := range s.state.Routes {
		if r.Device == device {
			b.WriteString(r.String() + "\n")
		}
	}
	for _, e := range s.state.Endpoints {
		if s.state.deviceByIndex(e.IfIndex).Name == device {
			b.WriteString(e.Addr.String() + " " + e.Flags.String() + "\n")
		}
	}
	return b.String()
}

func TestBadValueLeavesItsLineAsItIs(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(s *scene)
	}{
		{"nothing else happens", func(*scene) {}},
		{"its line goes down", func(s *scene) { s.down("wan2") }},
		{"another line goes down", func(s *scene) { s.down("wan1") }},
		{"all lines go down", func(s *scene) { s.down("wan1"); s.down("wan2"); s.down("wan3") }},
		{"another's mode changes", func(s *scene) { s.uci = strings.Replace(s.uci, "'backup'", "'master'", 1) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t, "master", "on", "backup")
			s.settled()
			s.uci = strings.Replace(s.uci, "'on'", "'onn'", 1)
			tt.change(s)
			before := s.objectsOf("eth2", "10.0.2.2", 4)
			s.settled()
			if diff := cmp.Diff(before, s.objectsOf("eth2", "10.0.2.2", 4)); diff != "" {
				t.Errorf("-before +after:\n%s", diff)
			}
		})
	}
}

func TestBadValueOfTheMasterKeepsTheList(t *testing.T) {
	s := newScene(t, "master", "on", "on")
	s.settled()
	before := s.rulesOf(IPv4)
	s.uci = strings.Replace(s.uci, "'master'", "'mastr'", 1)
	if lines := s.settled(); len(lines) != 0 {
		t.Errorf("%q", lines)
	}
	wantText(t, "rules", s.rulesOf(IPv4), before)
}

func TestBadValueOfALineThatNeverWasUp(t *testing.T) {
	s := newScene(t, "master", "onn")
	s.settled()
	for _, r := range s.state.Rules {
		if r.OIF == "eth2" || r.Table == 4 {
			t.Errorf("%s", r)
		}
	}
}

func TestShiftedTableOfABadValueIsNotTakenOver(t *testing.T) {
	s := newScene(t, "master", "on")
	s.settled()
	before := s.objectsOf("eth2", "10.0.2.2", 4)
	shift(s, [3]string{"guest", "br-guest", ""}, [3]string{"wan1", "eth1", "master"}, [3]string{"wan2", "eth2", "onn"})
	s.settled()
	if diff := cmp.Diff(before, s.objectsOf("eth2", "10.0.2.2", 4)); diff != "" {
		t.Errorf("-before +after:\n%s", diff)
	}
	if r := s.make(); r.Lines[2].Use[IPv4].Reason != ReasonTableBlocked {
		t.Errorf("wan1 would get table 4: %q", r.Lines[2].Use[IPv4].Reason)
	}
}

func TestBadValueFreezesTheHeirs(t *testing.T) {
	s := newScene(t, "master")
	s.uci = strings.Replace(s.uci, " option device 'eth1'\n", " option device 'eth1'\n option proto 'dhcp'\n", 1)
	s.uci += "config interface 'wan6'\n option device 'eth1'\n option proto 'dhcpv6'\n"
	s.netifd = append(s.netifd, *s.iface("wan1"))
	i := &s.netifd[len(s.netifd)-1]
	i.Name, i.Addresses, i.Routes = "wan6", nil, nil
	s.ipv6Line("wan6", "2001:db8:1::2/64", "")
	s.settled()
	if s.state.Rules[len(s.state.Rules)-1].Family != IPv6 {
		t.Fatal("wan6 takes over the mode of wan1")
	}
	s.uci = strings.Replace(s.uci, "'master'", "'mster'", 1)
	if lines := s.settled(); len(lines) != 0 {
		t.Errorf("%q", lines)
	}
}

func TestTwoSectionsFixOneTable(t *testing.T) {
	s := newScene(t, "master", "on")
	s.settled()
	s.uci = strings.ReplaceAll(s.uci, " option multipath '", " option multipath_table '7'\n option multipath '")
	s.uci = strings.Replace(s.uci, " option multipath_table '7'\n option multipath 'enable'", " option multipath 'enable'", 1)
	if cfg := s.config(); len(cfg.Problems) != 2 {
		t.Errorf("problems %v", cfg.Problems)
	}
	if lines := s.settled(); len(lines) != 0 {
		t.Errorf("%q", lines)
	}
}

func TestFrozenLineKeepsHandoverWaiting(t *testing.T) {
	s := newScene(t, "master", "handover")
	s.settled()
	s.uci = strings.Replace(s.uci, "'master'", "'mster'", 1)
	s.settled()
	if slices.ContainsFunc(s.state.Endpoints, func(e mptcp.Endpoint) bool { return e.IfIndex == 12 }) {
		t.Error("the handover line took over from a line that works")
	}
}

func TestBadValueBesideALineOnTheSameDevice(t *testing.T) {
	s := newScene(t, "master")
	s.section("wan1b", "eth1", "on")
	s.netifd = append(s.netifd, netifd.Interface{Name: "wan1b", Up: true, L3Device: "eth1", Device: "eth1"})
	s.address("wan1b", "10.0.9.2/24")
	s.route("wan1b", "0.0.0.0/0", "10.0.9.1")
	s.settled()
	s.uci = strings.Replace(s.uci, "'on'", "'onn'", 1)
	before := s.objectsOf("-", "10.0.9.2", 4)
	s.state.Addresses[0].Prefix = prefix("10.0.1.7/24")
	s.iface("wan1").Addresses[0].Prefix = prefix("10.0.1.7/24")
	s.settled()
	if diff := cmp.Diff(before, s.objectsOf("-", "10.0.9.2", 4)); diff != "" {
		t.Errorf("the line with the bad value, -before +after:\n%s", diff)
	}
	wantText(t, "endpoints", s.endpointsText(), `
		2 10.0.9.2 dev 11 subflow
		3 10.0.1.7 dev 11 subflow
	`)
}

// pppoe makes wan1 a PPPoE line over eth1.
func (s *scene) pppoe() {
	s.device("pppoe-wan1", 50)
	*s.iface("wan1") = netifd.Interface{Name: "wan1", Proto: "pppoe", Up: true, L3Device: "pppoe-wan1", Device: "eth1"}
	s.state.Addresses = slices.DeleteFunc(s.state.Addresses, func(a Address) bool { return a.Index == 11 })
	s.address("wan1", "100.64.1.7/32")
	s.route("wan1", "0.0.0.0/0", "")
}

// pppoeDown takes it away, its device too.
func (s *scene) pppoeDown() {
	s.down("wan1")
	s.iface("wan1").Proto = "pppoe"
	s.state.Devices = slices.DeleteFunc(s.state.Devices, func(d Device) bool { return d.Name == "pppoe-wan1" })
}

func TestBadValueOfAPPPoELineThatGoesDown(t *testing.T) {
	s := newScene(t, "master", "on")
	s.pppoe()
	s.settled()
	s.uci = strings.Replace(s.uci, "'master'", "'mster'", 1)
	s.pppoeDown()
	before, endpoints := s.rulesOf(IPv4), s.endpointsText()
	s.settled()
	wantText(t, "rules", s.rulesOf(IPv4), before)
	wantText(t, "endpoints", s.endpointsText(), endpoints)
}
