// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
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
	return Parse("/etc/config/network", pkg)
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
		{"mptcp_check", "maybe", "/etc/config/network: section 'globals': option mptcp_check 'maybe': expected 1, on, true, yes, enabled, 0, off, false, no or disabled"},
		{"mptcp_subflows", "256", "/etc/config/network: section 'globals': option mptcp_subflows '256': expected 0 to 255"},
		{"mptcp_add_addr_accepted", "-1", "/etc/config/network: section 'globals': option mptcp_add_addr_accepted '-1': expected 0 to 255"},
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
	option mptcp_laminar 'no'
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
		{"an alias with defaultroute 0", on("wan", "dhcp", "eth0") + "config interface 'a'\n option device '@wan'\n option proto 'dhcpv6'\n option defaultroute '0'\n", nil},
		{"an alias of the same family", on("wan", "dhcp", "eth0") + section("a", "static", "@wan"), nil},
		{"an alias of the same family, of one that takes over", on("wan", "dhcp", "eth0") + section("wan6", "dhcpv6", "@wan") + section("a", "static", "@wan6"), map[string]string{"wan6": "wan"}},
		{"an alias of what may have both", on("wan", "qmi", "eth0") + section("a", "static", "@wan"), map[string]string{"a": "wan"}},
		{"an alias of one that takes over by device", on("wan", "dhcp", "eth0") + section("wan6", "dhcpv6", "eth0") + section("a", "6in4", "@wan6"), map[string]string{"wan6": "wan", "a": "wan"}},
		{"DHCPv6 beside DHCP", on("wan", "dhcp", "eth0") + section("wan6", "dhcpv6", "eth0"), map[string]string{"wan6": "wan"}},
		{"DHCPv6 beside PPPoE", on("wan", "pppoe", "eth0") + section("wan6", "dhcpv6", "eth0"), map[string]string{"wan6": "wan"}},
		{"DHCPv6 on PPPoE's own device", on("wan", "pppoe", "eth0") + section("wan6", "dhcpv6", "pppoe-wan"), map[string]string{"wan6": "wan"}},
		{"a PPP device of another name", on("wan", "pppoe", "eth0") + section("wan6", "dhcpv6", "pppoe-lan") + section("w", "dhcpv6", "tun-wan"), nil},
		{"static IPv6 beside DHCP", on("wan", "dhcp", "eth0") + section("wan6", "static", "eth0") + " option ip6addr '2001:db8::2/64'\n", map[string]string{"wan6": "wan"}},
		{"the modem's page beside PPPoE", on("wan", "pppoe", "eth0") + section("modem", "dhcp", "eth0"), nil},
		{"a static page of the modem beside DHCP", on("wan", "dhcp", "eth0") + section("modem", "static", "eth0") + " option ipaddr '192.168.100.2/24'\n", nil},
		{"DHCPv6 with defaultroute 0", on("wan", "dhcp", "eth0") + section("wan6", "dhcpv6", "eth0") + " option defaultroute 'no'\n", nil},
		{"DHCPv6 beside what may have both", on("wan", "qmi", "eth0") + section("wan6", "dhcpv6", "eth0"), nil},
		{"what may have both beside DHCP", on("wan", "dhcp", "eth0") + section("w", "wwan", "eth0"), nil},
		{"DHCPv6 beside DHCP and a modem's page that is off", section("modem", "static", "eth0") + " option ipaddr '192.168.8.2/24'\n option multipath 'off'\n" + on("wan", "dhcp", "eth0") + section("wan6", "dhcpv6", "eth0"), map[string]string{"wan6": "wan"}},
		{"DHCPv6 beside DHCP that is off", section("wan", "dhcp", "eth0") + " option multipath 'off'\n" + section("wan6", "dhcpv6", "eth0"), map[string]string{"wan6": "wan"}},
		{"the same device without proto", "config interface 'wan'\n option device 'eth0'\n option multipath 'on'\nconfig interface 'wan6'\n option device 'eth0'\n", nil},
		{"the same device, but two set the option", on("wan", "dhcp", "eth0") + on("w", "dhcp", "eth0") + section("wan6", "dhcpv6", "eth0"), nil},
		{"its own off prevents it", on("wan", "dhcp", "eth0") + section("wan6", "dhcpv6", "eth0") + " option multipath 'off'\n", nil},
		{"no device is not the same device", on("wan", "dhcp", "") + section("wan6", "dhcpv6", ""), nil},
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

// A line that is switched off for a while goes on being the one whose mode others
// take over, beside an interface that is off for good.
func TestTakingOverARuntimeChoice(t *testing.T) {
	cfg := mustParse(t, section("modem", "dhcp", "eth0")+" option multipath 'off'\n"+
		section("wan", "dhcp", "eth0")+" option multipath 'off'\n"+section("wan6", "dhcpv6", "eth0"))
	cfg.SetSaved(map[string]string{"wan": "master"})
	if i, _ := cfg.Interface("wan6"); i.From != "wan" || i.Mode != Off || i.Saved != Master || !i.Chosen || i.Unsaved {
		t.Errorf("%+v", i)
	}
	if i, _ := cfg.Interface("modem"); i.Chosen || i.Unsaved {
		t.Errorf("%+v", i)
	}
	cfg = mustParse(t, on("wan", "dhcp", "eth0")+section("wan6", "dhcpv6", "eth0"))
	cfg.SetSaved(map[string]string{"wan": ""})
	if i, _ := cfg.Interface("wan6"); i.From != "wan" || i.Mode != On || !i.Chosen || !i.Unsaved {
		t.Errorf("%+v", i)
	}
}

func TestAProblemIsOneLineThatFitsAScreen(t *testing.T) {
	p := Problem{File: "network", Section: strings.Repeat("s", 200), Option: "multipath", Value: strings.Repeat("v ", 200) + "\x1b[2J\n", Accepted: "off or on"}
	want := "network: section '" + strings.Repeat("s", 80) + "...': option multipath '" + strings.Repeat("v ", 40) + "...': expected off or on"
	if got := p.Error(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := Shown("a\x1b[2J\nb"); got != "a?[2J?b" {
		t.Errorf("%q", got)
	}
}

// TestThousandsOfSections would not end in any reasonable time if each section were
// compared with all others, and each alias followed once for every other.
func TestThousandsOfSections(t *testing.T) {
	const n = 10_000
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "config interface 's%d'\n option multipath_table '%d'\n", i, 1000+i%(n-1))
		if i+1 < n {
			fmt.Fprintf(&text, " option device '@s%d'\n", i+1)
		} else {
			text.WriteString(" option multipath 'on'\n")
		}
	}
	cfg := mustParse(t, text.String())
	for i, section := range cfg.Interfaces[:n-1] {
		if section.From != cfg.Interfaces[n-1].Name || section.Mode != On {
			t.Fatalf("s%d takes %s over from %q", i, section.Mode, section.From)
		}
	}
	if len(cfg.Problems) != 2 || cfg.Problems[0].Section != "s0" || cfg.Problems[1].Section != cfg.Interfaces[n-1].Name {
		t.Errorf("the problems are %v, want those of the first and the last", cfg.Problems)
	}
}

func section(name, proto, device string) string {
	return "config interface '" + name + "'\n option proto '" + proto + "'\n option device '" + device + "'\n"
}

func on(name, proto, device string) string {
	return section(name, proto, device) + " option multipath 'on'\n"
}

func TestFamiliesOfSections(t *testing.T) {
	both, four, six := Families{IPv4: true, IPv6: true}, Families{IPv4: true}, Families{IPv6: true}
	for text, want := range map[string]Families{
		"":                            both,
		" option proto 'dhcp'\n":      four,
		" option proto '464xlat'\n":   four,
		" option proto 'dhcpv6'\n":    six,
		" option proto '6in4'\n":      six,
		" option proto 'wireguard'\n": both,
		" option proto 'none'\n":      both,
		" option proto 'static'\n":    four,
		" option proto 'static'\n option ipaddr '10.0.0.1/24'\n":                       four,
		" option proto 'static'\n list ipaddr '10.0.0.1/24'\n option ip6assign '60'\n": both,
		" option proto 'static'\n option ip6prefix '2001:db8::/48'\n":                  six,
		" option proto 'static'\n option ipaddr ''\n list ip6addr '2001:db8::1/64'\n":  six,
	} {
		if got := mustParse(t, "config interface 'wan'\n"+text).Interfaces[0].Families; got != want {
			t.Errorf("%q: %+v, want %+v", text, got, want)
		}
	}
}

func TestGatewaysThatCannotBeOne(t *testing.T) {
	for _, tt := range []struct {
		option, value, mode string
		bad                 bool
	}{
		{"gateway", "127.0.0.1", "on", true},
		{"gateway", "224.0.0.1", "on", true},
		{"gateway", "255.255.255.255", "master", true},
		{"ip6gw", "::1", "on", true},
		{"ip6gw", "ff02::1", "on", true},
		{"ip6gw", "fe80::1", "on", false},
		{"gateway", "0.0.0.0", "on", false},
		{"ip6gw", "::", "on", false},
		{"gateway", "10.0.0.1", "on", false},
		{"gateway", "127.0.0.1", "off", false},
		{"gateway", "127.0.0.1", "", false},
	} {
		cfg := mustParse(t, "config interface 'wan'\n option "+tt.option+" '"+tt.value+"'\n option multipath '"+tt.mode+"'\n")
		if bad := len(cfg.Problems) == 1; bad != tt.bad || cfg.Interfaces[0].Frozen != tt.bad {
			t.Errorf("%s '%s' of mode %q: %v", tt.option, tt.value, tt.mode, cfg.Problems)
		}
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
		{"wan_6_4", "wan", Backup, false, true},
		{"wan_6_4_x", "wan", Backup, false, true},
		{"other_6_4", "", Off, false, false},
	} {
		got, ok := cfg.Dynamic(tt.name, "dslite")
		if ok != tt.ok || got.From != tt.from || got.Mode != tt.mode || got.Frozen != tt.frozen {
			t.Errorf("%s: %+v %v", tt.name, got, ok)
		}
	}
	if got, _ := cfg.Dynamic("wan_6", "dhcpv6"); got.Families != (Families{IPv6: true}) || got.Proto != "dhcpv6" {
		t.Errorf("families %+v of %s", got.Families, got.Proto)
	}
	if got, _ := cfg.Dynamic("wan_6", "dhcpv6"); got.Table != 9 || got.Position != 1 {
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
