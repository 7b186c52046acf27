// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/explain"
	"github.com/mptcpctl/mptcpctl/pkg/netifd"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
	"github.com/mptcpctl/mptcpctl/pkg/uci"
)

// examined runs a table of changes to the healthy router.
func examined(t *testing.T, tests map[string]examinedCase) {
	t.Helper()
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := healthy()
			tt.change(f)
			if diff := cmp.Diff(tt.want, summary(Examine(f))); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

type examinedCase struct {
	change func(*Facts)
	want   string
}

func parsed(text string) *uci.Package {
	pkg, err := uci.Parse("test", []byte(text))
	if err != nil {
		panic(err)
	}
	return pkg
}

func TestOtherManagers(t *testing.T) {
	t.Parallel()
	const (
		endpoints = `second_manager  [printf '[connection-mptcpctl]\nconnection.mptcp-flags=1\n' >/etc/NetworkManager/conf.d/mptcpctl.conf; systemctl restart NetworkManager]` + "\n"
		settings  = `networkd  [mkdir -p /etc/systemd/networkd.conf.d; printf '[Network]\nManageForeignRoutingPolicyRules=no\nManageForeignRoutes=no\n' >/etc/systemd/networkd.conf.d/mptcpctl.conf; systemctl restart systemd-networkd; mptcpctl apply]` + "\n"
		unwatched = "networkd  [systemctl enable --now mptcpctl-watch]\n"
		kept      = "[Network]\nManageForeignRoutingPolicyRules=no\n ManageForeignRoutes = No\n"
	)
	manager := func(text string) func(*Facts) {
		return func(f *Facts) { f.Processes, f.NetworkManager = []string{"NetworkManager"}, text }
	}
	networkd := func(text string, watched bool) func(*Facts) {
		return func(f *Facts) { f.Processes, f.Networkd, f.Watched = []string{"systemd-network"}, text, watched }
	}
	examined(t, map[string]examinedCase{
		"NetworkManager with the flag":                  {manager("[connection]\nconnection.mptcp-flags=1\n"), ""},
		"NetworkManager with spaces, in a section more": {manager("[connection-mptcp]\n connection.mptcp-flags = 1\n"), ""},
		"NetworkManager with further bits":              {manager("[connection]\nconnection.mptcp-flags=17\n"), ""},
		"NetworkManager with another number":            {manager("[connection]\nconnection.mptcp-flags=16\n"), endpoints},
		"NetworkManager with a longer number":           {manager("[connection]\nconnection.mptcp-flags=18\n"), endpoints},
		"NetworkManager with the word":                  {manager("[connection]\nconnection.mptcp-flags=disabled\n"), endpoints},
		"NetworkManager with a comment":                 {manager("[connection]\n#connection.mptcp-flags=1\n"), endpoints},
		"NetworkManager with the flag elsewhere":        {manager("[main]\nconnection.mptcp-flags=1\n"), endpoints},
		"networkd as it is":                             {networkd("", false), settings + unwatched},
		"networkd as it is, and watch":                  {networkd("", true), settings},
		"networkd told to keep, without watch":          {networkd(kept, false), unwatched},
		"networkd told to keep, and watch":              {networkd(kept, true), ""},
		"networkd told half":                            {networkd("ManageForeignRoutes=no\n", true), settings},
		"networkd told otherwise by a later file":       {networkd(kept+"\n[Network]\nManageForeignRoutes=yes\n", true), settings},
		"settings of a networkd that does not run":      {func(f *Facts) { f.Networkd = "" }, ""},
	})
}

const fw4 = `table inet fw4 {
	chain pbr_mark {
		counter meta mark set meta mark & 0xff00ffff | 0x00030000
		return
	}

	chain pbr_output {
		comment "jump elsewhere"
		udp dport 53 goto pbr_mark
	}

	chain mangle_output {
		type route hook output priority -150; policy accept;
		jump pbr_output
	}
}
`

func TestOutputMarks(t *testing.T) {
	t.Parallel()
	chain := func(hook, rules string) string {
		return "table ip a {\n\tchain c {\n\t\ttype route hook " + hook + " priority -150; policy accept;\n" + rules + "\t}\n}\n"
	}
	for name, tt := range map[string]struct {
		ruleset string
		want    bool
	}{
		"pbr, by two jumps":                      {fw4, true},
		"by the map of a verdict":                {"table ip a {\n\tchain m {\n\t\tmeta mark set 0x00030000\n\t}\n\tchain o {\n\t\ttype filter hook output priority 0; policy accept;\n\t\ttcp dport vmap { 80 : accept, 81 : jump m, 82 : drop }\n\t}\n}\n", true},
		"another chain of that name":             {"table ip b {\n\tchain pbr_mark {\n\t}\n}\n" + fw4, true},
		"in the chain itself":                    {chain("output", "meta mark set 0x00030000\n"), true},
		"the mark of iptables":                   {chain("output", "counter meta mark set mark and 0xff00ffff xor 0x30000\n"), true},
		"of the connection":                      {chain("output", "meta mark set ct mark\n"), true},
		"by a map":                               {chain("output", "meta mark set ip daddr map @m\n"), true},
		"a target of iptables":                   {chain("output", "xt target \"MARK\"\n"), true},
		"another mark":                           {chain("output", "meta mark set 0x00010000\n"), false},
		"the bits that are kept":                 {chain("output", "meta mark set meta mark & 0xff03ffff\n"), false},
		"what is forwarded":                      {chain("prerouting", "meta mark set 0x00030000\n"), false},
		"a mark that is asked for":               {chain("output", "meta mark 0x00030000 accept\n"), false},
		"the connection's mark":                  {chain("output", "ct mark set 0x00030000\n"), false},
		"a comment":                              {chain("output", "accept comment \"meta mark set 0x00030000\"\n"), false},
		"a circle":                               {chain("output", "jump c\n"), false},
		"a chain that is none":                   {chain("output", "jump nowhere\n"), false},
		"no rules at all":                        {"", false},
		"the end of a list that is cut off":      {"table ip a {\n\tchain c {\n\t\ttype route hook", false},
		"rules outside of a chain say nothing":   {"meta mark set 0x00030000 hook output\n", false},
		"the elements of a map are of no chain":  {"table ip a {\n\tmap m {\n\t\ttype ipv4_addr : mark\n\t}\n}\n", false},
		"the mark of a chain that nobody enters": {"table ip a {\n\tchain m {\n\t\tmeta mark set 0x00030000\n\t}\n}\n", false},
	} {
		if got := outputMarks(tt.ruleset).reach(0x30000, 0xff0000); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

func TestPolicies(t *testing.T) {
	t.Parallel()
	const (
		followed = "policy_behind  [ip rule add pref 400 from all fwmark 0x30000/0xff0000 lookup 258]\n"
		noted    = "mark_behind  []\n"
	)
	source := Rule{AnyRule: explain.AnyRule{Rule: plan.Rule{Priority: 502, Src: netip.PrefixFrom(addr1, 32), Table: 2}, Protocol: plan.Protocol}}
	pbr := Rule{AnyRule: explain.AnyRule{
		Rule: plan.Rule{Priority: 29998, Table: 258, Suppress: -1, Mark: 0x30000}, Action: explain.ActionLookup, Mask: 0xff0000,
	}}
	with := func(ruleset string, rules ...Rule) func(*Facts) {
		return func(f *Facts) { f.Rules[plan.IPv4], f.Ruleset = rules, ruleset }
	}
	changed := func(change func(*Rule)) Rule {
		r := pbr
		change(&r)
		return r
	}
	examined(t, map[string]examinedCase{
		"an output chain sets the mark":       {with(fw4, source, pbr), followed},
		"no chain does":                       {with("", source, pbr), noted},
		"no line has a rule":                  {with(fw4, pbr), ""},
		"it comes first":                      {with(fw4, changed(func(r *Rule) { r.Priority = 400 }), source), ""},
		"another rule for it comes first":     {with(fw4, changed(func(r *Rule) { r.Priority = 400 }), source, pbr), ""},
		"a rule for more marks comes first":   {with(fw4, changed(func(r *Rule) { r.Mark, r.Mask = 0x20000, 0x20000 }), source, pbr), ""},
		"a rule for another mark comes first": {with(fw4, changed(func(r *Rule) { r.Mark = 0x10000 }), source, pbr), followed},
		"a rule for fewer marks comes first":  {with(fw4, changed(func(r *Rule) { r.Mark, r.Mask = 0x30001, 0xff0001 }), source, pbr), followed},
		"what comes in by a device":           {with(fw4, source, changed(func(r *Rule) { r.IIF = "br-lan" })), ""},
		"all but one mark":                    {with(fw4, source, changed(func(r *Rule) { r.Invert = true })), ""},
		"a rule that refuses":                 {with(fw4, source, changed(func(r *Rule) { r.Table = 0 })), ""},
		"a mark for the main table":           {with("", source, changed(func(r *Rule) { r.Table = plan.Main })), ""},
		"a mark for the main table that is set": {
			with(fw4, source, changed(func(r *Rule) { r.Table = plan.Main })), "policy_behind  [ip rule add pref 400 from all fwmark 0x30000/0xff0000 lookup main]\n",
		},
		"mwan3 marks the subflows too": {
			with(fw4, source, changed(func(r *Rule) { r.Priority = 2001 })), "policy_behind  [# start the program with: mwan3 use INTERFACE COMMAND]\n",
		},
	})
}

func TestMainTable(t *testing.T) {
	t.Parallel()
	refused := func(typ uint8, dst string, metric uint32) func(*Facts) {
		return func(f *Facts) {
			p := netip.MustParsePrefix(dst)
			f.Routes = []Route{{Route: plan.Route{Family: plan.FamilyOf(p.Addr()), Dst: p, Metric: metric}, Type: typ}}
		}
	}
	// held is a peer behind the first line, which a tracker has put last.
	held := func(change func(*Facts)) func(*Facts) {
		return func(f *Facts) {
			f.Routes = []Route{{Route: plan.Route{Dst: netip.MustParsePrefix("203.0.113.9/32"), Gateway: netip.MustParseAddr("10.0.1.1"), Device: "eth1"}, Type: 1}}
			f.Result.Lines[0].Mode, f.Result.Lines[0].Saved, f.Result.Lines[0].Chosen = config.Handover, config.Master, true
			f.Config.Interfaces = []config.Interface{{Name: "wan1", Saved: config.Master}}
			f.Result.MasterList[plan.IPv4] = []string{"wan2", "wan1"}
			f.Result.Lines = append(f.Result.Lines, plan.LineUse{Line: plan.Line{
				Interface: config.Interface{Name: "vpn"}, Netifd: netifd.Interface{Name: "vpn", Up: true, Proto: "wireguard"}, Device: "vpn",
			}})
			change(f)
		}
	}
	const mended = "host_route wan1 [uci set network.vpn.nohostroute=1; uci commit network; /etc/init.d/network reload; mptcpctl apply]\n"
	another := func(f *Facts) {
		other := f.Result.Lines[2]
		other.Name = "vpn2"
		f.Result.Lines = append(f.Result.Lines, other)
	}
	examined(t, map[string]examinedCase{
		"an unreachable default":      {refused(7, "0.0.0.0/0", 9999), "error_route  [ip route del unreachable default metric 9999]\n"},
		"half of the addresses":       {refused(6, "::/1", 1024), "error_route  [ip -6 route del blackhole ::/1 metric 1024]\n"},
		"a tunnel's peer":             {held(func(*Facts) {}), mended},
		"the line is off for a while": {held(func(f *Facts) { f.Result.Lines[0].Mode = config.Off }), mended + "switched_off wan1 [mptcpctl iface wan1 --reset]\n"},
		"the line is a backup":        {held(func(f *Facts) { f.Result.Lines[0].Mode, f.Result.Lines[0].Chosen = config.Backup, false }), mended},
		"the line is first":           {held(func(f *Facts) { f.Result.MasterList[plan.IPv4] = []string{"wan1", "wan2"} }), ""},
		"there is no list":            {held(func(f *Facts) { f.Result.MasterList = [2][]string{} }), ""},
		"no tunnel":                   {held(func(f *Facts) { f.Result.Lines = f.Result.Lines[:2] }), ""},
		"two tunnels":                 {held(another), "host_route wan1 [uci set network.TUNNEL.nohostroute=1; uci commit network; /etc/init.d/network reload; mptcpctl apply]\n"},
		"the line's own gateway":      {held(func(f *Facts) { f.Result.Lines[0].Use[plan.IPv4].Gateway = netip.MustParseAddr("203.0.113.9") }), ""},
		"a route that netifd has itself": {held(func(f *Facts) {
			f.Result.Lines[0].Netifd.Routes = []netifd.Route{{Target: netip.MustParsePrefix("203.0.113.9/32")}}
		}), ""},
		"a tunnel of that very line": {held(func(f *Facts) { f.Network = parsed("config interface 'vpn'\n option tunlink 'wan1'\n") }), ""},
		"the tunnel whose peer it is": {
			held(func(f *Facts) {
				another(f)
				f.Network = parsed("config interface 'vpn'\nconfig wireguard_vpn\n option endpoint_host '203.0.113.9'\n")
			}), mended,
		},
	})
}

func TestOptions(t *testing.T) {
	t.Parallel()
	with := func(text string) func(*Facts) { return func(f *Facts) { f.Network = parsed(text) } }
	examined(t, map[string]examinedCase{
		"all of them are known": {
			with("config globals 'globals'\n option multipath 'enable'\n option mptcp_subflows '3'\n option congestion 'bbr'\n option ula_prefix 'fd00::/48'\n" +
				"config interface 'wan'\n option multipath 'on'\n option multipath_table '9'\n option metric '1'\n"), "",
		},
		"two letters swapped": {
			with("config interface 'wan'\n option mutlipath 'on'\n"),
			"unknown_option wan [uci delete network.wan.mutlipath; uci set network.wan.multipath=on; uci commit network; mptcpctl apply]\n",
		},
		"two letters wrong": {
			with("config globals 'globals'\n option mptcp_sub_flow '$(reboot)'\n"),
			"unknown_option globals [uci delete network.globals.mptcp_sub_flow; uci set network.globals.mptcp_subflows=VALUE; uci commit network; mptcpctl apply]\n",
		},
		"options of others are a note, once": {
			with("config globals 'globals'\n option mptcp_debug '1'\n option mptcpd_enable '1'\n option mptcp_version '0'\n"),
			"idle_option  [uci delete network.globals.mptcp_debug; uci delete network.globals.mptcpd_enable; uci delete network.globals.mptcp_version; uci commit network]\n",
		},
		"a section of another type": {with("config device\n option multipth '1'\n"), ""},
	})
}

func TestDistance(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]bool{
		"multipath": true, "mutlipath": true, "multpath": true, "multi_path": true, "mulitpaht": true, "multipaths1": true, "mltpath": true,
		"mltpth": false, "multipath_xy": false, "multi": false, "": false, "path": false,
	} {
		if got := distance(word, "multipath", 2) <= 2; got != want {
			t.Errorf("%q: %v, want %v", word, got, want)
		}
	}
}

func TestFirewall(t *testing.T) {
	t.Parallel()
	const zones = "config zone\n option name 'lan'\n list network 'lan'\nconfig zone\n option name 'wan'\n option masq '1'\n"
	with := func(text string) func(*Facts) { return func(f *Facts) { f.Firewall = parsed(text) } }
	const joined = "no_masquerade wan2 [uci add_list firewall.@zone[1].network=wan2; uci commit firewall; /etc/init.d/firewall reload]\n"
	examined(t, map[string]examinedCase{
		"both are in one zone":      {with(zones + " list network 'wan1'\n list network 'wan2'\n"), ""},
		"in one word":               {with(zones + " option network 'wan1 wan2'\n"), ""},
		"one by its device":         {with(zones + " list network 'wan1'\n list device 'eth2'\n"), ""},
		"both by their devices":     {with(zones + " list device 'eth+'\n"), ""},
		"one is in none":            {with(zones + " list network 'wan1'\n"), joined},
		"one is in another":         {with(zones + " list network 'wan1'\nconfig zone\n option name 'b'\n list network 'wan2'\n"), "no_masquerade wan2 [uci set firewall.@zone[2].masq=1; uci commit firewall; /etc/init.d/firewall reload]\n"},
		"one is in a zone for IPv6": {with(zones + " list network 'wan1'\nconfig zone\n option masq '1'\n option family 'ipv6'\n list network 'wan2'\n"), "no_masquerade wan2 [uci set firewall.@zone[2].masq=1; uci commit firewall; /etc/init.d/firewall reload]\n"},
		"a zone that is off": {
			with("config zone\n option enabled '0'\n list network 'wan2'\n option masq '1'\n" + zones + " list network 'wan1'\n"),
			"no_masquerade wan2 [uci add_list firewall.@zone[2].network=wan2; uci commit firewall; /etc/init.d/firewall reload]\n",
		},
		"a zone without networks has its name": {with("config zone\n option name 'wan1'\n option masq '1'\nconfig zone\n option name 'wan2'\n option masq '1'\n"), ""},
		"a zone of addresses may hold it":      {with(zones + " list network 'wan1'\nconfig zone\n option masq '1'\n list subnet '10.0.0.0/8'\n"), ""},
		"a translation of its own":             {with(zones + " list network 'wan1'\nconfig nat\n option target 'MASQUERADE'\n"), ""},
		"no zone masquerades": {
			with("config zone\n option name 'lan'\n list network 'lan'\n"),
			"no_masquerade wan1 [# put it into a zone with option masq '1'; uci commit firewall; /etc/init.d/firewall reload]\nno_masquerade wan2 [# put it into a zone with option masq '1'; uci commit firewall; /etc/init.d/firewall reload]\n",
		},
		"a line that is down": {func(f *Facts) {
			with(zones + " list network 'wan1'\n")(f)
			f.Result.Lines[1].Use[plan.IPv4].Usable = false
		}, ""},
		"a child is where its parent is": {
			func(f *Facts) {
				with(zones + " list network 'wan1'\n list network 'lte'\n")(f)
				f.Result.Lines[1].From, f.Result.Lines[1].Netifd.Dynamic = "lte", true
			}, "",
		},
		"a tunnel's far end may know the LAN": {func(f *Facts) {
			with(zones + " list network 'wan1'\n")(f)
			f.Result.Lines[1].Netifd.Proto = "wireguard"
		}, ""},
	})
}

func TestOutside(t *testing.T) {
	t.Parallel()
	// third is an interface more with a default route; the metrics of wan1 and wan2 are 1 and 2.
	third := func(mode config.Interface, proto string, metric uint32) func(*Facts) {
		return func(f *Facts) {
			l := line("wan3", "eth3", 3, config.Off, "10.0.3.2/24")
			mode.Name, l.Use, l.Netifd.Proto = "wan3", [2]plan.Use{}, proto
			l.Interface = mode
			f.Result.Lines = append(f.Result.Lines, l)
			for i, m := range []uint32{1, 2, metric} {
				f.Result.Lines[i].Netifd.Routes = []netifd.Route{{Target: netip.MustParsePrefix("0.0.0.0/0"), Metric: m}}
			}
		}
	}
	examined(t, map[string]examinedCase{
		"without a mode":            {third(config.Interface{}, "dhcp", 3), "no_mode wan3 [mptcpctl iface wan3 on --save]\n"},
		"a tunnel without a mode":   {third(config.Interface{}, "wireguard", 3), "tunnel_default wan3 []\n"},
		"off":                       {third(config.Interface{Own: true}, "dhcp", 3), ""},
		"off, and the first":        {third(config.Interface{Own: true}, "dhcp", 0), "off_first wan3 [uci set network.wan3.metric=3; uci commit network; /etc/init.d/network reload; mptcpctl apply]\n"},
		"off for a while":           {third(config.Interface{Own: true, Chosen: true, Saved: config.On}, "dhcp", 0), "switched_off wan3 [mptcpctl iface wan3 --reset]\n"},
		"a mode that is taken over": {third(config.Interface{From: "wan2"}, "dhcp", 0), ""},
		"on the device of a line":   {func(f *Facts) { third(config.Interface{}, "static", 3)(f); f.Result.Lines[2].Device = "eth2" }, ""},
		"on it, while the line is down": {func(f *Facts) {
			third(config.Interface{}, "static", 3)(f)
			f.Result.Lines[2].Device = "eth2"
			f.Result.Lines[1].Use, f.Result.Lines[1].Netifd = [2]plan.Use{}, netifd.Interface{}
		}, ""},
		"below that of a line":       {func(f *Facts) { third(config.Interface{}, "static", 3)(f); f.Result.Lines[1].Interface.Device = "eth3" }, ""},
		"on it, and before the line": {func(f *Facts) { third(config.Interface{}, "static", 1)(f); f.Result.Lines[2].Device = "eth2" }, "no_mode wan3 [mptcpctl iface wan3 on --save]\n"},
		"on it, but of the other family": {func(f *Facts) {
			third(config.Interface{}, "dhcp", 3)(f)
			f.Result.Lines[2].Device = "eth2"
			f.Result.Lines[1] = plan.LineUse{Line: plan.Line{Device: "eth2", Interface: config.Interface{Name: "wan2", Mode: config.On, Own: true, Families: config.Families{IPv6: true}}}}
		}, "no_mode wan3 [mptcpctl iface wan3 on --save]\n"},
		"in a table of its own": {func(f *Facts) { third(config.Interface{}, "dhcp", 3)(f); f.Result.Lines[2].IP4Table = 77 }, ""},
		"kept out of main": {
			func(f *Facts) {
				third(config.Interface{}, "dhcp", 3)(f)
				f.Result.Lines[2].Netifd.Routes, f.Result.Lines[2].Netifd.Inactive = nil, f.Result.Lines[2].Netifd.Routes
			}, "",
		},
	})
}

func TestDevices(t *testing.T) {
	t.Parallel()
	with := func(i config.Interface, text string) func(*Facts) {
		return func(f *Facts) {
			i.Name = "lte"
			f.Result.Lines = append(f.Result.Lines, plan.LineUse{Line: plan.Line{Interface: i}})
			f.Missing, f.Network = []string{i.Device}, parsed(text)
		}
	}
	const missing = "device_missing lte [uci set network.lte.device=DEVICE; uci commit network; /etc/init.d/network reload; mptcpctl apply]\n"
	on := func(device string) config.Interface {
		return config.Interface{Own: true, Mode: config.On, Device: device}
	}
	examined(t, map[string]examinedCase{
		"it is missing":              {with(on("usb0"), ""), missing},
		"a line that is up":          {func(f *Facts) { with(on("usb0"), "")(f); f.Result.Lines[2].Netifd.Up = true }, ""},
		"a modem's":                  {with(on("/dev/cdc-wdm0"), ""), ""},
		"an alias":                   {with(on("@wan"), ""), ""},
		"a line that is off":         {with(config.Interface{Own: true, Device: "usb0"}, ""), ""},
		"a line without a mode":      {with(config.Interface{Device: "usb0"}, ""), ""},
		"it is there":                {func(f *Facts) { with(on("usb0"), "")(f); f.Missing = []string{"usb1"} }, ""},
		"netifd makes it":            {with(on("br-x"), "config device\n option name 'br-x'\n"), ""},
		"an old bridge":              {with(on("eth1"), "config interface 'lte'\n option type 'bridge'\n"), ""},
		"a section that is disabled": {with(on("usb0"), "config interface 'lte'\n option disabled '1'\n"), ""},
	})
}

func TestNetworksOfOtherDevices(t *testing.T) {
	t.Parallel()
	with := func(a Address) func(*Facts) {
		return func(f *Facts) { a.Global = true; f.Addresses = []Address{a} }
	}
	address := func(device, prefix string) Address {
		return Address{Device: device, Address: plan.Address{Prefix: netip.MustParsePrefix(prefix)}}
	}
	far := address("tun0", "10.0.2.7/24")
	far.Peer = netip.MustParsePrefix("10.0.2.8/32")
	examined(t, map[string]examinedCase{
		"docker0 has the network of a line": {with(address("docker0", "10.0.2.1/24")), "subnet_of_lan wan2 []\n"},
		"a part of it":                      {with(address("docker0", "10.0.2.129/25")), "subnet_of_lan wan2 []\n"},
		"another network":                   {with(address("docker0", "10.0.3.1/24")), ""},
		"a single address":                  {with(address("tailscale0", "10.0.2.7/32")), ""},
		"a point-to-point link":             {with(far), ""},
		"the line itself":                   {with(address("eth2", "10.0.2.9/24")), ""},
	})
}
