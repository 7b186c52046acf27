// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"
	"strings"
	"testing"
)

// TestTheReturnOfALine loses both lines under a connection and gets one or both back. The
// peer may refuse a new subflow as long as it lacks bytes: the old one must stay for it.
func TestTheReturnOfALine(t *testing.T) {
	const wan1, wan2 = "10.0.1.2", "10.0.2.2"
	const beside = `
		+ ip mptcp endpoint add 0.0.0.0 dev eth2 id 3 subflow
		- ip mptcp endpoint delete id 3`
	const renewed = `
		- ip mptcp endpoint delete id 2
		+ ip mptcp endpoint add 10.0.2.2 dev eth2 id 3 subflow`
	const replaced = `
		+ ip mptcp endpoint add 10.0.1.2 dev eth1 id 3 subflow
		- ip mptcp endpoint delete id 2
		- ip mptcp endpoint delete id 0 10.0.2.2`
	unknown := func(s *scene) { s.state.SubflowsKnown = false }
	for _, test := range []struct {
		name     string
		subflows string // addresses of the only connection
		back     []int
		change   func(*scene)
		want     string
	}{
		{"wan2, which has the last subflow", wan2, []int{2}, nil, beside},
		{"wan2, and there is no slot", wan2, []int{2}, func(s *scene) { s.state.MaxEndpoints = 1 }, renewed},
		{"wan2, whose address is tentative", wan2, []int{2}, func(s *scene) {
			s.state.Addresses[len(s.state.Addresses)-1].Tentative = true
		}, "- ip mptcp endpoint delete id 2"},
		{"wan2, which nothing uses", wan1, []int{2}, nil, renewed},
		{"wan2, and nobody knows", "", []int{2}, unknown, renewed},
		{"wan2, with another address", wan2, []int{2}, func(s *scene) {
			s.iface("wan2").Addresses[0].Prefix = prefix("10.0.2.77/24")
			s.state.Addresses[len(s.state.Addresses)-1].Prefix = prefix("10.0.2.77/24")
		}, `
			+ ip mptcp endpoint add 10.0.2.77 dev eth2 id 3 subflow
			- ip mptcp endpoint delete id 2
			- ip mptcp endpoint delete id 0 10.0.2.2`},
		{"wan1, and wan2 has the last subflow", wan2, []int{1}, nil, `
			+ ip mptcp endpoint add 10.0.1.2 dev eth1 id 3 subflow`},
		{"wan1, and nothing uses wan2", wan1, []int{1}, nil, replaced},
		{"wan1, and wan2 is no line any more", wan2, []int{1}, func(s *scene) {
			s.uci, _, _ = strings.Cut(s.uci, "config interface 'wan2'")
		}, `
			- ip mptcp endpoint delete id 2
			+ ip mptcp endpoint add 10.0.1.2 dev eth1 id 3 subflow`},
		{"wan1, and nobody knows", "", []int{1}, unknown, replaced},
		{"both", wan2, []int{1, 2}, nil, `
			+ ip mptcp endpoint add 10.0.1.2 dev eth1 id 3 subflow
			+ ip mptcp endpoint add 0.0.0.0 dev eth2 id 4 subflow
			- ip mptcp endpoint delete id 4`},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newScene(t, "master", "on")
			s.state.SubflowsKnown = true
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
			if test.change != nil {
				test.change(s)
			}
			wantLines(t, mptcpLines(s.settled()), test.want)
		})
	}
}

// TestAnEndpointStaysUntilItsConnectionIsJoined lets wan1 come back alone.
func TestAnEndpointStaysUntilItsConnectionIsJoined(t *testing.T) {
	s := newScene(t, "master", "on")
	s.state.SubflowsKnown = true
	s.settled()
	for _, name := range []string{"wan1", "wan2"} {
		s.down(name)
		s.settled()
	}
	old := Subflow{Token: 1, Local: addr("10.0.2.2"), Opened: true}
	s.state.Subflows = []Subflow{old}
	s.up(1)
	s.settled()
	for range 2 {
		if got := s.make().Waiting; len(got) == 0 {
			t.Error("nobody looks whether the connection is joined")
		}
		wantLines(t, s.settled(), "")
	}
	mark := func(r Rule) bool { return r.Priority == PriorityDevice && r.OIF == "eth2" }
	if !slices.ContainsFunc(s.state.Rules, mark) {
		t.Error("the device of the endpoint has no rule 503")
	}
	joined := old
	joined.Local = addr("10.0.1.2")
	s.state.Subflows = []Subflow{old, joined}
	s.settled()
	wantText(t, "endpoints", s.endpointsText(), "3 10.0.1.2 dev 11 subflow")
	if slices.ContainsFunc(s.state.Rules, mark) {
		t.Error("the device of the endpoint that is gone has a rule 503")
	}
}

// TestALineIsLostWithItsSubflows: while another line is usable, an endpoint goes with its line.
func TestALineIsLostWithItsSubflows(t *testing.T) {
	s := newScene(t, "master", "on")
	s.state.SubflowsKnown = true
	s.settled()
	s.state.Subflows = []Subflow{{Token: 1, Local: addr("10.0.1.2"), Opened: true}}
	s.down("wan1")
	s.settled()
	wantText(t, "endpoints", s.endpointsText(), "2 10.0.2.2 dev 12 subflow")
}

// TestAJoinThatWasRefusedIsSeen names the line by which no connection has a subflow.
func TestAJoinThatWasRefusedIsSeen(t *testing.T) {
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
		{"in a run for an event", func(s *scene) { s.input.Settling = false }, []Subflow{client}, nil},
		{"the user wants no joins", func(s *scene) { s.state.Limits.Subflows = 0 }, []Subflow{client}, nil},
		{"no cable", func(s *scene) { s.state.Devices[2].Carrier = false }, []Subflow{client}, nil},
		{"nobody knows", func(s *scene) { s.state.SubflowsKnown = false }, nil, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newScene(t, "master", "on")
			s.state.SubflowsKnown, s.input.Settling = true, true
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
}
