// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
)

func TestHealCountsWhatItInterruptsAndWhatLacks(t *testing.T) {
	one, two, two6, three := addr("10.0.1.2"), addr("10.0.2.2"), addr("2001:db8:2::2"), addr("10.0.3.2")
	// Connection 7 is over wan1, 8 over wan2; all belong to this client.
	on := func(token uint32, local netip.Addr) Subflow { return Subflow{Token: token, Local: local, Opened: true} }
	seven, eight := on(7, one), on(8, two)
	stalled, plain, server, young := seven, seven, seven, seven
	stalled.Stalled, plain.Plain, server.Opened, young.Young = true, true, false, true
	none := func(*scene) {}
	for _, tt := range []struct {
		name     string
		change   func(*scene)
		subflows []Subflow
		want     Healing
	}{
		{"nothing runs", none, nil, Healing{}},
		{"one has both, one lacks", none, []Subflow{seven, on(9, one), on(7, two)}, Healing{Interrupted: 1, WithoutSubflow: []uint32{9}}},
		{"two subflows of one connection", none, []Subflow{on(7, two), seven, on(7, two)}, Healing{Interrupted: 2}},
		{"its last subflow", none, []Subflow{eight, seven}, Healing{Interrupted: 1, OnlyPath: []uint32{8}, WithoutSubflow: []uint32{7}}},
		{"another's endpoint is no line", none, []Subflow{on(7, addr("203.0.113.7"))}, Healing{}},
		{"a connection to the LAN", none, []Subflow{on(7, addr("192.168.1.1"))}, Healing{}},
		{"another family", none, []Subflow{on(7, addr("2001:db8:1::2"))}, Healing{}},
		{"either family will do", none, []Subflow{seven, on(7, two6)}, Healing{Interrupted: 1}},
		{"what does plain TCP gets no other", none, []Subflow{plain}, Healing{}},
		{"before the first data", none, []Subflow{young}, Healing{}},
		{"a server opens none", none, []Subflow{server}, Healing{}},
		{"the limit is reached", func(s *scene) { s.state.Limits.Subflows = 1 }, []Subflow{seven, on(7, three)}, Healing{}},
		{"the other one gets no answers", none, []Subflow{on(7, two), stalled}, Healing{Interrupted: 1, OnlyPath: []uint32{7}}},
		{"one of the others does", none, []Subflow{on(7, two), stalled, on(7, three)}, Healing{Interrupted: 1}},
		{"the other's address is gone", func(s *scene) {
			s.state.Addresses = slices.DeleteFunc(s.state.Addresses, func(a Address) bool { return a.Prefix.Addr() == one })
		}, []Subflow{on(7, two), seven}, Healing{Interrupted: 1, OnlyPath: []uint32{7}}},
		{"the other's cable is out", func(s *scene) { s.state.Devices[1].Carrier = false }, []Subflow{on(7, two), seven},
			Healing{Interrupted: 1, OnlyPath: []uint32{7}}},
		{"the other's endpoint goes in the same run", func(s *scene) { s.uci = strings.Replace(s.uci, "'master'", "'off'", 1) }, []Subflow{on(7, two), seven},
			Healing{Interrupted: 1, OnlyPath: []uint32{7}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t, "master", "on", "on")
			s.address("wan2", "2001:db8:2::2/64")
			s.route("wan2", "::/0", "fe80::1")
			s.settled()
			s.state.Addresses = append(s.state.Addresses, Address{Prefix: prefix("192.168.1.1/24")}, Address{Prefix: prefix("203.0.113.7/32")})
			tt.change(s)
			s.input.Heal = "wan2"
			s.state.Subflows, s.state.SubflowsKnown = tt.subflows, true
			r := s.make()
			got := s.state.Heal(&r, "wan2", nil)
			if len(got.Endpoints) != 2 || got.Endpoints[0].Addr != two || got.Endpoints[1].Addr != two6 {
				t.Errorf("endpoints %v, want those of wan2", got.Endpoints)
			}
			if diff := cmp.Diff(tt.want, got, cmpopts.IgnoreFields(Healing{}, "Endpoints", "Families")); diff != "" {
				t.Errorf("healing (-want +got):\n%s", diff)
			}
		})
	}
}

// TestHealReachesWhatHasNoSubflow is about connections that have lost their last one.
func TestHealReachesWhatHasNoSubflow(t *testing.T) {
	s := newScene(t, "master", "on")
	s.settled()
	s.state.Addresses = append(s.state.Addresses, Address{Prefix: prefix("192.168.1.1/24")})
	s.input.Heal = "wan2"
	s.state.Subflows = []Subflow{{Token: 3, Local: addr("10.0.1.2"), Opened: true}, {Token: 3, Local: addr("10.0.2.2"), Opened: true}}
	lost := []Subflow{
		{Token: 3, Local: addr("10.0.1.2")},      // has some by now
		{Token: 4, Local: addr("10.0.1.2")},      // of a line
		{Token: 5, Local: addr("10.0.1.9")},      // of a line that has another address now
		{Token: 6, Local: addr("192.168.1.1")},   // of the LAN
		{Token: 7, Local: addr("2001:db8:1::9")}, // another family
		{Token: 8, Local: addr("10.0.2.2")},      // of this very line
	}
	r := s.make()
	want := Healing{Interrupted: 1, WithoutSubflow: []uint32{4, 5}, Families: [2]bool{IPv4: true}}
	if diff := cmp.Diff(want, s.state.Heal(&r, "wan2", lost), cmpopts.IgnoreFields(Healing{}, "Endpoints")); diff != "" {
		t.Errorf("healing (-want +got):\n%s", diff)
	}
}

func TestASignalLineIsHealedForThoseWhoConnectToIt(t *testing.T) {
	s := newScene(t, "signal", "signal")
	s.settled()
	s.input.Heal = "wan2"
	s.state.Subflows = []Subflow{{Token: 7, Local: addr("10.0.1.2")}, {Token: 8, Local: addr("10.0.1.2"), Opened: true}}
	r := s.make()
	if got := s.state.Heal(&r, "wan2", nil); len(got.WithoutSubflow) != 1 || got.WithoutSubflow[0] != 7 {
		t.Errorf("healing %+v, want that of connection 7", got)
	}
}

// TestHealHasNoEndpoints is about lines of which the plan leaves the endpoints alone.
func TestHealHasNoEndpoints(t *testing.T) {
	for name, change := range map[string]func(*scene){
		"a bad value":      func(s *scene) { s.uci = strings.Replace(s.uci, "'on'", "'onn'", 1) },
		"no usable line":   func(s *scene) { s.down("wan1"); s.down("wan2") },
		"it takes no part": func(s *scene) { s.uci = strings.Replace(s.uci, "'on'", "'off'", 1) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, "master", "on")
			s.settled()
			change(s)
			s.input.Heal = "wan2"
			r := s.make()
			if got := s.state.Heal(&r, "wan2", nil); len(got.Endpoints) != 0 {
				t.Errorf("endpoints %v, want none", got.Endpoints)
			}
		})
	}
}

func TestHealMakesTheEndpointsOfTheLineAnew(t *testing.T) {
	s := newScene(t, "master", "on")
	s.settled()
	s.input.Heal = "wan2"
	wantLines(t, mptcpLines(s.apply()), `
		- ip mptcp endpoint delete id 2
		+ ip mptcp endpoint add 10.0.2.2 dev eth2 id 3 subflow
	`)
	s.input.Heal = ""
	wantLines(t, s.apply(), ``)
}

func TestHealSparesTheFamilyThatLacksNothing(t *testing.T) {
	s := newScene(t, "master", "on")
	s.address("wan2", "2001:db8:2::2/64")
	s.route("wan2", "::/0", "fe80::1")
	s.settled()
	s.input.Heal = "wan2"
	s.state.Subflows = []Subflow{
		{Token: 7, Local: addr("10.0.1.2"), Opened: true}, {Token: 8, Local: addr("2001:db8:2::2"), Opened: true},
	}
	r := s.make()
	wide := s.state.Heal(&r, "wan2", nil)
	if wide.Families != [2]bool{IPv4: true} || len(wide.OnlyPath) != 1 {
		t.Errorf("healing %+v, want IPv4 alone to be needed, and IPv6 to be the last of connection 8", wide)
	}
	s.input.HealExcept[IPv6] = true
	r = s.make()
	if got := s.state.Heal(&r, "wan2", nil); len(got.WithoutSubflow) != 1 || got.Interrupted != 0 || len(got.OnlyPath) != 0 {
		t.Errorf("healing %+v, want it to interrupt nothing", got)
	}
	wantLines(t, mptcpLines(s.apply()), `
		- ip mptcp endpoint delete id 2
		+ ip mptcp endpoint add 10.0.2.2 dev eth2 id 4 subflow
	`)
}

func TestHealedCountsTheLivingOnly(t *testing.T) {
	one, two := addr("10.0.1.2"), addr("10.0.2.2")
	h := Healing{Endpoints: []mptcp.Endpoint{{ID: 2, Addr: two}}, WithoutSubflow: []uint32{7, 8, 9}}
	subflows := []Subflow{{Token: 7, Local: one}, {Token: 7, Local: two}, {Token: 8, Local: one}, {Token: 6, Local: two}}
	if back, without := h.Healed(subflows, nil); back != 1 || !slices.Equal(without, []uint32{8}) {
		t.Errorf("%d are back, %d not; want 1, and not 8", back, without)
	}
	if back, without := h.Healed(subflows, []Subflow{{Token: 9, Local: one}}); back != 1 || !slices.Equal(without, []uint32{8, 9}) {
		t.Errorf("%d are back, %d not; want 1, and not 8 and 9", back, without)
	}
}
