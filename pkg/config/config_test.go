// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mptcpctl/mptcpctl/pkg/uci"
)

func parse(t *testing.T, text string) (Config, error) {
	t.Helper()
	pkg, err := uci.Parse("network", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return Parse("/etc/config/network", pkg, 8)
}

func mustParse(t *testing.T, text string) Config {
	t.Helper()
	cfg, err := parse(t, text)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// globals is a configuration with one option in the section "globals".
func globals(option, value string) string {
	return "config globals 'globals'\n option " + option + " '" + value + "'\nconfig interface 'lan'\n"
}

func TestMainSwitch(t *testing.T) {
	for word, want := range map[string]bool{
		"enable": true, "1": true, "on": true, "true": true, "yes": true, "enabled": true,
		"disable": false, "0": false, "off": false, "false": false, "no": false, "disabled": false,
	} {
		if cfg := mustParse(t, globals("multipath", word)); cfg.Globals.Multipath != want {
			t.Errorf("%q: %v, want %v", word, cfg.Globals.Multipath, want)
		}
	}
	if cfg := mustParse(t, "config interface 'lan'\n"); cfg.Globals.Multipath {
		t.Error("on without the option")
	}
	if cfg := mustParse(t, "config banner 'globals'\n option multipath 'enable'\nconfig interface 'lan'\n"); !cfg.Globals.Multipath {
		t.Error("off in a section of another type")
	}
}

func TestBadGlobalsMakeTheWholeUnusable(t *testing.T) {
	for _, tt := range []struct{ option, value, want string }{
		{"multipath", "enabel", "/etc/config/network: section 'globals': option multipath 'enabel': expected enable, disable, 1, on, true, yes, enabled, 0, off, false, no or disabled"},
		{"mptcp_watch", "maybe", "/etc/config/network: section 'globals': option mptcp_watch 'maybe': expected 1, on, true, yes, enabled, 0, off, false, no or disabled"},
		{"mptcp_subflows", "9", "/etc/config/network: section 'globals': option mptcp_subflows '9': expected 0 to 8"},
		{"mptcp_add_addr_accepted", "-1", "/etc/config/network: section 'globals': option mptcp_add_addr_accepted '-1': expected 0 to 8"},
	} {
		_, err := parse(t, globals(tt.option, tt.value))
		var problem Problem
		if !errors.As(err, &problem) || err.Error() != tt.want {
			t.Errorf("got  %v\nwant %s", err, tt.want)
		}
	}
}

func TestNoInterfaceSectionIsAnError(t *testing.T) {
	if _, err := parse(t, "config globals 'globals'\n option multipath 'enable'\n"); !errors.Is(err, ErrNoInterfaces) {
		t.Errorf("got %v", err)
	}
}

func TestGlobals(t *testing.T) {
	cfg := mustParse(t, `
config globals 'globals'
	option multipath 'enable'
	option mptcp_path_manager 'fullmesh'
	option mptcp_subflows '0'
	option mptcp_add_addr_accepted '8'
	option mptcp_scheduler 'blest'
	option mptcp_checksum 'disable'
	option mptcp_allow_join_initial_addr_port 'true'
	option mptcp_close_timeout '60'
	option congestion 'bbr2'
	option mptcp_watch 'yes'
	option mptcp_debug '1'
config interface 'lan'
`)
	zero, eight := uint32(0), uint32(8)
	want := Globals{
		Multipath: true, Fullmesh: true, Subflows: &zero, AddAddrAccepted: &eight, Watch: true,
		Sysctls: []Sysctl{
			{"mptcp_scheduler", "net.mptcp.scheduler", "blest"},
			{"mptcp_checksum", "net.mptcp.checksum_enabled", "0"},
			{"mptcp_allow_join_initial_addr_port", "net.mptcp.allow_join_initial_addr_port", "1"},
			{"mptcp_close_timeout", "net.mptcp.close_timeout", "60"},
			{"congestion", "net.ipv4.tcp_congestion_control", "bbr2"},
		},
	}
	if diff := cmp.Diff(want, cfg.Globals); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if len(cfg.Warnings) != 0 {
		t.Errorf("warnings %q", cfg.Warnings)
	}
}

func TestUnknownPathManagerIsAWarning(t *testing.T) {
	cfg := mustParse(t, globals("mptcp_path_manager", "ndiffports"))
	if cfg.Globals.Fullmesh || len(cfg.Warnings) != 1 || !strings.Contains(cfg.Warnings[0], "'ndiffports'") {
		t.Errorf("%v %q", cfg.Globals.Fullmesh, cfg.Warnings)
	}
}

func TestModesOfSections(t *testing.T) {
	cfg := mustParse(t, `
config interface 'lan'
config interface 'wan1'
	option multipath 'master'
config device 'x'
config interface 'wan2'
	option multipath ''
config interface 'wan3'
	option multipath 'bakcup'
`)
	type mode struct {
		Position    int
		Mode        Mode
		Own, Frozen bool
	}
	want := map[string]mode{
		"lan": {1, Off, false, false}, "wan1": {2, Master, true, false},
		"wan2": {3, Off, false, false}, "wan3": {4, Off, true, true},
	}
	got := make(map[string]mode)
	for _, i := range cfg.Interfaces {
		got[i.Name] = mode{i.Position, i.Mode, i.Own, i.Frozen}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	const problem = "/etc/config/network: section 'wan3': option multipath 'bakcup': expected off, on, master, backup, handover or signal"
	if len(cfg.Problems) != 1 || cfg.Problems[0].Error() != problem {
		t.Errorf("problems %v", cfg.Problems)
	}
}

func TestFixedTables(t *testing.T) {
	for value, good := range map[string]bool{
		"2": true, "252": true, "256": true, "4294967295": true,
		"0": false, "1": false, "253": false, "254": false, "255": false, "4294967296": false, "-1": false, "main": false, "0x10": false,
	} {
		cfg := mustParse(t, "config interface 'wan'\n option multipath 'on'\n option multipath_table '"+value+"'\n")
		if got := len(cfg.Problems) == 0; got != good || cfg.Interfaces[0].Frozen == good {
			t.Errorf("%s: good %v, problems %v", value, got, cfg.Problems)
		}
	}
}

func TestFixedTableOfAnothersRoutes(t *testing.T) {
	cfg := mustParse(t, `
config interface 'wan1'
	option multipath 'on'
	option multipath_table '103'
	option ip4table '103'
config interface 'wan2'
	option multipath 'on'
	option multipath_table '104'
config interface 'wan3'
	option ip4table '104'
`)
	if len(cfg.Problems) != 1 || cfg.Problems[0].Section != "wan2" || cfg.Interfaces[0].Frozen {
		t.Errorf("problems %v", cfg.Problems)
	}
}

func TestTakingOverAMode(t *testing.T) {
	for _, tt := range []struct {
		name, uci string
		from      map[string]string
	}{
		{"an alias", "config interface 'wan'\n option multipath 'master'\nconfig interface 'a'\n option device '@wan'\n", map[string]string{"a": "wan"}},
		{"an alias by the old option ifname", "config interface 'wan'\n option multipath 'on'\nconfig interface 'a'\n option ifname '@wan'\n", map[string]string{"a": "wan"}},
		{"an alias of an alias", "config interface 'wan'\n option multipath 'on'\nconfig interface 'a'\n option device '@wan'\nconfig interface 'b'\n option device '@a'\n", map[string]string{"a": "wan", "b": "wan"}},
		{"aliases in a circle", "config interface 'a'\n option device '@b'\nconfig interface 'b'\n option device '@a'\n", nil},
		{"an alias of itself", "config interface 'a'\n option device '@a'\n", nil},
		{"the same device", "config interface 'wan'\n option device 'eth0'\n option multipath 'on'\nconfig interface 'wan6'\n option device 'eth0'\n", map[string]string{"wan6": "wan"}},
		{"the same device, but two set the option", "config interface 'wan'\n option device 'eth0'\n option multipath 'on'\nconfig interface 'w'\n option device 'eth0'\n option multipath 'on'\nconfig interface 'wan6'\n option device 'eth0'\n", nil},
		{"its own off prevents it", "config interface 'wan'\n option device 'eth0'\n option multipath 'on'\nconfig interface 'wan6'\n option device 'eth0'\n option multipath 'off'\n", nil},
		{"no device is not the same device", "config interface 'wan'\n option multipath 'on'\nconfig interface 'wan6'\n", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := mustParse(t, tt.uci)
			for _, i := range cfg.Interfaces {
				if i.From != tt.from[i.Name] {
					t.Errorf("%s takes over from %q, want %q", i.Name, i.From, tt.from[i.Name])
				}
				if parent, ok := cfg.Interface(i.From); ok && i.Mode != parent.Mode {
					t.Errorf("%s has mode %s, %s has %s", i.Name, i.Mode, parent.Name, parent.Mode)
				}
			}
		})
	}
}

func TestDynamicInterfaces(t *testing.T) {
	cfg := mustParse(t, "config interface 'wan'\n option multipath 'backup'\n option multipath_table '9'\nconfig interface 'my_wan'\nconfig interface 'bad'\n option multipath 'x'\n")
	for _, tt := range []struct {
		name, from string
		mode       Mode
		frozen, ok bool
	}{
		{"wan_6", "wan", Backup, false, true},
		{"my_wan_4", "", Off, false, true},
		{"bad_6", "bad", Off, true, true},
		{"wan", "", Off, false, false},
		{"_6", "", Off, false, false},
		{"wan_6_4", "", Off, false, false},
	} {
		got, ok := cfg.Dynamic(tt.name)
		if ok != tt.ok || got.From != tt.from || got.Mode != tt.mode || got.Frozen != tt.frozen {
			t.Errorf("%s: %+v %v", tt.name, got, ok)
		}
	}
	if got, _ := cfg.Dynamic("wan_6"); got.Table != 9 || got.Position != 1 {
		t.Errorf("table %d, position %d", got.Table, got.Position)
	}
}

func TestDefaultRoutesOfTables(t *testing.T) {
	cfg := mustParse(t, `
config interface 'lan'
config route
	option table '10'
config route
	option target '0.0.0.0/0'
	option table '11'
config route
	option target '0.0.0.0'
	option netmask '0.0.0.0'
	option table '12'
config route6
	option target '::/0'
	option table '0xd'
config route
	option target '10.0.0.0/8'
	option table '14'
config route
	option table '15'
	option disabled '1'
config route
	option target '0.0.0.0/0'
config rule
	option lookup '16'
`)
	if diff := cmp.Diff([]uint32{10, 11, 12, 13}, cfg.DefaultTables); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestGatewaysAndDevices(t *testing.T) {
	cfg := mustParse(t, "config interface 'wan'\n option ifname 'eth0 eth1'\n option gateway '10.0.0.1'\n option ip6gw 'nonsense'\nconfig interface 'wan2'\n option gateway 'fe80::1'\n option ip6gw '10.0.0.1'\n")
	i := cfg.Interfaces[0]
	if i.Device != "eth0" || i.Gateway != netip.MustParseAddr("10.0.0.1") || i.IP6Gateway.IsValid() || len(cfg.Warnings) != 3 {
		t.Errorf("%+v %q", i, cfg.Warnings)
	}
	if i := cfg.Interfaces[1]; i.Gateway.IsValid() || i.IP6Gateway.IsValid() {
		t.Errorf("gateways of the other family: %+v", i)
	}
}
