// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
	"github.com/mptcpctl/mptcpctl/pkg/netifd"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
	"github.com/mptcpctl/mptcpctl/pkg/uci"
)

// treatment is what every place that treats modes differently makes of one.
type treatment struct {
	phrase   string // of the command multipath
	endpoint string // the flags of its endpoint
	waits    bool   // for a primary line
	keeps    bool   // a handover line waiting
	listed   bool   // in the master list
	monitor  string // what a subflow over it means
}

// Every mode has a row here: a new one without is a failure, and its row says what
// each place must make of it.
var treatments = map[string]treatment{
	"off":      {phrase: "is deactivated"},
	"on":       {phrase: "is in default mode", endpoint: "subflow", keeps: true, listed: true},
	"master":   {phrase: "is in default mode", endpoint: "subflow", keeps: true, listed: true},
	"backup":   {phrase: "is in backup mode", endpoint: "subflow backup", keeps: true, listed: true, monitor: "a backup line"},
	"handover": {phrase: "is in handover mode", endpoint: "subflow", waits: true, listed: true},
	"signal":   {phrase: "is in default mode", endpoint: "signal"},
}

// claims are the modes in the order in which they claim an address.
var claims = []string{"master", "on", "backup", "handover", "signal"}

func TestEveryModeIsTreatedAsItShouldBe(t *testing.T) {
	t.Parallel()
	got := make(map[string]treatment)
	for _, word := range config.Modes() {
		mode, _ := config.ParseMode(word)
		alone := planOf(t, word, "off", "10.0.2.2/24")
		beside := planOf(t, word, "on", "10.0.2.2/24")
		handover := planOf(t, word, "handover", "10.0.2.2/24")
		got[word] = treatment{
			phrase: mode.Phrase(), endpoint: addedEndpoint(alone, "wan1"),
			waits:   addedEndpoint(beside, "wan1") != addedEndpoint(alone, "wan1"),
			keeps:   addedEndpoint(handover, "wan2") == "",
			listed:  slices.Contains(planOf(t, word, "master", "10.0.2.2/24").MasterList[plan.IPv4], "wan1"),
			monitor: monitored(t, mode),
		}
	}
	if diff := cmp.Diff(treatments, got, cmp.AllowUnexported(treatment{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// Of two lines with one address the one whose mode claims first has the endpoint,
// wherever they are in the file.
func TestModesClaimAnAddressInTheirOrder(t *testing.T) {
	t.Parallel()
	var named []string
	for _, word := range config.Modes() {
		if mode, _ := config.ParseMode(word); mode.Claims() >= 0 {
			named = append(named, word)
		}
	}
	slices.Sort(named)
	if diff := cmp.Diff(slices.Sorted(slices.Values(claims)), named); diff != "" {
		t.Errorf("modes that claim (-want +got):\n%s", diff)
	}
	for i, first := range claims {
		for _, second := range claims[i+1:] {
			r := planOf(t, second, first, "10.0.1.2/24")
			if addedEndpoint(r, "wan1") != "" || addedEndpoint(r, "wan2") == "" {
				t.Errorf("%s before %s: %v", first, second, r.Ops)
			}
		}
	}
}

// planOf is a plan for two lines in these modes: wan1, with the address 10.0.1.2/24, and
// wan2, with the given one.
func planOf(t *testing.T, mode1, mode2, second string) *plan.Result {
	t.Helper()
	text := "config globals 'globals'\n option multipath 'enable'\n"
	var up []netifd.Interface
	state := plan.State{Limits: mptcp.Limits{Subflows: 2}, MaxEndpoints: 8, MaxLimit: 8}
	for i, address := range []string{"10.0.1.2/24", second} {
		name, device := []string{"wan1", "wan2"}[i], []string{"eth1", "eth2"}[i]
		text += "config interface '" + name + "'\n option device '" + device + "'\n option multipath '" + []string{mode1, mode2}[i] + "'\n"
		state.Devices = append(state.Devices, plan.Device{Name: device, Index: i + 1, Up: true, Carrier: true})
		prefix := netip.MustParsePrefix(address)
		state.Addresses = append(state.Addresses, plan.Address{Index: i + 1, Prefix: prefix, Global: true})
		up = append(up, netifd.Interface{
			Name: name, Up: true, L3Device: device, Device: device,
			Addresses: []netifd.Address{{Prefix: prefix}},
			Routes:    []netifd.Route{{Target: netip.MustParsePrefix("0.0.0.0/0"), Nexthop: prefix.Masked().Addr().Next(), Metric: uint32(i)}},
		})
	}
	pkg, err := uci.Parse("network", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Parse("network", pkg)
	if err != nil {
		t.Fatal(err)
	}
	r := plan.Make(plan.Input{Config: &cfg, Lines: plan.Resolve(&cfg, up), State: state, Netifd: true})
	return &r
}

// addedEndpoint are the flags of the endpoint that a plan adds for an interface.
func addedEndpoint(r *plan.Result, name string) string {
	for _, op := range r.Ops {
		if op.Object == plan.ObjectEndpoint && op.Action == plan.Add && op.Interface == name {
			return op.Endpoint.Flags.String()
		}
	}
	return ""
}

// monitored is what monitor says of a subflow over a line of the mode, beside its ids.
func monitored(t *testing.T, mode config.Mode) string {
	t.Helper()
	local := netip.MustParseAddr("10.0.1.2")
	var out bytes.Buffer
	var line plan.LineUse
	line.Name, line.Mode = "wan1", mode
	m := monitor{options: &options{streams: streams{out: &out}}, names: lineNames{
		lines: []plan.LineUse{line}, byAddr: map[netip.Addr]lineName{local: {"wan1", "eth1", true}}, holders: map[netip.Addr]int{local: 1},
	}, known: make(map[netip.Addr]string)}
	event := mptcp.Event{Type: mptcp.EventSubflowEstablished, Local: netip.AddrPortFrom(local, 1)}
	if err := m.print(t.Context(), time.Time{}, &event); err != nil {
		t.Fatal(err)
	}
	_, meaning, _ := strings.Cut(strings.TrimSpace(out.String()), "ids 0 and 0")
	return strings.TrimPrefix(meaning, ", ")
}
