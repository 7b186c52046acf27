// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"
	"strings"
	"testing"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
)

// laminarScene accepts announced addresses on a kernel that has laminar endpoints.
func laminarScene(t *testing.T, options string, modes ...string) *scene {
	t.Helper()
	s := newScene(t, modes...)
	s.state.Laminar = true
	s.uci = strings.Replace(s.uci, "'enable'\n", "'enable'\n"+options, 1)
	return s
}

const accepted = " option mptcp_add_addr_accepted '2'\n"

func TestLaminarIsWrittenWhereItHelps(t *testing.T) {
	const plain = `
		1 10.0.1.2 dev 11 subflow
		2 10.0.2.2 dev 12 subflow backup
		3 10.0.3.2 dev 13 signal
	`
	for _, tt := range []struct {
		name, options string
		change        func(*scene)
		want          string
	}{
		{"announced addresses are accepted", accepted, nil, `
			1 10.0.1.2 dev 11 subflow laminar
			2 10.0.2.2 dev 12 subflow laminar backup
			3 10.0.3.2 dev 13 signal
		`},
		{"another program accepts them", "", func(s *scene) { s.state.Limits.AddAddrAccepted = 1 }, `
			1 10.0.1.2 dev 11 subflow laminar
			2 10.0.2.2 dev 12 subflow laminar backup
			3 10.0.3.2 dev 13 signal
		`},
		{"they are not", "", nil, plain},
		{"the user wants none", accepted + " option mptcp_laminar '0'\n", nil, plain},
		{"the release has none", accepted, func(s *scene) { s.state.Laminar = false }, plain},
		{"fullmesh", accepted + " option mptcp_path_manager 'fullmesh'\n", nil, `
			1 10.0.1.2 dev 11 subflow fullmesh
			2 10.0.2.2 dev 12 subflow backup fullmesh
			3 10.0.3.2 dev 13 signal
		`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := laminarScene(t, tt.options, "on", "backup", "signal")
			if tt.change != nil {
				tt.change(s)
			}
			s.settled()
			wantText(t, "endpoints", s.endpointsText(), tt.want)
		})
	}
}

// TestLaminarWaits: the flag is changed when no connection has a subflow over a line.
func TestLaminarWaits(t *testing.T) {
	s := laminarScene(t, "", "on", "on")
	s.settled()
	s.uci = strings.Replace(s.uci, "'enable'\n", "'enable'\n"+accepted, 1)
	s.state.Subflows, s.state.SubflowsKnown = []Subflow{{Token: 7, Local: addr("10.0.2.2")}}, true
	r := s.make()
	wantLines(t, mptcpLines(s.apply()), "")
	if s.state.Limits.AddAddrAccepted != 0 || len(r.Warnings) != 1 || !strings.HasPrefix(r.Warnings[0], "laminar is changed when ") {
		t.Errorf("while it waits: limits %+v, warnings %q", s.state.Limits, r.Warnings)
	}
	// A new line is as those that wait.
	s.section("wan3", "eth3", "on")
	s.line(3)
	wantLines(t, mptcpLines(s.apply()), "+ ip mptcp endpoint add 10.0.3.2 dev eth3 id 3 subflow")
	// A kernel that cannot say whether there is a subflow.
	s.state.Subflows, s.state.SubflowsKnown = nil, false
	wantLines(t, mptcpLines(s.apply()), "")

	// One line after the other, and not the next one if one fails.
	s.state.SubflowsKnown = true
	r = s.make()
	var places []int
	for i, op := range r.Ops {
		if op.Object == ObjectEndpoint {
			if len(places) > 0 && !slices.Contains(op.After, places[len(places)-1]) {
				t.Errorf("%s does not need what comes before it: %v", op, op.After)
			}
			places = append(places, i)
		}
	}
	wantLines(t, mptcpLines(s.settled()), `
		- ip mptcp endpoint delete id 1
		+ ip mptcp endpoint add 10.0.1.2 dev eth1 id 4 subflow laminar
		- ip mptcp endpoint delete id 2
		+ ip mptcp endpoint add 10.0.2.2 dev eth2 id 5 subflow laminar
		- ip mptcp endpoint delete id 3
		+ ip mptcp endpoint add 10.0.3.2 dev eth3 id 6 subflow laminar
	`)

	if s.state.Limits.AddAddrAccepted != 2 {
		t.Errorf("limits %+v when all are laminar", s.state.Limits)
	}

	// And back.
	s.uci = strings.Replace(s.uci, accepted, accepted+" option mptcp_laminar '0'\n", 1)
	s.state.Subflows = []Subflow{{Token: 7, Local: addr("10.0.1.2")}}
	wantLines(t, mptcpLines(s.apply()), "")
	s.state.Subflows = nil
	wantLines(t, mptcpLines(s.settled()), `
		- ip mptcp endpoint delete id 4
		+ ip mptcp endpoint add 10.0.1.2 dev eth1 id 7 subflow
		- ip mptcp endpoint delete id 5
		+ ip mptcp endpoint add 10.0.2.2 dev eth2 id 8 subflow
		- ip mptcp endpoint delete id 6
		+ ip mptcp endpoint add 10.0.3.2 dev eth3 id 9 subflow
	`)
}

// TestLaminarThatIsNotShown: a kernel that drops the flag is not asked for it again.
func TestLaminarThatIsNotShown(t *testing.T) {
	s := laminarScene(t, accepted, "on", "on")
	s.state.SubflowsKnown = true
	s.apply()
	for i := range s.state.Endpoints {
		s.state.Endpoints[i].Flags &^= mptcp.FlagLaminar
	}
	if again := s.make(); len(again.Ops) != 0 || !slices.Equal(again.Laminar, []uint32{1, 2}) {
		t.Errorf("a second plan: %v, remembered %v", again.Ops, again.Laminar)
	}
	// Where that was lost, once more.
	s.input.Laminar = nil
	wantLines(t, mptcpLines(s.apply()), `
		- ip mptcp endpoint delete id 1
		+ ip mptcp endpoint add 10.0.1.2 dev eth1 id 3 subflow laminar
		- ip mptcp endpoint delete id 2
		+ ip mptcp endpoint add 10.0.2.2 dev eth2 id 4 subflow laminar
	`)
}
