// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"encoding/json"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// generic reads JSON without a type, and sets every uptime to 0.
func generic(t *testing.T, data []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("%v in %q", err, data)
	}
	var still func(any)
	still = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if _, ok := v["uptime"]; ok {
				v["uptime"] = 0.0
			}
			for _, one := range v {
				still(one)
			}
		case []any:
			for _, one := range v {
				still(one)
			}
		}
	}
	still(v)
	return v
}

func prefixes(words ...string) (all []netip.Prefix) {
	for _, w := range words {
		all = append(all, netip.MustParsePrefix(w))
	}
	return all
}

func gateways(words ...string) (all []netip.Addr) {
	for _, w := range words {
		all = append(all, netip.MustParseAddr(w))
	}
	return all
}

func TestAnswersAreThoseOfARealNetifd(t *testing.T) {
	static := func(i int) Interface {
		one := newInterface(i, LineConfig{})
		one.Up = true
		return one
	}
	up := func(i Interface) Interface { i.Up = true; return i }
	lease := Interface{Name: "wan2", Proto: "dhcp", Device: "eth2", Up: true, Metric: 2, Addresses: prefixes("10.0.2.101/24"),
		Gateways: gateways("10.0.2.1"), DNS: []string{"10.0.2.1"}, Search: []string{"lab"}, LeaseTime: 20}
	dual := static(1)
	dual.Addresses, dual.Gateways, dual.DNS = prefixes("10.0.1.2/24", "fd00:1::2/64"), gateways("10.0.1.1", "fd00:1::1"), []string{"10.0.1.1"}
	tables := Interface{Name: "wan3", Proto: "static", Device: "eth3", Up: true, Metric: 3, IP4Table: 103, IP6Table: 103,
		Addresses: prefixes("10.0.3.2/24", "10.0.3.3/24", "fd00:3::2/64"), Gateways: gateways("10.0.3.1", "fd00:3::1")}
	inactive := lease
	inactive.Addresses, inactive.Gateways, inactive.DNS = prefixes("10.0.2.151/24"), gateways("10.0.2.254"), []string{"10.0.2.9"}
	inactive.NoDefaultRoute, inactive.NoPeerDNS = true, true
	down := newInterface(2, LineConfig{})
	down.Down = true
	gone := newInterface(3, LineConfig{})
	gone.Gone = true

	for _, c := range []struct {
		file   string
		args   string
		ifaces []Interface
	}{
		{"dump-static.json", "call network.interface dump", []Interface{static(1), static(2), up(lanInterface()), up(loopbackInterface())}},
		{"dump-static-v6-dhcp-ip4table.json", "-t 5 -S call network.interface dump", []Interface{dual, lease, tables, up(lanInterface()), up(loopbackInterface())}},
		{"wan2-status-dhcp-defaultroute0.json", "-S call network.interface.wan2 status", []Interface{inactive}},
		{"wan2-status-admin-down.json", "call network.interface.wan2 status", []Interface{down}},
		{"wan3-status-device-gone.json", `call network.interface status {"interface":"wan3"}`, []Interface{gone}},
	} {
		t.Run(c.file, func(t *testing.T) {
			recorded, err := os.ReadFile(filepath.Join("testdata", c.file))
			must(t, err)
			s := &state{Interfaces: c.ifaces}
			var out, problems strings.Builder
			if code := s.ubus(strings.Fields(c.args), &out, &problems); code != 0 {
				t.Fatalf("exit code %d: %s", code, problems.String())
			}
			want, got := generic(t, recorded), generic(t, []byte(out.String()))
			if one, ok := want.(map[string]any); ok && c.file == "wan2-status-dhcp-defaultroute0.json" {
				// It was recorded after a reload that changed neither of these.
				one["updated"] = []any{"addresses", "routes", "data"}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestTheStandInUbusExitsAsTheRealOneDoes(t *testing.T) {
	t.Parallel()
	l := newLab(t, Config{Lines: []LineConfig{{}}})
	self, err := os.Executable()
	must(t, err)
	must(t, l.InstallTools(self))
	for _, c := range []struct {
		name   string
		break_ Misbehaviour
		args   string
		code   int
		out    string
	}{
		{"an answer", Behave, "-t 5 call network.interface.wan1 status", 0, `"l3_device": "eth1"`},
		{"one line", Behave, "-S call network.interface.wan1 status", 0, `{"up":true,"pending":false,`},
		{"an unknown object", Behave, "call network.interface.wan9 status", 4, "Command failed: Not found\n"},
		{"an unknown object quietly", Behave, "-S call network.interface.wan9 status", 4, ""},
		{"an unknown method", Behave, "call network.interface.wan1 dance", 253, ""},
		{"list", Behave, "list network.interface.w*", 0, "network.interface.wan1\n"},
		{"list of nothing", Behave, "list nosuch", 4, "Command failed: Not found\n"},
		{"unreachable", Unreachable, "call network.interface dump", 255, "Failed to connect to ubus\n"},
		{"timeout", Timeout, "call network.interface dump", 7, "Command failed: Request timed out\n"},
		{"garbage", Garbage, "call network.interface dump", 0, "<html>"},
		{"silent", Silent, "call network.interface dump", 0, ""},
		{"no netifd", Absent, "call network.interface dump", 4, "Command failed: Not found\n"},
		{"no netifd in a list", Absent, "list network.interface", 4, "Command failed: Not found\n"},
		{"netifd is starting", Starting, "call network.interface dump", 4, "Command failed: Not found\n"},
	} {
		must(t, l.BreakUbus(c.break_))
		out, code := runTool(t, l, "ubus", strings.Fields(c.args)...)
		if code != c.code || !strings.Contains(out, c.out) || c.out == "" && out != "" {
			t.Errorf("%s: exit code %d, %q; want %d, %q", c.name, code, out, c.code, c.out)
		}
	}
	must(t, l.BreakUbus(Truncated))
	if out, _ := runTool(t, l, "ubus", "-S", "call", "network.interface", "dump"); json.Valid([]byte(out)) {
		t.Errorf("a truncated answer is whole: %s", out)
	}
	calls, err := l.Calls()
	must(t, err)
	must(t, l.update(func(s *state) error {
		s.Ubus, s.Broken = Starting, time.Now().Add(-startTime)
		return nil
	}))
	if out, code := runTool(t, l, "ubus", "call", "network.interface", "dump"); code != 0 {
		t.Errorf("3 s after its start netifd is not registered: exit code %d, %q", code, out)
	}
	if want := "ubus -t 5 call network.interface.wan1 status\n"; len(calls) != 15 || calls[0] != want {
		t.Errorf("%d calls, the first %q, want 15 and %q", len(calls), calls[0], want)
	}
}

// runTool runs a stand-in as mptcpctl would and returns what it printed on both streams.
func runTool(t *testing.T, l *Lab, name string, args ...string) (string, int) {
	t.Helper()
	cmd := exec.CommandContext(limited(t), filepath.Join(l.BinDir(), name), args...)
	cmd.Env = append(os.Environ(), DirVariable+"="+l.Dir)
	out, _ := cmd.CombinedOutput() // The exit code tells the rest.
	if cmd.ProcessState == nil {
		t.Fatalf("%s did not start", name)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func TestUptimeCountsFromTheLastIfup(t *testing.T) {
	s := &state{Interfaces: []Interface{{Name: "wan1", Proto: "static", Device: "eth1", Up: true, Since: time.Unix(1000, 0)}}}
	if got := s.status(&s.Interfaces[0], time.Unix(1007, 0)); *got.Uptime != 7 {
		t.Errorf("uptime %d, want 7", *got.Uptime)
	}
}

func TestADelegatedPrefixIsReportedWithItsAssignment(t *testing.T) {
	wan := newInterface(1, LineConfig{NoIPv4: true, IPv6: true, Prefix: netip.MustParsePrefix("3fff:1:100::/56")})
	lan := lanInterface()
	wan.Up, lan.Up = true, true
	s := &state{LAN: true, Interfaces: []Interface{wan, lan}}
	got, err := json.Marshal(s.dump(time.Now()))
	must(t, err)
	for _, want := range []string{
		`"ipv6-prefix":[{"address":"3fff:1:100::","mask":56,"class":"wan1","assigned":{"lan":{"address":"3fff:1:100::","mask":64}}}]`,
		`"ipv6-prefix-assignment":[{"address":"3fff:1:100::","mask":64,"local-address":{"address":"3fff:1:100::1","mask":64}}]`,
	} {
		if !strings.Contains(string(got), want) {
			t.Errorf("no %s in %s", want, got)
		}
	}
}
