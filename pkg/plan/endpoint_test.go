// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
	"github.com/mptcpctl/mptcpctl/pkg/netifd"
)

const (
	subflow = mptcp.FlagSubflow
	backup  = mptcp.FlagSubflow | mptcp.FlagBackup
)

// up brings wanN back as newScene made it.
func (s *scene) up(n int) { s.upWith(n, fmt.Sprintf("10.0.%d.2/24", n)) }

func (s *scene) upWith(n int, address string) {
	name, device := fmt.Sprintf("wan%d", n), fmt.Sprintf("eth%d", n)
	*s.iface(name) = netifd.Interface{Name: name, Up: true, L3Device: device, Device: device, Metric: uint32(n)}
	s.address(name, address)
	s.route(name, "0.0.0.0/0", fmt.Sprintf("10.0.%d.1", n))
}

// mptcpLines are the lines of a plan that concern endpoints.
func mptcpLines(lines []string) []string {
	return slices.DeleteFunc(lines, func(line string) bool { return !strings.Contains(line, "ip mptcp endpoint") })
}

func TestModesAndFlags(t *testing.T) {
	s := newScene(t, "master", "on", "backup", "signal", "off", "")
	s.settled()
	wantText(t, "endpoints", s.endpointsText(), `
		1 10.0.1.2 dev 11 subflow
		2 10.0.2.2 dev 12 subflow
		3 10.0.3.2 dev 13 subflow backup
		4 10.0.4.2 dev 14 signal
	`)
	if s.state.Limits.Subflows != 3 {
		t.Errorf("subflow limit %d, want 3", s.state.Limits.Subflows)
	}
}

func TestFullmesh(t *testing.T) {
	s := newScene(t, "master", "backup", "signal")
	s.uci = strings.Replace(s.uci, "'enable'", "'enable'\n option mptcp_path_manager 'fullmesh'", 1)
	s.settled()
	wantText(t, "endpoints", s.endpointsText(), `
		1 10.0.1.2 dev 11 subflow fullmesh
		2 10.0.2.2 dev 12 subflow backup fullmesh
		3 10.0.3.2 dev 13 signal
	`)
	if s.state.Limits.Subflows != 8 {
		t.Errorf("subflow limit %d, want the kernel's maximum", s.state.Limits.Subflows)
	}
}

func TestLimits(t *testing.T) {
	for _, tt := range []struct {
		name, options string
		have, want    mptcp.Limits
	}{
		{"raised to the number of endpoints", "", mptcp.Limits{Subflows: 2}, mptcp.Limits{Subflows: 3}},
		{"never lowered", "", mptcp.Limits{Subflows: 7, AddAddrAccepted: 5}, mptcp.Limits{Subflows: 7, AddAddrAccepted: 5}},
		{"written exactly when set", " option mptcp_subflows '1'\n option mptcp_add_addr_accepted '4'\n",
			mptcp.Limits{Subflows: 7, AddAddrAccepted: 5}, mptcp.Limits{Subflows: 1, AddAddrAccepted: 4}},
		{"up to the kernel's bound", " option mptcp_subflows '200'\n", mptcp.Limits{Subflows: 2}, mptcp.Limits{Subflows: 8}},
		{"zero is a value", " option mptcp_subflows '0'\n", mptcp.Limits{Subflows: 2}, mptcp.Limits{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t, "master", "on", "on")
			s.uci = strings.Replace(s.uci, "'enable'\n", "'enable'\n"+tt.options, 1)
			s.state.Limits = tt.have
			s.settled()
			if s.state.Limits != tt.want {
				t.Errorf("got %+v, want %+v", s.state.Limits, tt.want)
			}
		})
	}
}

func TestEndpointsOfOthersAreNeverTouched(t *testing.T) {
	s := newScene(t, "master", "on")
	s.endpoint(5, "192.168.1.1", 10, subflow)                     // on the LAN
	s.endpoint(6, "10.9.9.9", 0, mptcp.FlagSignal)                // bound to no device
	s.endpoint(7, "10.0.1.7", 11, mptcp.FlagImplicit)             // the kernel's own, on a line
	s.state.Endpoints = append(s.state.Endpoints, mptcp.Endpoint{ // with a port, on a line
		ID: 8, Addr: addr("10.0.1.2"), Port: 8080, IfIndex: 11, Flags: mptcp.FlagSignal})
	before := s.endpointsText()
	s.settled()
	s.down("wan1")
	s.settled()
	s.uci = strings.Replace(s.uci, "'enable'", "'disable'", 1)
	s.settled()
	wantText(t, "endpoints", s.endpointsText(), before)
}

func TestHandMadeEndpointOnALineIsOurs(t *testing.T) {
	s := newScene(t, "master")
	s.endpoint(5, "10.0.1.77", 11, subflow)
	wantLines(t, mptcpLines(s.settled()), `
		+ ip mptcp endpoint add 10.0.1.2 dev eth1 id 6 subflow
		- ip mptcp endpoint delete id 5
		- ip mptcp endpoint delete id 0 10.0.1.77
	`)
}

func TestForeignEndpointHoldsOurAddress(t *testing.T) {
	s := newScene(t, "master")
	s.endpoint(5, "10.0.1.2", 0, subflow)
	if lines := mptcpLines(s.settled()); len(lines) != 0 {
		t.Errorf("%q", lines)
	}
	if why := s.make().Lines[1].Use[IPv4].NoEndpoint; why != "a foreign endpoint has the address" {
		t.Errorf("reason %q", why)
	}
}

func TestImplicitEndpointOfOurAddressIsTakenOver(t *testing.T) {
	s := newScene(t, "signal")
	s.endpoint(5, "10.0.1.2", 0, mptcp.FlagImplicit)
	wantLines(t, mptcpLines(s.settled()), `+ ip mptcp endpoint add 10.0.1.2 dev eth1 signal`)
	wantText(t, "endpoints", s.endpointsText(), `5 10.0.1.2 dev 11 signal`)
}

func TestSameAddressOnTwoLines(t *testing.T) {
	s := newScene(t, "on", "master")
	s.state.Addresses[1].Prefix = prefix("10.0.1.2/24")
	s.iface("wan2").Addresses[0].Prefix = prefix("10.0.1.2/24")
	s.settled()
	wantText(t, "endpoints", s.endpointsText(), `1 10.0.1.2 dev 12 subflow`)
	if why := s.make().Lines[1].Use[IPv4].NoEndpoint; why != "line wan2 has the same address" {
		t.Errorf("reason %q", why)
	}
}

func TestAddressChangeMakesBeforeItBreaks(t *testing.T) {
	s := newScene(t, "master", "on")
	s.settled()
	s.down("wan2")
	s.upWith(2, "10.0.2.9/24")
	wantLines(t, mptcpLines(s.settled()), `
		+ ip mptcp endpoint add 10.0.2.9 dev eth2 id 3 subflow
		- ip mptcp endpoint delete id 2
		- ip mptcp endpoint delete id 0 10.0.2.2
	`)
}

func TestDeviceReturnsWithAnotherIndex(t *testing.T) {
	s := newScene(t, "master", "on")
	s.settled()
	s.down("wan2")
	s.state.Devices[2].Index = 42
	s.up(2)
	wantLines(t, mptcpLines(s.settled()), `
		- ip mptcp endpoint delete id 2
		+ ip mptcp endpoint add 10.0.2.2 dev eth2 id 3 subflow
	`)
}

func TestSignalToSubflowNeedsANewEndpoint(t *testing.T) {
	s := newScene(t, "signal")
	s.settled()
	s.uci = strings.Replace(s.uci, "'signal'", "'on'", 1)
	wantLines(t, mptcpLines(s.settled()), `
		- ip mptcp endpoint delete id 1
		+ ip mptcp endpoint add 10.0.1.2 dev eth1 id 2 subflow
	`)
}

func TestIDsClimbAndWrap(t *testing.T) {
	for _, tt := range []struct {
		name    string
		last    uint8
		present []uint8
		want    uint8
	}{
		{"the first", 0, nil, 1},
		{"after the last that was given, though it is free", 7, nil, 8},
		{"over those in use", 7, []uint8{8, 9}, 10},
		{"from 255 to 1", 255, nil, 1},
		{"from 254 over 255 and 1", 254, []uint8{255, 1}, 2},
		{"after the highest when the last is unknown", 0, []uint8{3, 9}, 10},
		{"after the highest 255", 0, []uint8{255}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t, "master")
			s.input.LastID = tt.last
			for _, id := range tt.present {
				s.endpoint(id, fmt.Sprintf("192.0.2.%d", id), 0, subflow)
			}
			s.settled()
			if got := s.state.Endpoints[len(tt.present)].ID; got != tt.want {
				t.Errorf("id %d, want %d", got, tt.want)
			}
			if s.input.LastID != tt.want {
				t.Errorf("remembered %d, want %d", s.input.LastID, tt.want)
			}
		})
	}
}

func TestAnIDNeverComesAgainAtOnce(t *testing.T) {
	s := newScene(t, "master", "on")
	s.settled()
	last := map[string]uint8{}
	for i := range 600 {
		s.down("wan2")
		s.settled()
		s.up(2)
		s.settled()
		e := s.state.Endpoints[1]
		if e.ID == last["wan2"] || e.ID == s.state.Endpoints[0].ID {
			t.Fatalf("flap %d: id %d again", i, e.ID)
		}
		last["wan2"] = e.ID
	}
}

func TestEndpointOnTheDeviceBelowAPPPoELineIsForeign(t *testing.T) {
	s := newScene(t, "master", "on")
	s.pppoe()
	s.endpoint(77, "192.168.8.2", 11, subflow)
	s.settled()
	s.pppoeDown()
	s.settled()
	wantText(t, "endpoints", s.endpointsText(), `
		77 192.168.8.2 dev 11 subflow
		79 10.0.2.2 dev 12 subflow
	`)
}

// failing plans, and obeys but for the operations that the kernel refuses and
// those that need them.
func (s *scene) failing(refused func(Op) bool) {
	s.t.Helper()
	r := s.make()
	failed := make(map[int]bool)
	for i, op := range r.Ops {
		failed[i] = refused(op) || slices.ContainsFunc(op.After, func(before int) bool { return failed[before] })
		if !failed[i] {
			s.obey(op)
		}
	}
	s.input.LastID = r.LastID
}

func TestAFailedLineKeepsNoOtherEndpoint(t *testing.T) {
	s := newScene(t, "master", "on", "on")
	s.settled()
	s.down("wan1")
	s.upWith(1, "10.0.1.9/24")
	s.down("wan2")
	s.upWith(2, "10.0.2.9/24")
	s.failing(func(op Op) bool { return op.Object == ObjectRoute && op.Route.Default() && op.Route.Device == "eth2" })
	wantText(t, "endpoints", s.endpointsText(), `
		2 10.0.2.2 dev 12 subflow
		3 10.0.3.2 dev 13 subflow
		4 10.0.1.9 dev 11 subflow
	`)
}

func TestTheLastEndpointStaysWhenItsSuccessorFails(t *testing.T) {
	s := newScene(t, "master", "handover")
	s.settled()
	s.down("wan1")
	s.failing(func(op Op) bool { return op.Object == ObjectEndpoint && op.Action == Add })
	wantText(t, "endpoints", s.endpointsText(), `1 10.0.1.2 dev 11 subflow`)
}

// killed plans, and obeys only the first operations.
func (s *scene) killed(after int) bool {
	s.t.Helper()
	r := s.make()
	for _, op := range r.Ops[:min(after, len(r.Ops))] {
		s.obey(op)
	}
	return after < len(r.Ops)
}

func TestAKillLeavesNoEndpointWithoutAMark(t *testing.T) {
	for after, more := 0, true; more; after++ {
		s := newScene(t, "on", "master", "off")
		s.settled()
		s.uci = lanSection
		s.section("wan2", "eth2", "master")
		s.section("wan3", "eth3", "on")
		more = s.killed(after)
		s.settled()
		if text := s.endpointsText(); strings.Contains(text, "10.0.1.2") || !strings.Contains(text, "10.0.3.2") {
			t.Errorf("killed after %d operations:\n%s", after, text)
		}
		wantOwnTables(t, s)
	}
}

func TestTheLastEndpointsStay(t *testing.T) {
	s := newScene(t, "master", "on")
	s.settled()
	s.down("wan1")
	s.down("wan2")
	s.settled()
	wantText(t, "endpoints", s.endpointsText(), `
		1 10.0.1.2 dev 11 subflow
		2 10.0.2.2 dev 12 subflow
	`)
	wantText(t, "rules", s.rulesOf(IPv4), `
		pref 501 fwmark 0x4d505443 lookup main
		pref 503 oif eth1 lookup 3
		pref 503 oif eth2 lookup 4
	`)
}

func TestReturnAfterTheLossOfAllRenews(t *testing.T) {
	s := newScene(t, "master", "on")
	s.settled()
	s.down("wan1")
	s.down("wan2")
	s.settled()
	s.up(1)
	wantLines(t, mptcpLines(s.settled()), `
		- ip mptcp endpoint delete id 1
		+ ip mptcp endpoint add 10.0.1.2 dev eth1 id 3 subflow
		- ip mptcp endpoint delete id 2
		- ip mptcp endpoint delete id 0 10.0.2.2
	`)
	s.up(2)
	wantLines(t, mptcpLines(s.settled()), `+ ip mptcp endpoint add 10.0.2.2 dev eth2 id 4 subflow`)
}

// A join from an address that is still tentative fails, and is not tried again.
func TestRenewalWaitsForATentativeAddress(t *testing.T) {
	s := newScene(t)
	s.section("wan6", "eth1", "master")
	s.device("eth1", 11)
	s.netifd = append(s.netifd, netifd.Interface{Name: "wan6"})
	up := func() {
		*s.iface("wan6") = netifd.Interface{Name: "wan6", Up: true, L3Device: "eth1", Device: "eth1"}
		s.address("wan6", "2001:db8:1::2/64").Tentative = true
		s.route("wan6", "::/0", "2001:db8:1::1")
	}
	up()
	s.settled()
	s.state.Addresses[0].Tentative = false
	wantLines(t, mptcpLines(s.settled()), `+ ip mptcp endpoint add 2001:db8:1::2 dev eth1 id 1 subflow`)
	s.down("wan6")
	s.settled()
	up()
	r := s.make()
	if len(r.Waiting) != 1 || len(r.Warnings) != 0 || r.Lines[1].Use[IPv6].NoEndpoint != tentativeAddress {
		t.Errorf("waiting %q, warnings %q, %q", r.Waiting, r.Warnings, r.Lines[1].Use[IPv6].NoEndpoint)
	}
	wantLines(t, mptcpLines(s.settled()), `- ip mptcp endpoint delete id 1`)
	s.state.Addresses[0].Tentative = false
	wantLines(t, mptcpLines(s.settled()), `+ ip mptcp endpoint add 2001:db8:1::2 dev eth1 id 2 subflow`)
}

func TestReturnAfterTheLossOfAllWithAnotherAddress(t *testing.T) {
	s := newScene(t, "master")
	s.settled()
	s.down("wan1")
	s.settled()
	s.upWith(1, "10.0.1.9/24")
	wantLines(t, mptcpLines(s.settled()), `
		+ ip mptcp endpoint add 10.0.1.9 dev eth1 id 2 subflow
		- ip mptcp endpoint delete id 1
		- ip mptcp endpoint delete id 0 10.0.1.2
	`)
}

func TestReturnBeforeAnyRunHasSeenTheLossRenews(t *testing.T) {
	s := newScene(t, "master", "on")
	s.settled()
	s.down("wan1")
	s.down("wan2")
	s.up(1)
	s.up(2)
	wantLines(t, mptcpLines(s.settled()), `
		- ip mptcp endpoint delete id 1
		+ ip mptcp endpoint add 10.0.1.2 dev eth1 id 3 subflow
		- ip mptcp endpoint delete id 2
		+ ip mptcp endpoint add 10.0.2.2 dev eth2 id 4 subflow
	`)
}

func TestEndpointThatStoodBeforeTheFirstRunIsKept(t *testing.T) {
	s := newScene(t, "master")
	s.endpoint(5, "10.0.1.2", 11, subflow)
	if lines := mptcpLines(s.settled()); len(lines) != 0 {
		t.Errorf("%q", lines)
	}
}

func TestNetifdsTableWithoutDefaultRouteRenewsNothing(t *testing.T) {
	s := newScene(t, "master")
	s.uci += " option ip4table '103'\n"
	i := s.iface("wan1")
	i.IP4Table, i.Inactive, i.Routes = 103, i.Routes, nil
	s.settled()
	s.down("wan1")
	s.settled()
	s.up(1)
	i = s.iface("wan1")
	i.IP4Table, i.Inactive, i.Routes = 103, i.Routes, nil
	wantLines(t, mptcpLines(s.settled()), `
		- ip mptcp endpoint delete id 1
		+ ip mptcp endpoint add 10.0.1.2 dev eth1 id 2 subflow
	`)
}

func TestOffForTheLastLineIsTheUsersWord(t *testing.T) {
	s := newScene(t, "master")
	s.settled()
	s.uci = strings.Replace(s.uci, "'master'", "'off'", 1)
	r := s.make()
	if len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "will stall") {
		t.Errorf("warnings %q", r.Warnings)
	}
	s.settled()
	if len(s.state.Endpoints)+len(s.state.Rules)+len(s.state.Routes) != 0 {
		t.Errorf("left: %v %v %v", s.state.Endpoints, s.state.Rules, s.state.Routes)
	}
}

func TestOffWhileAllLinesAreLostTakesOnlyItsOwn(t *testing.T) {
	s := newScene(t, "master", "on")
	s.settled()
	s.down("wan1")
	s.down("wan2")
	s.settled()
	s.uci = strings.Replace(s.uci, "'on'", "'off'", 1)
	s.settled()
	wantText(t, "endpoints", s.endpointsText(), `1 10.0.1.2 dev 11 subflow`)
}

func TestSwitchedOffLeavesNothing(t *testing.T) {
	for _, tt := range []struct{ name, from, to string }{
		{"multipath is disabled", "'enable'", "'disable'"},
		{"the option is deleted everywhere", " option multipath 'master'\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t, "master", "master")
			s.settled()
			s.uci = strings.ReplaceAll(s.uci, tt.from, tt.to)
			s.settled()
			if len(s.state.Endpoints)+len(s.state.Rules)+len(s.state.Routes) != 0 {
				t.Errorf("left: %v %v %v", s.state.Endpoints, s.state.Rules, s.state.Routes)
			}
			for key, value := range s.state.Sysctls {
				if strings.HasSuffix(key, "linkdown") && value != "0" {
					t.Errorf("%s=%s", key, value)
				}
			}
		})
	}
}

func TestFullEndpointTable(t *testing.T) {
	s := newScene(t, "on", "on", "on", "on", "master")
	for n := 1; n <= 5; n++ {
		name := fmt.Sprintf("wan%d", n)
		s.address(name, fmt.Sprintf("2001:db8:%d::2/64", n))
		s.route(name, "::/0", "fe80::1")
	}
	s.endpoint(200, "192.0.2.1", 0, subflow)
	s.input.LastID = 100
	s.settled()
	wantText(t, "endpoints", s.endpointsText(), `
		200 192.0.2.1 dev 0 subflow
		101 10.0.5.2 dev 15 subflow
		102 10.0.1.2 dev 11 subflow
		103 10.0.2.2 dev 12 subflow
		104 10.0.3.2 dev 13 subflow
		105 10.0.4.2 dev 14 subflow
		106 2001:db8:5::2 dev 15 subflow
		107 2001:db8:1::2 dev 11 subflow
	`)
	if why := s.make().Lines[3].Use[IPv6].NoEndpoint; why != "no free slot: the kernel allows 8 endpoints" {
		t.Errorf("reason %q", why)
	}
}

func TestAFullTableBreaksBeforeItMakes(t *testing.T) {
	modes := slices.Repeat([]string{"on"}, 8)
	s := newScene(t, modes...)
	s.settled()
	s.down("wan3")
	s.upWith(3, "10.0.3.9/24")
	wantLines(t, mptcpLines(s.settled()), `
		- ip mptcp endpoint delete id 3
		+ ip mptcp endpoint add 10.0.3.9 dev eth3 id 9 subflow
	`)
	s.section("wan9", "eth9", "master")
	s.line(9)
	wantLines(t, mptcpLines(s.settled()), `
		- ip mptcp endpoint delete id 8
		+ ip mptcp endpoint add 10.0.9.2 dev eth9 id 10 subflow
	`)
}

func TestPathManagerOfOthers(t *testing.T) {
	s := newScene(t, "master")
	s.state.PathManager = PathManagerOther
	s.endpoint(1, "10.0.1.77", 11, subflow)
	if lines := s.settled(); len(mptcpLines(lines)) != 0 {
		t.Errorf("%q", lines)
	}
	if len(s.state.Rules) == 0 || len(s.state.Routes) == 0 {
		t.Error("rules and routes are still to be kept")
	}
}

func TestCarrierReturnsAfterTheEndpointWasAdded(t *testing.T) {
	s := newScene(t, "master", "on")
	s.state.Devices[2].Carrier = false
	s.settled()
	if r := s.make(); !slices.Equal(r.NoCarrier, []string{"eth2"}) || len(r.Waiting) != 1 {
		t.Errorf("NoCarrier %q, Waiting %q", r.NoCarrier, r.Waiting)
	}
	s.state.Devices[2].Carrier = true
	for _, tt := range []struct {
		name     string
		subflows []Subflow
		known    bool
		want     string
	}{
		{"no kernel that lists subflows: unknown, so left alone", nil, false, ""},
		{"a subflow lives on it", []Subflow{{Token: 1, Local: addr("10.0.2.2")}}, true, ""},
		{"none lives on it", []Subflow{{Token: 1, Local: addr("10.0.1.2")}}, true, `
			- ip mptcp endpoint delete id 2
			+ ip mptcp endpoint add 10.0.2.2 dev eth2 id 3 subflow
		`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.t = t
			s.input.Renew = []string{"eth2"}
			s.state.Subflows, s.state.SubflowsKnown = tt.subflows, tt.known
			wantLines(t, mptcpLines(s.apply()), tt.want)
		})
	}
}

func TestCarrierMattersWhereItsReturnIsSeen(t *testing.T) {
	for _, tt := range []struct {
		name          string
		netifd, watch bool
		usable        bool
	}{
		{"netifd alone says nothing of a static line's carrier", true, false, true},
		{"the watch service sees it return", true, true, false},
		{"without netifd every run looks", false, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t, "master", "on")
			s.settled()
			s.input.Netifd = tt.netifd
			if tt.watch {
				s.uci = strings.Replace(s.uci, "'enable'", "'enable'\n option mptcp_watch '1'", 1)
			}
			s.state.Devices[1].Carrier = false
			s.settled()
			r := s.make()
			if got := r.Lines[1].Use[IPv4].Usable; got != tt.usable {
				t.Errorf("usable %v, want %v", got, tt.usable)
			}
			if len(r.Waiting) == 0 {
				t.Error("somebody must look after the carrier")
			}
			key := LinkdownKey(IPv4, "eth1")
			if s.state.Sysctls[key] != "1" {
				t.Errorf("%s=%s: the kernel must go on skipping the dead line", key, s.state.Sysctls[key])
			}
		})
	}
}

// TestAllIDsAreInUse is about kernels that take as many endpoints as there are ids: what
// is deleted first gives its id to what takes its place.
func TestAllIDsAreInUse(t *testing.T) {
	s := newScene(t, "master", "on")
	s.state.MaxEndpoints, s.state.MaxLimit = mptcp.MaxID, 64
	foreign := addr("198.51.100.0")
	for id := 2; id <= mptcp.MaxID; id++ {
		s.state.Endpoints = append(s.state.Endpoints, mptcp.Endpoint{ID: uint8(id), Addr: foreign, Flags: mptcp.FlagSignal})
		foreign = foreign.Next()
	}
	s.settled()
	if all := s.endpointsText(); !strings.Contains(all, "1 10.0.1.2 dev 11 subflow\n") || strings.Contains(all, "10.0.2.2") {
		t.Fatal(all)
	}
	s.uci = strings.Replace(strings.Replace(s.uci, "'on'", "'first'", 1), "'master'", "'on'", 1)
	s.uci = strings.Replace(s.uci, "'first'", "'master'", 1)
	s.input.LastID = 100
	s.settled()
	if all := s.endpointsText(); !strings.Contains(all, "1 10.0.2.2 dev 12 subflow\n") || strings.Contains(all, "10.0.1.2") {
		t.Error(all)
	}
}
