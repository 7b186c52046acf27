// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
	"github.com/mptcpctl/mptcpctl/pkg/netifd"
	"github.com/mptcpctl/mptcpctl/pkg/uci"
)

// scene is a small world: a configuration, netifd, and a kernel that obeys.
type scene struct {
	t      testing.TB
	uci    string
	netifd []netifd.Interface
	state  State
	input  Input
}

func addr(s string) netip.Addr     { return netip.MustParseAddr(s) }
func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

const lanSection = "config globals 'globals'\n option multipath 'enable'\nconfig interface 'lan'\n option device 'lan0'\n"

// newScene makes lines wan1 to wanN in the given modes, on eth1 to ethN with
// 10.0.N.2/24 and gateway 10.0.N.1, behind a section "lan" (so that wan1 has
// table 3).
func newScene(t testing.TB, modes ...string) *scene {
	t.Helper()
	s := &scene{t: t, uci: lanSection}
	s.state = State{
		Limits: mptcp.Limits{Subflows: 2}, MaxEndpoints: 8, MaxLimit: 8,
		Sysctls: map[string]string{keyEnabled: "1"},
	}
	s.input = Input{Netifd: true}
	s.device("lan0", 10)
	s.netifd = append(s.netifd, netifd.Interface{Name: "lan", Up: true, L3Device: "lan0", Device: "lan0",
		Addresses: []netifd.Address{{Prefix: prefix("192.168.1.1/24")}}})
	for i, mode := range modes {
		s.section(fmt.Sprintf("wan%d", i+1), fmt.Sprintf("eth%d", i+1), mode)
		s.line(i + 1)
	}
	return s
}

func (s *scene) section(name, device, mode string) {
	s.uci += fmt.Sprintf("config interface '%s'\n option device '%s'\n", name, device)
	if mode != "" {
		s.uci += fmt.Sprintf(" option multipath '%s'\n", mode)
	}
}

func (s *scene) device(name string, index int) {
	s.state.Devices = append(s.state.Devices, Device{Name: name, Index: index, Up: true, Carrier: true})
	for _, f := range Families {
		s.state.Sysctls[LinkdownKey(f, name)] = "0"
	}
}

// line brings wanN up with IPv4.
func (s *scene) line(n int) {
	device, name := fmt.Sprintf("eth%d", n), fmt.Sprintf("wan%d", n)
	s.device(device, 10+n)
	i := netifd.Interface{Name: name, Up: true, L3Device: device, Device: device, Metric: uint32(n)}
	s.netifd = append(s.netifd, i)
	s.address(name, fmt.Sprintf("10.0.%d.2/24", n))
	s.route(name, "0.0.0.0/0", fmt.Sprintf("10.0.%d.1", n))
}

func (s *scene) iface(name string) *netifd.Interface {
	i := slices.IndexFunc(s.netifd, func(i netifd.Interface) bool { return i.Name == name })
	if i < 0 {
		s.t.Fatalf("no interface %s", name)
	}
	return &s.netifd[i]
}

func (s *scene) address(name, text string) *Address {
	i := s.iface(name)
	i.Addresses = append(i.Addresses, netifd.Address{Prefix: prefix(text)})
	index := s.state.deviceByName(i.L3Device).Index
	s.state.Addresses = append(s.state.Addresses, Address{Index: index, Prefix: prefix(text), Global: true})
	return &s.state.Addresses[len(s.state.Addresses)-1]
}

func (s *scene) route(name, target, via string) {
	i := s.iface(name)
	r := netifd.Route{Target: prefix(target), Metric: i.Metric}
	if via != "" {
		r.Nexthop = addr(via)
	}
	i.Routes = append(i.Routes, r)
}

// down takes an interface away as netifd reports it.
func (s *scene) down(name string) {
	i := s.iface(name)
	index := s.state.deviceByName(i.L3Device).Index
	*i = netifd.Interface{Name: name, Device: i.Device}
	s.state.Addresses = slices.DeleteFunc(s.state.Addresses, func(a Address) bool { return a.Index == index })
	gone := func(r Route) bool { return r.Index == index }
	s.state.Routes = slices.DeleteFunc(s.state.Routes, gone)
}

func (s *scene) config() *config.Config {
	s.t.Helper()
	pkg, err := uci.Parse("network", []byte(s.uci))
	if err != nil {
		s.t.Fatal(err)
	}
	cfg, err := config.Parse("/etc/config/network", pkg)
	if err != nil {
		s.t.Fatal(err)
	}
	return &cfg
}

func (s *scene) make() Result {
	s.t.Helper()
	in := s.whole()
	r := Make(in)
	if r.NeedSubflows {
		in.State.SubflowsAsked = true
		r = Make(in)
	}
	return r
}

// whole is all that a plan of the scene is made from.
func (s *scene) whole() Input {
	in := s.input
	in.Config = s.config()
	in.Lines = Resolve(in.Config, s.netifd)
	in.State = s.state
	return in
}

// apply plans, obeys as the kernel would, and gives the lines of the plan.
func (s *scene) apply() []string {
	s.t.Helper()
	r := s.make()
	in := s.whole()
	request := Needs(in.Config, in.Lines, nil)
	var lines []string
	for i, op := range r.Ops {
		if op.Object == ObjectRoute && op.Action != Delete && !request.Destinations(in.State.Addresses)[op.Route.Dst] {
			s.t.Errorf("a route of others to its destination is not looked for: %s", op)
		}
		for _, before := range op.After {
			if before >= i {
				s.t.Errorf("operation %d needs operation %d, which comes later", i, before)
			}
		}
		lines = append(lines, op.String())
		s.obey(op)
	}
	s.input.LastID, s.input.Laminar = r.LastID, r.Laminar
	s.input.Renew = nil
	return lines
}

// settled applies and then asserts that a second plan is empty.
func (s *scene) settled() []string {
	s.t.Helper()
	lines := s.apply()
	if again := s.make(); len(again.Ops) != 0 {
		s.t.Errorf("a second plan is not empty: %v", again.Ops)
	}
	return lines
}

func (s *scene) obey(op Op) {
	s.t.Helper()
	st := &s.state
	switch op.Object {
	case ObjectRule:
		at := slices.Index(st.Rules, op.Rule)
		switch {
		case op.Action == Add && at < 0:
			st.Rules = append(st.Rules, op.Rule)
			slices.SortStableFunc(st.Rules, func(a, b Rule) int { return int(a.Priority) - int(b.Priority) })
		case op.Action == Delete && at >= 0:
			st.Rules = slices.Delete(st.Rules, at, at+1)
		default:
			s.t.Errorf("impossible: %s", op)
		}
	case ObjectRoute:
		at := slices.IndexFunc(st.Routes, func(r Route) bool { return r.key() == op.Route.key() })
		switch {
		case op.Action != Delete && s.leadsElsewhere(op.Route):
			s.t.Errorf("a rule of another line still leads there: %s", op)
		case op.Action == Add && at < 0:
			st.Routes = append(st.Routes, op.Route)
		case op.Action == Change && at >= 0:
			st.Routes[at] = op.Route
		case op.Action == Delete && slices.Contains(st.Routes, op.Route):
			at = slices.Index(st.Routes, op.Route)
			st.Routes = slices.Delete(st.Routes, at, at+1)
		default:
			s.t.Errorf("impossible: %s", op)
		}
	case ObjectSysctl:
		st.Sysctls[op.Sysctl.Key] = op.Sysctl.Value
	case ObjectLimits:
		st.Limits = op.Limits
	case ObjectEndpoint:
		s.obeyEndpoint(op)
	}
}

// leadsElsewhere reports whether a rule sends another device's sockets into
// the table of a route.
func (s *scene) leadsElsewhere(r Route) bool {
	return slices.ContainsFunc(s.state.Rules, func(rule Rule) bool {
		return rule.Family == r.Family && rule.Table == r.Table && rule.OIF != "" && rule.OIF != r.Device
	})
}

func (s *scene) obeyEndpoint(op Op) {
	s.t.Helper()
	st := &s.state
	byID := slices.IndexFunc(st.Endpoints, func(e mptcp.Endpoint) bool { return e.ID == op.Endpoint.ID })
	byAddr := slices.IndexFunc(st.Endpoints, func(e mptcp.Endpoint) bool { return e.Addr == op.Endpoint.Addr && e.Port == 0 })
	switch {
	case op.Action == Add && byAddr >= 0 && st.Endpoints[byAddr].Flags&mptcp.FlagImplicit != 0 && op.Endpoint.ID == 0:
		op.Endpoint.ID = st.Endpoints[byAddr].ID
		st.Endpoints[byAddr] = op.Endpoint
	case op.Action == Add && byID < 0 && byAddr < 0 && len(st.Endpoints) < st.MaxEndpoints && op.Endpoint.ID != 0:
		st.Endpoints = append(st.Endpoints, op.Endpoint)
	case op.Action == Change && byID >= 0:
		st.Endpoints[byID].Flags = op.Endpoint.Flags
	case op.Action == Delete && op.Endpoint.ID == 0 && byAddr < 0: // far ends are told, no endpoint goes
	case op.Action == Delete && byID >= 0:
		st.Endpoints = slices.Delete(st.Endpoints, byID, byID+1)
	default:
		s.t.Errorf("the kernel would refuse: %s", op)
	}
}

// endpoint adds one that stands already.
func (s *scene) endpoint(id uint8, address string, index int, flags mptcp.Flags) {
	s.state.Endpoints = append(s.state.Endpoints, mptcp.Endpoint{ID: id, Addr: addr(address), IfIndex: index, Flags: flags})
}

// wantLines compares a plan with its lines as text, blanks and the comments of
// the expected lines left aside.
func wantLines(t *testing.T, got []string, want string) {
	t.Helper()
	lines := []string{}
	for line := range strings.Lines(want) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	commands := make([]string, len(got))
	for i, line := range got {
		commands[i], _, _ = strings.Cut(line, " # ")
	}
	if diff := cmp.Diff(lines, commands); diff != "" {
		t.Errorf("plan, -want +got:\n%s", diff)
	}
}

// rulesOf lists the rules as text.
func (s *scene) rulesOf(f Family) string {
	var b strings.Builder
	for _, r := range s.state.Rules {
		if r.Family == f {
			b.WriteString(strings.TrimSuffix(r.String(), " protocol 77") + "\n")
		}
	}
	return b.String()
}

func (s *scene) endpointsText() string {
	var b strings.Builder
	for _, e := range s.state.Endpoints {
		fmt.Fprintf(&b, "%d %s dev %d %s\n", e.ID, e.Addr, e.IfIndex, e.Flags)
	}
	return b.String()
}

func wantText(t *testing.T, what, got, want string) {
	t.Helper()
	var b strings.Builder
	for line := range strings.Lines(want) {
		if line = strings.TrimSpace(line); line != "" {
			b.WriteString(line + "\n")
		}
	}
	if diff := cmp.Diff(b.String(), got); diff != "" {
		t.Errorf("%s, -want +got:\n%s", what, diff)
	}
}
