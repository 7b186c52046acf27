// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
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
	s.uci += "config interface 'wan6'\n option device 'eth1'\n"
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
