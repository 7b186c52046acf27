// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/netifd"
)

func TestTableNumbers(t *testing.T) {
	const on = " option multipath 'on'\n"
	for _, tt := range []struct {
		name   string
		uci    string
		netifd []netifd.Interface
		want   map[string][2]uint32
	}{
		{"the position counts every interface section", `
config interface 'loopback'
config interface 'lan'
config interface 'wan1'` + "\n" + on + `
config device 'x'
config interface 'wan2'` + "\n" + on,
			nil, map[string][2]uint32{"wan1": {4, 4}, "wan2": {5, 5}}},
		{"multipath_table wins, and pushes away who stands there", `
config interface 'wan1'` + "\n" + on + ` option multipath_table '3'
config interface 'wan2'` + "\n" + on,
			nil, map[string][2]uint32{"wan1": {3, 3}, "wan2": {1000, 1000}}},
		{"the numbers of ip4table and ip6table are avoided, a symbolic one is none", `
config interface 'wan1'` + "\n" + on + ` option ip4table '103'
config interface 'wan2'` + "\n" + on + ` option ip6table '200'
config interface 'wan3'` + "\n" + on + ` option ip4table 'wanlist'
`,
			nil, map[string][2]uint32{"wan1": {2, 2}, "wan2": {3, 3}, "wan3": {4, 4}}},
		{"a section's own ip4table is avoided too", `
config interface 'wan1'` + "\n" + on + ` option ip4table '2'
config interface 'wan2'` + "\n" + on + ` option ip6table '1000'
`,
			nil, map[string][2]uint32{"wan1": {1001, 1001}, "wan2": {3, 3}}},
		{"a symbolic ip4table is avoided by the number that netifd knows", `
config interface 'wan1'` + "\n" + on + ` option ip4table 'wanlist'
`,
			[]netifd.Interface{{Name: "wan1", IP4Table: 2}}, map[string][2]uint32{"wan1": {1000, 1000}}},
		{"the table of another's ip4table is skipped", `
config interface 'wan1'
 option ip4table '3'
config interface 'wan2'` + "\n" + on,
			nil, map[string][2]uint32{"wan2": {1000, 1000}}},
		{"a table with a default route from UCI is skipped, one with a rule is not", `
config interface 'wan1'` + "\n" + on + `
config interface 'wan2'` + "\n" + on + `
config interface 'wan3'` + "\n" + on + `
config route
 option interface 'wan1'
 option target '0.0.0.0/0'
 option table '3'
config rule
 option lookup '4'
`,
			nil, map[string][2]uint32{"wan1": {2, 2}, "wan2": {1000, 1000}, "wan3": {4, 4}}},
		{"free numbers from 1000 skip those that are fixed", `
config interface 'wan1'` + "\n" + on + ` option multipath_table '1000'
config interface 'wan2'` + "\n" + on + ` option multipath_table '4'
config interface 'wan3'` + "\n" + on,
			nil, map[string][2]uint32{"wan1": {1000, 1000}, "wan2": {4, 4}, "wan3": {1001, 1001}}},
		{"a dynamic interface has its parent's number", `
config interface 'lan'
config interface 'wan'` + "\n" + on,
			[]netifd.Interface{{Name: "wan_6", Dynamic: true}}, map[string][2]uint32{"wan": {3, 3}, "wan_6": {3, 3}}},
		{"one of two dynamic interfaces of a family has its parent's number", `
config interface 'lan'
config interface 'wwan'
 option proto 'qmi'` + "\n" + on,
			[]netifd.Interface{
				{Name: "wwan", Up: true}, {Name: "wwan_4", Up: true, Dynamic: true, Proto: "dhcp", Addresses: []netifd.Address{{Prefix: prefix("10.0.0.2/30")}}},
				{Name: "wwan_6", Up: true, Dynamic: true, Proto: "dhcpv6", Addresses: []netifd.Address{{Prefix: prefix("2001:db8::2/64")}}},
				{Name: "wwan_6_4", Up: true, Dynamic: true, Proto: "464xlat", Addresses: []netifd.Address{{Prefix: prefix("192.0.0.1/32")}}},
			},
			map[string][2]uint32{"wwan": {3, 3}, "wwan_4": {3, 3}, "wwan_6": {3, 3}, "wwan_6_4": {1000, 3}}},
		{"main, local and default are no choice of ip4table", `
config interface 'wan1'` + "\n" + on + ` option ip4table '254'
`,
			nil, map[string][2]uint32{"wan1": {2, 2}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &scene{t: t, uci: tt.uci}
			got := make(map[string][2]uint32)
			for _, l := range Resolve(s.config(), tt.netifd) {
				if l.Participates() {
					got[l.Name] = l.Tables
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestPositions253To255AreSkipped(t *testing.T) {
	s := &scene{t: t}
	for i := range 260 {
		s.section("w"+strings.Repeat("x", i), "", "on")
	}
	seen := make(map[uint32]bool)
	for _, l := range Resolve(s.config(), nil) {
		if config.ReservedTable(l.Tables[IPv4]) || seen[l.Tables[IPv4]] {
			t.Errorf("position %d has table %d", l.Position, l.Tables[IPv4])
		}
		seen[l.Tables[IPv4]] = true
	}
}

// shift changes the configuration under lines that are up.
func shift(s *scene, sections ...[3]string) {
	s.uci = lanSection
	for _, section := range sections {
		s.section(section[0], section[1], section[2])
	}
}

// wantOwnTables asserts that every table holds routes of one device only, the
// one that its rule 503 names, and that nothing stands elsewhere.
func wantOwnTables(t *testing.T, s *scene) {
	t.Helper()
	device := make(map[uint32]string)
	for _, r := range s.state.Rules {
		if r.Priority == PriorityDevice {
			device[r.Table] = r.OIF
		}
	}
	for _, r := range s.state.Routes {
		if device[r.Table] != r.Device {
			t.Errorf("%s, but table %d is that of %q", r, r.Table, device[r.Table])
		}
	}
}

func TestInsertedSectionShiftsAllTables(t *testing.T) {
	s := newScene(t, "master", "on", "on")
	s.settled()
	shift(s, [3]string{"guest", "br-guest", ""}, [3]string{"wan1", "eth1", "master"},
		[3]string{"wan2", "eth2", "on"}, [3]string{"wan3", "eth3", "on"})
	lines := s.settled()
	wantOwnTables(t, s)
	for _, line := range lines {
		if strings.Contains(line, "mptcp endpoint") {
			t.Errorf("the endpoints have nothing to do with it: %s", line)
		}
	}
	wantText(t, "rules", s.rulesOf(IPv4), `
		pref 501 from 10.0.1.2 lookup main suppress_prefixlength 7
		pref 501 from 10.0.2.2 lookup main suppress_prefixlength 7
		pref 501 from 10.0.3.2 lookup main suppress_prefixlength 7
		pref 501 fwmark 0x4d505443 lookup main
		pref 502 from 10.0.3.2 lookup 6
		pref 502 from 10.0.2.2 lookup 5
		pref 502 from 10.0.1.2 lookup 4
		pref 503 oif eth3 lookup 6
		pref 503 oif eth2 lookup 5
		pref 503 oif eth1 lookup 4
		pref 32765 lookup main suppress_prefixlength 0
		pref 32765 lookup 4
		pref 32765 lookup 5
		pref 32765 lookup 6
	`)
}

func TestMovedSectionsSwapTables(t *testing.T) {
	s := newScene(t, "on", "on", "master")
	s.settled()
	shift(s, [3]string{"wan3", "eth3", "master"}, [3]string{"wan1", "eth1", "on"}, [3]string{"wan2", "eth2", "on"})
	s.settled()
	wantOwnTables(t, s)
	shift(s, [3]string{"wan1", "eth1", "on"}, [3]string{"wan3", "eth3", "master"}, [3]string{"wan2", "eth2", "on"})
	s.settled()
	wantOwnTables(t, s)
}

func TestTableOfALostLineGoesToAnother(t *testing.T) {
	s := newScene(t, "master", "on")
	s.settled()
	s.down("wan1")
	shift(s, [3]string{"wan2", "eth2", "master"})
	s.settled()
	wantOwnTables(t, s)
	wantText(t, "rules", s.rulesOf(IPv4), `
		pref 501 from 10.0.2.2 lookup main suppress_prefixlength 7
		pref 501 fwmark 0x4d505443 lookup main
		pref 502 from 10.0.2.2 lookup 3
		pref 503 oif eth2 lookup 3
		pref 32765 lookup main suppress_prefixlength 0
		pref 32765 lookup 3
	`)
}

func TestRenamedDeviceKeepsItsTable(t *testing.T) {
	s := newScene(t, "master", "on")
	s.settled()
	s.state.Devices = append(s.state.Devices, Device{Name: "lte0", Index: 99, Up: true, Carrier: true})
	s.down("wan2")
	shift(s, [3]string{"wan1", "eth1", "master"}, [3]string{"wan2", "lte0", "on"})
	*s.iface("wan2") = netifd.Interface{Name: "wan2", Up: true, L3Device: "lte0", Device: "lte0"}
	s.address("wan2", "10.0.2.2/24")
	s.route("wan2", "0.0.0.0/0", "10.0.2.1")
	s.settled()
	wantOwnTables(t, s)
	wantText(t, "endpoints", s.endpointsText(), `
		1 10.0.1.2 dev 11 subflow
		3 10.0.2.2 dev 99 subflow
	`)
}

func TestTheTableOfIP4TableIsNetifds(t *testing.T) {
	s := newScene(t, "master", "on")
	s.uci += " option ip4table '103'\n option defaultroute '0'\n"
	i := s.iface("wan2")
	i.IP4Table, i.Routes, i.Inactive = 103, nil, i.Routes
	lines := s.settled()
	if text := strings.Join(lines, "\n"); strings.Contains(text, "table 103") || !strings.Contains(text, "+ ip route add default via 10.0.2.1 dev eth2 src 10.0.2.2 table 4") {
		t.Errorf("%s", text)
	}
}

func TestForeignRouteOfTheSameKeyIsLeftAlone(t *testing.T) {
	s := newScene(t, "master")
	s.state.Foreign = []Route{{Family: IPv4, Table: 3, Dst: prefix("0.0.0.0/0"), Gateway: addr("10.0.1.9"), Device: "eth1", Index: 11}}
	for _, line := range s.settled() {
		if strings.Contains(line, "route add default") {
			t.Errorf("%s", line)
		}
	}
	if r := s.make(); len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "a foreign route") {
		t.Errorf("warnings %q", r.Warnings)
	}
}

// TestThousandsOfInterfaces is about as many of netifd's own as there are sections.
func TestThousandsOfInterfaces(t *testing.T) {
	const n = 10_000
	cfg := &config.Config{}
	var reported []netifd.Interface
	for i := range n {
		name := fmt.Sprint("wan", i)
		cfg.Interfaces = append(cfg.Interfaces, config.Interface{Name: name, Position: i + 1, Mode: config.On, Own: true})
		reported = append(reported, netifd.Interface{Name: name + "_6_4", Dynamic: true}, netifd.Interface{Name: name})
	}
	reported = append(reported, netifd.Interface{Name: "other_6", Dynamic: true})
	lines := Resolve(cfg, reported)
	if len(lines) != 2*n+1 || lines[2*n].Name != "other_6" {
		t.Fatalf("%d lines, the last is %q", len(lines), lines[len(lines)-1].Name)
	}
	for i := range n {
		own, child := &lines[2*i], &lines[2*i+1]
		if own.Name != cfg.Interfaces[i].Name || child.Name != own.Name+"_6_4" || child.From != own.Name {
			t.Fatalf("%s is followed by %s of %q", own.Name, child.Name, child.From)
		}
	}
}
