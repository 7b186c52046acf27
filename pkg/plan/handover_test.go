// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"strings"
	"testing"
)

func TestHandoverWaitsWithTableAndRules(t *testing.T) {
	s := newScene(t, "master", "handover")
	s.settled()
	wantText(t, "endpoints", s.endpointsText(), `1 10.0.1.2 dev 11 subflow`)
	wantText(t, "list", lastRules(s, 3), `
		pref 32765 lookup main suppress_prefixlength 0
		pref 32765 lookup 3
		pref 32765 lookup 4
	`)
}

func TestHandoverTakesOver(t *testing.T) {
	s := newScene(t, "master", "backup", "handover")
	s.settled()
	s.down("wan1")
	s.settled()
	wantText(t, "endpoints", s.endpointsText(), `2 10.0.2.2 dev 12 subflow backup`)
	s.down("wan2")
	wantLines(t, mptcpLines(s.settled()), `
		+ ip mptcp endpoint add 10.0.3.2 dev eth3 id 3 subflow
		- ip mptcp endpoint delete id 2
		- ip mptcp endpoint delete id 0 10.0.2.2
	`)
}

func TestPrimaryInTheOtherFamilyKeepsHandoverWaiting(t *testing.T) {
	s := newScene(t, "master", "handover")
	i := s.iface("wan1")
	i.Addresses, i.Routes, s.state.Addresses = nil, nil, s.state.Addresses[1:]
	s.address("wan1", "2001:db8:1::2/64")
	s.route("wan1", "::/0", "fe80::1")
	s.settled()
	wantText(t, "endpoints", s.endpointsText(), `1 2001:db8:1::2 dev 11 subflow`)
}

// A connection of one family cannot use a primary line of the other.
func TestHandoverByFamily(t *testing.T) {
	for _, tt := range []struct {
		name  string
		proto string // of wan1
		setup func(*scene)
		want  string
	}{
		{"the primary has both", "dhcp", func(s *scene) { s.ipv6Line("wan1", "2001:db8:1::2/64", "") },
			"1 10.0.1.2 dev 11 subflow\n2 2001:db8:1::2 dev 11 subflow"},
		{"the primary has lost IPv4", "dhcp", func(s *scene) {
			s.iface("wan1").Routes = nil
			s.ipv6Line("wan1", "2001:db8:1::2/64", "")
		}, "1 10.0.2.2 dev 12 subflow\n2 2001:db8:1::2 dev 11 subflow"},
		{"no primary has IPv6 at all", "dhcp", func(s *scene) {}, "1 10.0.1.2 dev 11 subflow"},
		{"no primary is usable", "dhcp", func(s *scene) { s.down("wan1") }, "1 10.0.2.2 dev 12 subflow\n2 2001:db8:2::2 dev 12 subflow"},
		{"a primary that may have both, up with IPv4 alone", "qmi", func(s *scene) {}, "1 10.0.1.2 dev 11 subflow"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t, "master", "handover")
			s.uci = strings.Replace(s.uci, " option multipath 'master'", " option multipath 'master'\n option proto '"+tt.proto+"'", 1)
			s.ipv6Line("wan2", "2001:db8:2::2/64", "")
			tt.setup(s)
			s.settled()
			wantText(t, "endpoints", s.endpointsText(), tt.want)
		})
	}
}

func TestHandoverIsGivenBack(t *testing.T) {
	const (
		hold = `
			~ ip mptcp endpoint change id 2 backup
			+ ip mptcp endpoint add 10.0.1.2 dev eth1 id 3 subflow
		`
		giveUp = `
			+ ip mptcp endpoint add 10.0.1.2 dev eth1 id 3 subflow
			- ip mptcp endpoint delete id 2
		`
	)
	onHandover := Subflow{Token: 1, Local: addr("10.0.2.2")}
	for _, tt := range []struct {
		name     string
		subflows []Subflow
		known    bool
		want     string
		settles  bool
	}{
		{"no connection: at once", nil, true, giveUp, false},
		{"a connection that is on the primary too", []Subflow{onHandover, {Token: 1, Local: addr("10.0.1.2")}}, true, giveUp, false},
		{"a connection that is only here", []Subflow{onHandover}, true, hold, true},
		{"another connection has moved, this one not", []Subflow{onHandover, {Token: 2, Local: addr("10.0.2.2")}, {Token: 2, Local: addr("10.0.1.2")}}, true, hold, true},
		{"a connection whose other path is dead", []Subflow{onHandover, {Token: 1, Local: addr("10.0.1.2"), Stalled: true}}, true, hold, true},
		{"the kernel cannot list subflows", nil, false, hold, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t, "master", "handover")
			s.settled()
			s.down("wan1")
			s.settled()
			s.state.Subflows, s.state.SubflowsKnown = tt.subflows, tt.known
			s.up(1)
			r := s.make()
			if got := len(r.Waiting) > 0; got != tt.settles {
				t.Errorf("waiting %q, want any: %v", r.Waiting, tt.settles)
			}
			wantLines(t, mptcpLines(s.apply()), tt.want)
		})
	}
}

func TestHandoverIsGivenBackLater(t *testing.T) {
	s := newScene(t, "master", "handover")
	s.settled()
	s.down("wan1")
	s.settled()
	s.up(1)
	s.state.Subflows, s.state.SubflowsKnown = []Subflow{{Token: 1, Local: addr("10.0.2.2")}}, true
	s.settled()
	s.state.Subflows = append(s.state.Subflows, Subflow{Token: 1, Local: addr("10.0.1.2")})
	wantLines(t, mptcpLines(s.settled()), `- ip mptcp endpoint delete id 2`)
}

func TestHandoverWithoutAListIsGivenBackByALaterEvent(t *testing.T) {
	s := newScene(t, "master", "handover")
	s.settled()
	s.down("wan1")
	s.settled()
	s.up(1)
	s.apply()
	s.input.Settling = true
	wantLines(t, mptcpLines(s.apply()), ``)
	s.input.Settling = false
	wantLines(t, mptcpLines(s.settled()), `- ip mptcp endpoint delete id 2`)
}
