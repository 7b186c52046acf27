// SPDX-License-Identifier: Apache-2.0

package config

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// checks are the checks of all sections by name.
func checks(cfg Config) map[string]Check {
	all := make(map[string]Check)
	for _, i := range cfg.Interfaces {
		all[i.Name] = i.Check
	}
	return all
}

func TestChecksOfSections(t *testing.T) {
	cfg := mustParse(t, `
config globals 'globals'
	option mptcp_check '1'
config interface 'lan'
config interface 'wan'
	option device 'eth0'
	option proto 'dhcp'
	option multipath 'master'
	list mptcp_check_host 'dns:192.0.2.1'
	list mptcp_check_host 'tcp:192.0.2.2:443 ping:2001:db8::1'
	option mptcp_check_interval '0'
	option mptcp_check_patience '60'
	option mptcp_check_up '100'
	option mptcp_check_latency '10000'
	option mptcp_check_loss '1'
config interface 'wan6'
	option device 'eth0'
	option proto 'dhcpv6'
config interface 'wanalias'
	option device '@wan'
	option proto 'dhcpv6'
config interface 'wan2'
	option device 'eth1'
	option proto 'dhcp'
	option multipath 'on'
	option mptcp_check_interval '3600'
config interface 'wan26'
	option device 'eth1'
	option proto 'dhcpv6'
	option multipath 'backup'
config interface 'wan3'
	option device 'eth1'
	option proto 'dhcp'
	option multipath 'on'
`)
	if !cfg.Globals.Check || !cfg.Globals.Watch || len(cfg.Problems)+len(cfg.Warnings) > 0 {
		t.Errorf("check %v watch %v, %v %q", cfg.Globals.Check, cfg.Globals.Watch, cfg.Problems, cfg.Warnings)
	}
	full := Check{
		Set: true, Interval: 0, Patience: time.Minute, Up: 100, Latency: 10 * time.Second, Loss: 1,
		Targets: []Target{
			{TargetDNS, netip.MustParseAddr("192.0.2.1"), 0},
			{TargetTCP, netip.MustParseAddr("192.0.2.2"), 443},
			{TargetPing, netip.MustParseAddr("2001:db8::1"), 0},
		},
	}
	std := Check{Interval: 10 * time.Second, Patience: 3 * time.Second, Up: 3}
	hour := std
	hour.Interval = time.Hour
	taken, takenHour := full, hour
	taken.Set, hour.Set = false, true
	want := map[string]Check{"lan": std, "wan": full, "wan6": taken, "wanalias": taken, "wan2": hour, "wan26": takenHour, "wan3": std}
	if diff := cmp.Diff(want, checks(cfg), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	child, _ := cfg.Dynamic("wan_6", "dhcpv6")
	if diff := cmp.Diff(full, child.Check, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("wan_6: -want +got:\n%s", diff)
	}
}

// A bad value freezes its section, and those that take its check over.
func TestBadChecks(t *testing.T) {
	for option, values := range map[string][]string{
		"mptcp_check_interval": {"-1", "3601", "10s", "1.5"},
		"mptcp_check_patience": {"-1", "61"},
		"mptcp_check_up":       {"0", "101"},
		"mptcp_check_latency":  {"0", "10001"},
		"mptcp_check_loss":     {"0", "101"},
		"mptcp_check_host": {
			"192.0.2.1", "http:192.0.2.1", "dns:", "dns:example.com", "dns:192.0.2.1:53", "dns:0.0.0.0", "dns:127.0.0.1", "dns:fe80::1%eth0", "dns:::ffff:192.0.2.1",
			"tcp:192.0.2.1", "tcp:192.0.2.1:0", "tcp:192.0.2.1:65536", "tcp:443", "ping:224.0.0.1", "ping:255.255.255.255",
		},
	} {
		for _, value := range values {
			cfg := mustParse(t, `
config interface 'wan'
	option device 'eth0'
	option proto 'dhcp'
	option multipath 'on'
	option mptcp_check_loss '7'
	list `+option+` '`+value+`'
config interface 'wan6'
	option device 'eth0'
	option proto 'dhcpv6'
config interface 'wan2'
	option multipath 'on'
`)
			if len(cfg.Problems) != 1 || !strings.Contains(cfg.Problems[0].Error(), "option "+option+" '") {
				t.Errorf("%s '%s': %v", option, value, cfg.Problems)
			}
			for i, frozen := range []bool{true, true, false} {
				if cfg.Interfaces[i].Frozen != frozen {
					t.Errorf("%s '%s': %s frozen %v", option, value, cfg.Interfaces[i].Name, !frozen)
				}
			}
		}
	}
}

func TestTargets(t *testing.T) {
	for word, want := range map[string]string{
		"dns:192.0.2.1":             "dns:192.0.2.1",
		"dns:[2001:db8::1]":         "dns:2001:db8::1",
		"tcp:192.0.2.1:443":         "tcp:192.0.2.1:443",
		"tcp:2001:db8::1:443":       "tcp:[2001:db8::1]:443",
		"tcp:[2001:db8::1]:443":     "tcp:[2001:db8::1]:443",
		"ping:2001:db8::1":          "ping:2001:db8::1",
		"tcp:[2001:db8::1]:443:443": "",
	} {
		got, ok := ParseTarget(word)
		if ok != (want != "") || ok && got.String() != want {
			t.Errorf("%s: %v %v, want %s", word, got, ok, want)
		}
	}
}
