// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
)

func TestRescue(t *testing.T) {
	one := WithoutSubflow{Count: 1}
	for _, tt := range []struct {
		name    string
		change  func(*scene)
		without [2]WithoutSubflow
		attempt int
		want    string
	}{
		{"by a line that is no backup", nil, [2]WithoutSubflow{IPv4: one}, 0, `
			~ ip mptcp limits set subflow 1 add_addr_accepted 0
			+ ip mptcp endpoint add 0.0.0.0 dev eth2 id 5 subflow
			- ip mptcp endpoint delete id 5
			~ ip mptcp limits set subflow 4 add_addr_accepted 0`},
		{"by the next line when that did not help", nil, [2]WithoutSubflow{IPv4: {Count: 1, Opening: 2}}, 1, `
			~ ip mptcp limits set subflow 3 add_addr_accepted 0
			+ ip mptcp endpoint add 0.0.0.0 dev eth1 id 5 subflow backup
			- ip mptcp endpoint delete id 5
			~ ip mptcp limits set subflow 4 add_addr_accepted 0`},
		{"in both families at once", nil, [2]WithoutSubflow{one, one}, 0, `
			~ ip mptcp limits set subflow 1 add_addr_accepted 0
			+ ip mptcp endpoint add 0.0.0.0 dev eth2 id 5 subflow
			+ ip mptcp endpoint add :: dev eth2 id 6 subflow
			- ip mptcp endpoint delete id 5
			- ip mptcp endpoint delete id 6
			~ ip mptcp limits set subflow 4 add_addr_accepted 0`},
		{"the limit is low enough", func(s *scene) { s.state.Limits.Subflows = 1 }, [2]WithoutSubflow{IPv4: one}, 0, `
			+ ip mptcp endpoint add 0.0.0.0 dev eth2 id 5 subflow
			- ip mptcp endpoint delete id 5`},
		{"the user wants no joins", func(s *scene) { s.state.Limits.Subflows = 0 }, [2]WithoutSubflow{IPv4: one}, 0, ""},
		{"no cable", func(s *scene) { s.state.Devices[2].Carrier = false }, [2]WithoutSubflow{IPv6: one}, 0, ""},
		{"no slot", func(s *scene) { s.state.MaxEndpoints = 4 }, [2]WithoutSubflow{IPv4: one}, 0, ""},
		{"every connection has a subflow", nil, [2]WithoutSubflow{}, 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t, "backup", "on", "signal")
			s.address("wan2", "2001:db8:2::2/64")
			s.route("wan2", "::/0", "fe80::1")
			s.settled()
			s.state.Limits.Subflows = 4
			if tt.change != nil {
				tt.change(s)
			}
			result := Make(s.whole())
			var lines []string
			for i, op := range result.Rescue(&s.state, tt.without, tt.attempt) {
				for _, before := range op.After {
					if before >= i {
						t.Errorf("%s comes after place %d", op, before)
					}
				}
				lines = append(lines, op.String())
			}
			wantLines(t, lines, tt.want)
		})
	}
}

func TestWhatAKilledRescueLeftIsPutRight(t *testing.T) {
	s := newScene(t, "master", "on")
	s.settled()
	s.state.Limits.Subflows = 1 // it was 5
	s.endpoint(3, "0.0.0.0", 12, mptcp.FlagSubflow)
	s.input.FormerLimit = 5
	wantLines(t, s.apply(), `
		~ ip mptcp limits set subflow 5 add_addr_accepted 0
		- ip mptcp endpoint delete id 3
	`)
	s.input.FormerLimit = 0
	wantLines(t, s.apply(), "")
	s.state.Limits.Subflows, s.input.FormerLimit = 1, 4000000000 // no word of ours
	wantLines(t, s.apply(), "~ ip mptcp limits set subflow 8 add_addr_accepted 0")
}

func TestCuts(t *testing.T) {
	s := newScene(t, "master", "on")
	if r := s.make(); r.MayNeedRescue() || !r.Joins() {
		t.Error("the first run cuts nothing, and joins")
	}
	s.settled()
	s.down("wan1")
	if r := s.make(); !r.MayNeedRescue() || r.Joins() {
		t.Error("connections over wan1 alone lose their last subflow, and wan2 is there")
	}
	s.settled()
	if r := s.make(); r.MayNeedRescue() {
		t.Error("nothing is to be done")
	}
	s.uci = "config globals 'globals'\n option multipath 'disable'\n" + s.uci[len(lanSection)-len("config interface 'lan'\n option device 'lan0'\n"):]
	if r := s.make(); r.MayNeedRescue() {
		t.Error("no line is left that could help")
	}
}

func TestRetell(t *testing.T) {
	s := newScene(t, "master", "on", "on")
	s.settled()
	s.down("wan1")
	s.uci = s.uci[:len(s.uci)-len("'on'\n")] + "'off'\n"
	plan := s.make()
	gone := plan.RemovedAddrs()
	if want := []netip.Addr{addr("10.0.1.2"), addr("10.0.3.2")}; !slices.Equal(gone, want) {
		t.Fatalf("gone are %v, want %v", gone, want)
	}
	s.settled()
	for _, tt := range []struct {
		name   string
		change func()
		locals []netip.Addr
		want   string
	}{
		{"both", func() {}, []netip.Addr{addr("10.0.2.2")}, "- ip mptcp endpoint delete id 0 10.0.1.2\n- ip mptcp endpoint delete id 0 10.0.3.2"},
		{"somebody connects from one", func() {}, []netip.Addr{addr("10.0.3.2")}, "- ip mptcp endpoint delete id 0 10.0.1.2"},
		{"a line is back", func() { s.up(1) }, []netip.Addr{addr("10.0.3.2")}, ""},
	} {
		tt.change()
		result := Make(s.whole())
		var lines []string
		for _, op := range result.RepeatRemoveAddr(gone, &Connections{Locals: tt.locals}) {
			lines = append(lines, op.String())
		}
		wantLines(t, lines, tt.want)
	}
}

func TestALineWithoutItsCableIsRetracted(t *testing.T) {
	s := newScene(t, "master", "on")
	s.input.Netifd = false // so that the carrier counts
	s.settled()
	s.state.Devices[1].Carrier = false
	wantLines(t, mptcpLines(s.settled()), `
		- ip mptcp endpoint delete id 1
		- ip mptcp endpoint delete id 0 10.0.1.2
	`)
}
