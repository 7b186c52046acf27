// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mptcpctl/mptcpctl/pkg/health"
)

// The states that a verdict leads to, in the order in which a long outage does.
var (
	aliveState     = health.State{Verdict: health.Alive}
	deadState      = health.State{Verdict: health.Dead, NoEndpoint: true, NoOwn: true}
	movedState     = health.State{Verdict: health.Dead, NoEndpoint: true, NoOwn: true, NoForward: true}
	returningState = health.State{Verdict: health.Alive, NoEndpoint: true}
	degradedState  = health.State{Verdict: health.Degraded}
)

// newHealthScene is a scene in which the health of the lines is looked after.
func newHealthScene(t *testing.T, modes ...string) *scene {
	s := newScene(t, modes...)
	s.uci = strings.Replace(s.uci, "enable'\n", "enable'\n option mptcp_check '1'\n", 1)
	return s
}

// judge sets the verdicts on a family of wan1, wan2 and so on.
func (s *scene) judge(f Family, states ...health.State) {
	s.state.Health = slices.DeleteFunc(s.state.Health, func(h Health) bool { return h.Family == f })
	for i, state := range states {
		s.state.Health = append(s.state.Health, Health{Interface: "wan" + string(rune('1'+i)), Family: f, State: state, Source: "a test"})
	}
}

// list are the entries of the master list, those by source aside.
func (s *scene) list(f Family) (all []string) {
	for _, r := range s.state.Rules {
		if r.Family == f && r.Priority == PriorityList && r.Table != Main && !r.Src.IsValid() {
			word := tableText(r.Table)
			if r.IIF != "" {
				word = r.IIF + " " + word
			}
			all = append(all, word)
		}
	}
	return all
}

// addresses are those of the endpoints, backup ones with a b.
func (s *scene) endpointAddresses() (all []string) {
	for _, e := range s.state.Endpoints {
		word := e.Addr.String()
		if strings.Contains(e.Flags.String(), "backup") {
			word += " b"
		}
		all = append(all, word)
	}
	slices.Sort(all)
	return all
}

func TestWhatAVerdictTakesAway(t *testing.T) {
	const a1, a2, a3 = "10.0.1.2", "10.0.2.2", "10.0.3.2"
	for _, tt := range []struct {
		name      string
		modes     []string
		states    []health.State
		list      []string
		endpoints []string
	}{
		{"no verdict yet", []string{"master", "on"}, nil, []string{"3", "4"}, []string{a1, a2}},
		{"all live", []string{"master", "on"}, []health.State{aliveState, aliveState}, []string{"3", "4"}, []string{a1, a2}},
		{"the master is dead", []string{"master", "on"}, []health.State{deadState, aliveState}, []string{"lo 4", "3", "4"}, []string{a2}},
		{"the LAN has followed", []string{"master", "on"}, []health.State{movedState, aliveState}, []string{"4"}, []string{a2}},
		{"it answers again and has its endpoint still", []string{"master", "on"}, []health.State{returningState, aliveState}, []string{"3", "4"}, []string{a1, a2}},
		{"another line is dead", []string{"master", "on"}, []health.State{aliveState, deadState}, []string{"3", "4"}, []string{a1}},
		{"another line has been dead for long", []string{"master", "on"}, []health.State{aliveState, movedState}, []string{"3"}, []string{a1}},
		{"all are dead", []string{"master", "on"}, []health.State{movedState, movedState}, []string{"3", "4"}, []string{a1, a2}},
		{"one is dead and of one nothing is known", []string{"master", "on"}, []health.State{movedState, {}}, []string{"4"}, []string{a2}},
		{"the first two are dead", []string{"master", "on", "on"}, []health.State{deadState, deadState, aliveState}, []string{"lo 5", "3", "4", "5"}, []string{a3}},
		{"one has moved and the next is dead", []string{"master", "on", "on"}, []health.State{movedState, deadState, aliveState}, []string{"lo 5", "4", "5"}, []string{a3}},
		{"handover carries instead", []string{"master", "handover"}, []health.State{deadState, aliveState}, []string{"lo 4", "3", "4"}, []string{a2}},
		{"handover waits", []string{"master", "handover"}, []health.State{aliveState, aliveState}, []string{"3", "4"}, []string{a1}},
		{"handover is dead too", []string{"master", "handover"}, []health.State{deadState, deadState}, []string{"3", "4"}, []string{a1}},
		{"degraded is last, and backup", []string{"master", "on"}, []health.State{degradedState, aliveState}, []string{"4", "3"}, []string{a1 + " b", a2}},
		{"without a master there is no list", []string{"on", "on"}, []health.State{movedState, aliveState}, nil, []string{a2}},
		{"all are dead but for one that is not sure to live", []string{"master", "on"}, []health.State{movedState, returningState}, []string{"4"}, []string{a2}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newHealthScene(t, tt.modes...)
			s.settled()
			rules := len(s.state.Rules)
			s.judge(IPv4, tt.states...)
			s.settled()
			if diff := cmp.Diff(tt.list, s.list(IPv4)); diff != "" {
				t.Errorf("list, -want +got:\n%s", diff)
			}
			if diff := cmp.Diff(tt.endpoints, s.endpointAddresses()); diff != "" {
				t.Errorf("endpoints, -want +got:\n%s", diff)
			}
			for _, priority := range []uint32{PrioritySource, PriorityDevice} {
				n := 0
				for _, r := range s.state.Rules {
					if r.Priority == priority {
						n++
					}
				}
				if n != len(tt.modes) {
					t.Errorf("%d rules %d", n, priority)
				}
			}
			s.state.Subflows, s.state.SubflowsKnown = nil, true
			s.judge(IPv4)
			s.settled()
			if len(s.state.Rules) != rules {
				t.Errorf("%d rules at the end, %d before", len(s.state.Rules), rules)
			}
		})
	}
}

// Without the option nothing is heeded, and a line that is not usable has no verdict.
func TestVerdictsCountOnlyWithTheOption(t *testing.T) {
	s := newScene(t, "master", "on")
	s.settled()
	s.judge(IPv4, movedState, aliveState)
	if lines := s.settled(); len(lines) > 0 {
		t.Errorf("%q", lines)
	}
	s = newHealthScene(t, "master", "on")
	s.settled()
	s.down("wan2")
	s.settled()
	s.judge(IPv4, movedState, aliveState)
	if lines := s.settled(); len(lines) > 0 {
		t.Errorf("the only line that is up is dead: %q", lines)
	}
}

// The endpoint of a dead line goes after the others, and the peers are told a second
// time: the line that would have told them is dead.
func TestADeadLineIsAnnouncedAsGone(t *testing.T) {
	s := newHealthScene(t, "master", "handover")
	s.settled()
	s.judge(IPv4, deadState, aliveState)
	wantLines(t, mptcpLines(s.settled()), `
		+ ip mptcp endpoint add 10.0.2.2 dev eth2 id 2 subflow
		- ip mptcp endpoint delete id 1
		- ip mptcp endpoint delete id 0 10.0.1.2
	`)
}

// The families are judged apart. In IPv6, where rules are dear, the router's own packets
// wait for those of the LAN if many rules would be written for them.
func TestVerdictsByFamily(t *testing.T) {
	s := newHealthScene(t, "master", "on")
	for _, name := range []string{"wan1", "wan2"} {
		n := name[3:]
		s.address(name, "2001:db8:"+n+"::2/64")
		s.route(name, "::/0", "2001:db8:"+n+"::1")
	}
	s.settled()
	s.judge(IPv6, deadState, aliveState)
	s.settled()
	if diff := cmp.Diff([]string{"3", "4"}, s.list(IPv4)); diff != "" {
		t.Errorf("IPv4, -want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"3", "4"}, s.list(IPv6)); diff != "" {
		t.Errorf("IPv6, -want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"10.0.1.2", "10.0.2.2", "2001:db8:2::2"}, s.endpointAddresses()); diff != "" {
		t.Errorf("endpoints, -want +got:\n%s", diff)
	}
	s.judge(IPv6, movedState, aliveState)
	s.settled()
	if diff := cmp.Diff([]string{"4"}, s.list(IPv6)); diff != "" {
		t.Errorf("IPv6, moved, -want +got:\n%s", diff)
	}
}

// A connection that is being opened over a dead line may live through a short outage:
// until the LAN is moved, its line keeps its endpoint.
func TestAConnectionThatIsBeingOpened(t *testing.T) {
	s := newHealthScene(t, "master", "on")
	s.settled()
	s.state.Connecting = []netip.Addr{addr("10.0.1.2")}
	for _, tt := range []struct {
		state health.State
		want  []string
	}{
		{deadState, []string{"10.0.1.2", "10.0.2.2"}},
		{returningState, []string{"10.0.1.2", "10.0.2.2"}},
		{movedState, []string{"10.0.2.2"}},
		{returningState, []string{"10.0.2.2"}},
		{aliveState, []string{"10.0.1.2", "10.0.2.2"}},
	} {
		s.judge(IPv4, tt.state, aliveState)
		s.settled()
		if diff := cmp.Diff(tt.want, s.endpointAddresses()); diff != "" {
			t.Errorf("%+v: -want +got:\n%s", tt.state, diff)
		}
	}
}
