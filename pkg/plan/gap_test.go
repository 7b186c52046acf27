// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"
	"strings"
	"testing"
)

// TestWhereAGapResetsJoins loses both lines under connections and gets one or both back. A
// kernel that resets joins while bytes are missing must not lose the old subflows.
func TestWhereAGapResetsJoins(t *testing.T) {
	const wan1, wan2 = "10.0.1.2", "10.0.2.2"
	for _, test := range []struct {
		name     string
		resets   bool
		subflows string // addresses of the only connection
		back     []int
		moved    bool // wan2 is back with another address
		want     string
		rescue   bool
	}{
		{"wan2, which had the last subflow", true, wan2, []int{2}, false, "", true},
		{"wan2, on another kernel", false, wan2, []int{2}, false, `
			- ip mptcp endpoint delete id 2
			+ ip mptcp endpoint add 10.0.2.2 dev eth2 id 3 subflow`, true},
		{"wan2, which nothing used", true, wan1, []int{2}, false, `
			- ip mptcp endpoint delete id 2
			+ ip mptcp endpoint add 10.0.2.2 dev eth2 id 3 subflow`, true},
		{"wan2, with another address", true, wan2, []int{2}, true, `
			+ ip mptcp endpoint add 10.0.2.77 dev eth2 id 3 subflow
			- ip mptcp endpoint delete id 2
			- ip mptcp endpoint delete id 0 10.0.2.2`, true},
		{"wan1, and wan2 has the last subflow", true, wan2, []int{1}, false, `
			+ ip mptcp endpoint add 10.0.1.2 dev eth1 id 3 subflow`, false},
		{"wan1, on another kernel", false, wan2, []int{1}, false, `
			+ ip mptcp endpoint add 10.0.1.2 dev eth1 id 3 subflow
			- ip mptcp endpoint delete id 2
			- ip mptcp endpoint delete id 0 10.0.2.2`, true},
		{"wan1, and its subflow came about", true, wan2 + " " + wan1, []int{1}, false, `
			+ ip mptcp endpoint add 10.0.1.2 dev eth1 id 3 subflow
			- ip mptcp endpoint delete id 2
			- ip mptcp endpoint delete id 0 10.0.2.2`, true},
		{"both", true, wan2, []int{1, 2}, false, `
			+ ip mptcp endpoint add 10.0.1.2 dev eth1 id 3 subflow`, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newScene(t, "master", "on")
			s.state.GapResetsJoin, s.state.SubflowsKnown = test.resets, true
			s.settled()
			for _, name := range []string{"wan1", "wan2"} {
				s.down(name)
				s.settled()
			}
			for a := range strings.FieldsSeq(test.subflows) {
				s.state.Subflows = append(s.state.Subflows, Subflow{Token: 1, Local: addr(a), Opened: true})
			}
			for _, n := range test.back {
				s.up(n)
			}
			if test.moved {
				s.iface("wan2").Addresses[0].Prefix = prefix("10.0.2.77/24")
				s.state.Addresses[len(s.state.Addresses)-1].Prefix = prefix("10.0.2.77/24")
			}
			result := s.make()
			if got := result.MayNeedRescue(); got != test.rescue {
				t.Errorf("connections may need a rescue: %t, want %t", got, test.rescue)
			}
			wantLines(t, mptcpLines(s.settled()), test.want)
		})
	}
}

// TestAJoinThatWasResetIsSeen names the line by which no connection has a subflow.
func TestAJoinThatWasResetIsSeen(t *testing.T) {
	client := Subflow{Token: 1, Local: addr("10.0.1.2"), Opened: true}
	server, plain, other := client, client, client
	server.Opened, plain.Plain, other.Local = false, true, addr("10.0.2.2")
	for _, test := range []struct {
		name     string
		change   func(*scene)
		subflows []Subflow
		want     []string
	}{
		{"a connection has the other line only", nil, []Subflow{client}, []string{"eth2"}},
		{"another connection has this one", nil, []Subflow{client, other}, nil},
		{"there is no connection", nil, nil, nil},
		{"the peer has to join", nil, []Subflow{server}, nil},
		{"it is plain TCP", nil, []Subflow{plain}, nil},
		{"on another kernel", func(s *scene) { s.state.GapResetsJoin = false }, []Subflow{client}, nil},
		{"the user wants no joins", func(s *scene) { s.state.Limits.Subflows = 0 }, []Subflow{client}, nil},
		{"no cable", func(s *scene) { s.state.Devices[2].Carrier = false }, []Subflow{client}, nil},
		{"nobody knows", func(s *scene) { s.state.SubflowsKnown = false }, nil, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newScene(t, "master", "on")
			s.state.GapResetsJoin, s.state.SubflowsKnown = true, true
			s.settled()
			s.state.Subflows = test.subflows
			if test.change != nil {
				test.change(s)
			}
			if got := s.make().Unjoined; !slices.Equal(got, test.want) {
				t.Errorf("unjoined %v, want %v", got, test.want)
			}
		})
	}
	s := newScene(t, "master", "on")
	s.state.GapResetsJoin, s.state.SubflowsKnown, s.state.Subflows = true, true, []Subflow{client}
	if got := s.make().Waiting; !slices.Contains(got, "wan2: joins") {
		t.Errorf("the run that adds the endpoint leaves %q waiting: nobody looks whether it is joined", got)
	}
}
