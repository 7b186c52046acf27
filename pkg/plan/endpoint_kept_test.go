// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"
	"strings"
	"testing"

	"github.com/mptcpctl/mptcpctl/pkg/netifd"
)

// TestTheLastEndpointOfASectionThatIsGone loses all lines of a family and then a section.
func TestTheLastEndpointOfASectionThatIsGone(t *testing.T) {
	const only, other = "10.0.2.2", "10.0.1.2"
	unplug := func(s *scene) { // the device goes, as that of PPP does
		s.state.Devices = slices.DeleteFunc(s.state.Devices, func(d Device) bool { return d.Name == "eth2" })
	}
	remove := func(s *scene) {
		before, _, _ := strings.Cut(s.uci, "config interface 'wan2'")
		s.uci = before
		s.netifd = slices.DeleteFunc(s.netifd, func(i netifd.Interface) bool { return i.Name == "wan2" })
	}
	on := func(addrs ...string) func(*scene) {
		return func(s *scene) {
			for _, a := range addrs {
				s.state.Subflows = append(s.state.Subflows, Subflow{Token: 1, Local: addr(a)})
			}
		}
	}
	unknown := func(s *scene) { s.state.SubflowsKnown = false }
	twin := func(s *scene) { // another section of the device, with the same family
		s.section("wan3", "eth2", "on")
	}
	for _, test := range []struct {
		name string
		do   []func(*scene)
		want bool // it stays
	}{
		{"the section is there", nil, true},
		{"the section is there, and its device is gone", []func(*scene){unplug}, true},
		{"no connection", []func(*scene){remove}, false},
		{"no connection, and its device is gone", []func(*scene){unplug, remove}, false},
		{"a connection that has another subflow", []func(*scene){remove, on(only, other)}, false},
		{"a connection that has nothing else", []func(*scene){remove, on(only, only)}, true},
		{"a connection that has nothing else, and its device is gone", []func(*scene){unplug, remove, on(only)}, true},
		{"a connection elsewhere", []func(*scene){remove, on(other)}, false},
		{"nobody knows", []func(*scene){remove, unknown}, true},
		{"another section of its device", []func(*scene){remove, twin}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newScene(t, "master", "on")
			s.state.SubflowsKnown = true
			s.settled()
			s.down("wan1")
			s.settled()
			s.down("wan2")
			s.settled()
			for _, do := range test.do {
				do(s)
			}
			s.settled()
			if got := strings.Contains(s.endpointsText(), only); got != test.want {
				t.Errorf("it stays: %v, want %v\n%s", got, test.want, s.endpointsText())
			}
			mark := slices.ContainsFunc(s.state.Rules, func(r Rule) bool { return r.Priority == PriorityDevice && r.OIF == "eth2" })
			device := s.state.deviceByName("eth2").Index != 0
			if device && mark != test.want {
				t.Errorf("its device has a rule 503: %v, want %v", mark, test.want)
			}
			// With its last connection it goes.
			s.state.Subflows, s.state.SubflowsKnown = nil, true
			s.settled()
			if got, want := strings.Contains(s.endpointsText(), only), strings.Contains(s.uci, "'eth2'"); got != want {
				t.Errorf("without connections it stays: %v, want %v\n%s", got, want, s.endpointsText())
			}
		})
	}
}

// TestTheLastEndpointBesideAnotherFamily is about two sections on a device, of which that
// with IPv6 is removed, and about PPPoE, whose IPv6 is an interface that goes with it.
func TestTheLastEndpointBesideAnotherFamily(t *testing.T) {
	for proto, want := range map[string]bool{"dhcp": false, "pppoe": true, "": true} {
		s := newScene(t, "master")
		s.state.SubflowsKnown = true
		s.uci = strings.Replace(s.uci, "option device 'eth1'\n", "option device 'eth1'\n option proto '"+proto+"'\n", 1)
		s.iface("wan1").Proto = proto
		s.netifd = append(s.netifd, netifd.Interface{Name: "wan1_6", Up: true, Dynamic: true, Proto: "dhcpv6", L3Device: "eth1", Device: "eth1"})
		s.address("wan1_6", "2001:db8::2/64")
		s.route("wan1_6", "::/0", "fe80::1")
		s.settled()
		if !strings.Contains(s.endpointsText(), "2001:db8::2") {
			t.Fatalf("%q: no endpoint\n%s", proto, s.endpointsText())
		}
		s.down("wan1_6")
		s.netifd = slices.DeleteFunc(s.netifd, func(i netifd.Interface) bool { return i.Name == "wan1_6" })
		s.up(1)
		s.iface("wan1").Proto = proto
		s.settled()
		if got := strings.Contains(s.endpointsText(), "2001:db8::2"); got != want {
			t.Errorf("%q: it stays: %v, want %v\n%s", proto, got, want, s.endpointsText())
		}
	}
}
