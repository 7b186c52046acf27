// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
)

func TestHealCountsWhatItInterruptsAndWhatLacks(t *testing.T) {
	one, two, two6 := addr("10.0.1.2"), addr("10.0.2.2"), addr("2001:db8:2::2")
	all := []EndpointUse{
		{Endpoint: mptcp.Endpoint{ID: 1, Addr: one}, Own: true, Interface: "wan1"},
		{Endpoint: mptcp.Endpoint{ID: 2, Addr: two}, Own: true, Interface: "wan2"},
		{Endpoint: mptcp.Endpoint{ID: 3, Addr: addr("203.0.113.7")}},
	}
	with6 := append(all[:len(all):len(all)],
		EndpointUse{Endpoint: mptcp.Endpoint{ID: 4, Addr: two6}, Own: true, Interface: "wan2"})
	for _, tt := range []struct {
		name      string
		endpoints []EndpointUse
		subflows  []Subflow
		want      Healing
	}{
		{"nothing runs", all, nil, Healing{}},
		{"one has both, one lacks", all, []Subflow{{7, one}, {8, one}, {7, two}}, Healing{Live: 1, Lacking: []uint32{8}}},
		{"two subflows of one connection", all, []Subflow{{7, two}, {7, one}, {7, two}}, Healing{Live: 2}},
		{"its last subflow", all, []Subflow{{7, two}, {8, one}}, Healing{Live: 1, Last: []uint32{7}, Lacking: []uint32{8}}},
		{"another's endpoint is no line", all, []Subflow{{7, addr("203.0.113.7")}}, Healing{}},
		{"a connection to the LAN", all, []Subflow{{7, addr("192.168.1.1")}}, Healing{}},
		{"another family", all, []Subflow{{7, addr("2001:db8:1::2")}}, Healing{}},
		{"either family will do", with6, []Subflow{{7, one}, {7, two6}}, Healing{Live: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := State{Subflows: tt.subflows, SubflowsKnown: true}
			got := s.Heal(tt.endpoints, "wan2")
			if len(got.Endpoints) == 0 || got.Endpoints[0].ID != 2 {
				t.Errorf("endpoints %v, want those of wan2", got.Endpoints)
			}
			if diff := cmp.Diff(tt.want, got, cmpopts.IgnoreFields(Healing{}, "Endpoints"), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
				t.Errorf("healing (-want +got):\n%s", diff)
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

func TestHealedCountsTheLivingOnly(t *testing.T) {
	one, two := addr("10.0.1.2"), addr("10.0.2.2")
	h := Healing{Endpoints: []mptcp.Endpoint{{ID: 2, Addr: two}}, Lacking: []uint32{7, 8, 9}}
	back, alive := h.Healed([]Subflow{{7, one}, {7, two}, {8, one}, {6, two}})
	if back != 1 || alive != 2 {
		t.Errorf("%d of %d are back, want 1 of 2", back, alive)
	}
}
