// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
	"github.com/mptcpctl/mptcpctl/pkg/netifd"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

var (
	addr1 = netip.MustParseAddr("10.0.1.2")
	addr2 = netip.MustParseAddr("10.0.2.2")
)

// line is a usable one with one IPv4 address.
func line(name, device string, index int, mode config.Mode, address string) plan.LineUse {
	p := netip.MustParsePrefix(address)
	l := plan.LineUse{Line: plan.Line{
		Interface: config.Interface{Name: name, Mode: mode, Own: true, Families: config.Families{IPv4: true}},
		Netifd:    netifd.Interface{Name: name, Up: true, Proto: "static", Addresses: []netifd.Address{{Prefix: p}}},
		Device:    device,
		Tables:    [2]uint32{uint32(index + 1), uint32(index + 1)},
	}}
	l.Use[plan.IPv4] = plan.Use{
		Usable: true, Reason: plan.ReasonUsable, Table: uint32(index + 1), Addresses: []netip.Prefix{p},
		Device: plan.Device{Name: device, Index: index, Up: true, Carrier: true},
	}
	return l
}

func endpoint(id uint8, addr netip.Addr, index int) plan.EndpointUse {
	return plan.EndpointUse{Endpoint: mptcp.Endpoint{ID: id, Addr: addr, IfIndex: index, Flags: mptcp.FlagSubflow}, Own: true}
}

// healthy are two lines with all that they want.
func healthy() *Facts {
	f := &Facts{Config: &config.Config{Globals: config.Globals{Multipath: true}}}
	f.Result.Lines = []plan.LineUse{
		line("wan1", "eth1", 1, config.Master, "10.0.1.2/24"),
		line("wan2", "eth2", 2, config.On, "10.0.2.2/24"),
	}
	f.Result.Endpoints = []plan.EndpointUse{endpoint(1, addr1, 1), endpoint(2, addr2, 2)}
	f.State.Limits.Subflows = 2
	for _, e := range f.Result.Endpoints {
		f.State.Endpoints = append(f.State.Endpoints, e.Endpoint)
		f.State.Addresses = append(f.State.Addresses, plan.Address{Index: e.IfIndex, Prefix: netip.PrefixFrom(e.Addr, 24)})
	}
	return f
}

// announced makes servers announce addresses to a kernel that has laminar endpoints.
func announced(f *Facts) {
	f.Counters, f.State.Laminar, f.Config.Globals.Laminar = map[string]uint64{"AddAddr": 1}, true, true
}

// summary is the id, the interface and the commands of each finding.
func summary(findings []Finding) string {
	var b strings.Builder
	for _, f := range findings {
		b.WriteString(f.ID.String() + " " + f.Interface + " [" + strings.Join(f.Fix, "; ") + "]\n")
	}
	return b.String()
}

func TestExamine(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*Facts)
		want   string
	}{
		{"nothing is wrong", func(*Facts) {}, ""},
		{"the kernel has no MPTCP", func(f *Facts) { f.State.PathManager = plan.PathManagerMissing }, "mptcp_missing  []\n"},
		{
			"an old kernel has another path manager", func(f *Facts) { f.State.PathManager = plan.PathManagerOther },
			"path_manager_other  [sysctl -w net.mptcp.pm_type=0]\n",
		},
		{
			"a new kernel has another path manager",
			func(f *Facts) {
				f.State.PathManager = plan.PathManagerOther
				f.Sysctls = map[string]string{"net/mptcp/path_manager": "userspace"}
			}, "path_manager_other  [sysctl -w net.mptcp.path_manager=kernel]\n",
		},
		{"no MPTCP over IPv6, and no IPv6", func(f *Facts) { f.NoIPv6 = true }, ""},
		{
			"no MPTCP over IPv6",
			func(f *Facts) { f.NoIPv6, f.Result.Lines[1].Use[plan.IPv6].Usable = true, true }, "ipv6_missing  []\n",
		},
		{"the diag module is missing, on no OpenWrt", func(f *Facts) { f.MissingDiag = "kmod-inet-mptcp-diag" }, "diag_missing  [modprobe -a mptcp_diag tcp_diag]\n"},
		{
			"the diag module is missing",
			func(f *Facts) { f.MissingDiag, f.Install = "kmod-inet-diag", "opkg install" }, "diag_missing  [opkg install kmod-inet-diag]\n",
		},
		{
			"MPTCP is given up for a while",
			func(f *Facts) { f.Blackhole, f.Sysctls = true, map[string]string{"net/mptcp/blackhole_timeout": "60"} },
			"blackhole_timeout  [sysctl -w net.mptcp.blackhole_timeout=60]\n",
		},
		{
			"a server announces", func(f *Facts) { announced(f) },
			"announced  [uci set network.globals.mptcp_add_addr_accepted=1; uci commit network; mptcpctl apply]\n",
		},
		{
			"announced addresses are used",
			func(f *Facts) { f.Counters, f.State.Limits.AddAddrAccepted = map[string]uint64{"AddAddr": 1}, 1 }, "",
		},
		{"a server announces, and the kernel would use one line", func(f *Facts) { announced(f); f.State.Laminar = false }, ""},
		{"the user wants no laminar", func(f *Facts) { announced(f); f.Config.Globals.Laminar = false }, ""},
		{"fullmesh", func(f *Facts) { announced(f); f.Config.Globals.Fullmesh = true }, ""},
		{"a third line would be lost", func(f *Facts) {
			announced(f)
			f.Result.Endpoints = append(f.Result.Endpoints, endpoint(3, netip.MustParseAddr("10.0.3.2"), 3))
			f.State.Limits.Subflows = 3
		}, ""},
		{"the limit waits for the endpoints", func(f *Facts) { announced(f); n := uint32(1); f.Config.Globals.AddAddrAccepted = &n }, ""},
		{"no room for one more", func(f *Facts) { announced(f); f.State.Limits.Subflows = 1 }, ""},
		{"the limit fits the further endpoint", func(f *Facts) { n := uint32(1); f.Config.Globals.Subflows = &n }, ""},
		{
			"mptcpd on a Debian server", func(f *Facts) { f.Processes = []string{"mptcpd"} },
			"second_manager  [systemctl disable --now mptcp]\n",
		},
		{
			"bsbf on OpenWrt", func(f *Facts) { f.Processes, f.Install = []string{"bsbf-fusionlink"}, "apk add" },
			"second_manager  [/etc/init.d/bsbf-fusionlink stop; /etc/init.d/bsbf-fusionlink disable]\n",
		},
		{
			"wan and wan6 on one device are one master",
			func(f *Facts) {
				wan6 := line("wan6", "eth1", 1, config.Master, "10.0.1.2/24")
				wan6.Use, wan6.Netifd.Addresses, wan6.Families = [2]plan.Use{}, nil, config.Families{IPv4: true, IPv6: true}
				f.Result.Lines = append(f.Result.Lines, wan6)
			}, "",
		},
		{
			"each family has its master",
			func(f *Facts) {
				f.Result.Lines[1].Mode, f.Result.Lines[1].Families = config.Master, config.Families{IPv6: true}
			}, "",
		},
		{
			"NetworkManager", func(f *Facts) { f.Processes = []string{"NetworkManager"} },
			`second_manager  [printf '[connection-mptcpctl]\nconnection.mptcp-flags=1\n' >/etc/NetworkManager/conf.d/mptcpctl.conf; systemctl restart NetworkManager]` + "\n",
		},
		{
			"no gateway for a global IPv6 address",
			func(f *Facts) { noIPv6Default(f, "2001:db8::2/64") }, "no_gateway wan2 [uci set network.wan2.ip6gw=ADDRESS; uci commit network; /etc/init.d/network reload; mptcpctl apply]\n",
		},
		{
			"a gateway that is none",
			func(f *Facts) {
				l := &f.Result.Lines[1]
				l.Netifd.Proto, l.Use[plan.IPv4].Usable, l.Use[plan.IPv4].Reason = "dhcp", false, plan.ReasonBadGateway
			}, "no_gateway wan2 [ifup wan2]\n",
		},
		{"a unique local IPv6 address needs none", func(f *Facts) { noIPv6Default(f, "fd00::2/64") }, ""},
		{
			"a strict filter with a second line",
			func(f *Facts) { f.Sysctls = map[string]string{"net/ipv4/conf/eth2/rp_filter": "1"} }, "strict_filter wan2 [sysctl -w net.ipv4.conf.eth2.rp_filter=2]\n",
		},
		{
			"a strict filter on the only line",
			func(f *Facts) {
				f.Sysctls = map[string]string{"net/ipv4/conf/all/rp_filter": "1"}
				f.Result.Lines = f.Result.Lines[:1]
			}, "",
		},
		{
			"a strict filter on a server, which forwards nothing",
			func(f *Facts) {
				f.Sysctls = map[string]string{"net/ipv4/conf/eth2/rp_filter": "1", "net/ipv4/ip_forward": "0"}
			}, "",
		},
		{
			"where there is no uci",
			func(f *Facts) {
				f.File = "/etc/config/network"
				f.Config.Problems = []config.Problem{{Section: "wan3", Option: "multipath_table", Value: "x"}}
				f.Result.Lines[1].Mode = config.Master
				noIPv6Default(f, "2001:db8::2/64")
			},
			"bad_value wan3 [# /etc/config/network: delete in the section 'wan3': option multipath_table; mptcpctl apply]\n" +
				"no_gateway wan2 [# /etc/config/network: set in the section 'wan2': option ip6gw 'ADDRESS'; mptcpctl apply]\n" +
				"two_masters  [# /etc/config/network: set in the section 'wan2': option multipath 'on'; mptcpctl apply]\n",
		},
		{
			"the kernel has no such congestion control",
			func(f *Facts) {
				f.Sysctls = map[string]string{"net/ipv4/tcp_available_congestion_control": "reno cubic"}
				f.Result.Ops = []plan.Op{{Object: plan.ObjectSysctl, Sysctl: plan.Sysctl{Key: "net/ipv4/tcp_congestion_control", Value: "bbr"}}}
			}, "bad_value globals [modprobe tcp_bbr; mptcpctl apply]\n",
		},
		{
			"a congestion control that waits to be set",
			func(f *Facts) {
				f.Sysctls = map[string]string{"net/ipv4/tcp_available_congestion_control": "reno cubic"}
				f.Result.Ops = []plan.Op{{Object: plan.ObjectSysctl, Sysctl: plan.Sysctl{Key: "net/ipv4/tcp_congestion_control", Value: "reno"}}}
			}, "pending  [mptcpctl apply]\n",
		},
		{
			"the network of a modem beside PPPoE has no gateway",
			func(f *Facts) {
				modem := line("modem", "eth2", 2, config.On, "192.168.100.2/24")
				modem.Own, modem.Use[plan.IPv4].Usable, modem.Use[plan.IPv4].Reason = false, false, plan.ReasonNoDefault
				f.Result.Lines = append(f.Result.Lines, modem)
			}, "",
		},
		{
			"a line in the network of another that is off, both by DHCP",
			func(f *Facts) {
				off := line("wan3", "eth3", 3, config.Off, "10.0.2.9/24")
				off.Netifd.Proto, off.Use = "dhcp", [2]plan.Use{}
				f.Result.Lines = append(f.Result.Lines, off)
			}, "subnet_of_lan wan2 []\n",
		},
		{
			"two lines without ARP in one network",
			func(f *Facts) {
				f.Sysctls = map[string]string{"net/ipv4/conf/all/arp_ignore": "0", "net/ipv4/conf/eth1/arp_ignore": "0"}
				f.MACs = map[string]string{"eth1": "02:00:00:00:00:01"}
				f.Result.Lines[1].Netifd.Addresses[0].Prefix = netip.MustParsePrefix("10.0.1.9/24")
			}, "",
		},
		{
			"no slot for IPv6 on a line that has one for IPv4",
			func(f *Facts) {
				f.Result.Lines[1].Use[plan.IPv6] = plan.Use{Usable: true, NoEndpoint: plan.NoEndpointSlot}
			}, "no_slot wan2 []\n",
		},
		{
			"no slot at all",
			func(f *Facts) { f.Result.Lines[1].Use[plan.IPv4].NoEndpoint = plan.NoEndpointSlot }, "no_slot wan2 [mptcpctl iface wan2 off --save]\n",
		},
		{"a server has no master", func(f *Facts) { f.Result.Lines[0].Mode, f.Result.Lines[1].Mode = config.Signal, config.Signal }, ""},
		{"a server with a line more", func(f *Facts) { f.Result.Lines[0].Mode, f.Result.Lines[1].Mode = config.Signal, config.On }, ""},
		{
			"a server that is switched off",
			func(f *Facts) {
				f.Result.Lines[0].Mode, f.Result.Lines[0].Saved, f.Result.Lines[1].Mode = config.Off, config.Signal, config.On
			}, "switched_off wan1 [mptcpctl iface wan1 --reset]\n",
		},
		{
			"all lines are switched off",
			func(f *Facts) {
				f.Result.Lines[0].Mode, f.Result.Lines[0].Saved = config.Off, config.On
				f.Result.Lines[1].Mode, f.Result.Lines[1].Saved = config.Off, config.Backup
			}, "switched_off wan1 [mptcpctl iface wan1 --reset]\nswitched_off wan2 [mptcpctl iface wan2 --reset]\n",
		},
		{"another line is down", func(f *Facts) { f.Result.Lines[1].Netifd = netifd.Interface{} }, ""},
		{
			"two modems give one address",
			func(f *Facts) {
				f.Result.Lines[1].Netifd.Proto = "dhcp"
				f.Result.Lines[1].Netifd.Addresses[0].Prefix = netip.MustParsePrefix("10.0.1.2/24")
			}, "same_address wan2 [ifup wan2]\n",
		},
		{
			"the first of a pair has the address by its mode",
			func(f *Facts) {
				f.Result.Lines[0].Mode, f.Result.Lines[1].Mode = config.Backup, config.Master
				f.Result.Lines[1].Netifd.Addresses[0].Prefix = netip.MustParsePrefix("10.0.1.2/24")
			}, "same_address wan1 [uci set network.wan1.ipaddr=ADDRESS; uci commit network; /etc/init.d/network reload; mptcpctl apply]\n",
		},
		{
			"DS-Lite gives one address to everybody",
			func(f *Facts) {
				for i := range f.Result.Lines {
					l := &f.Result.Lines[i].Netifd
					l.Proto, l.Addresses = "dslite", []netifd.Address{{Prefix: netip.MustParsePrefix("192.0.0.2/32"), Peer: netip.MustParseAddr("192.0.0.1")}}
				}
			}, "same_address wan2 []\n",
		},
		{
			"two links to one peer with addresses of their own",
			func(f *Facts) {
				for i := range f.Result.Lines {
					f.Result.Lines[i].Netifd.Addresses[0] = netifd.Address{Prefix: netip.MustParsePrefix([]string{"192.0.0.2/29", "192.0.0.3/29"}[i]), Peer: netip.MustParseAddr("192.0.0.1")}
				}
			}, "",
		},
		{
			"somebody has put routes into both tables",
			func(f *Facts) {
				for i := range f.Result.Lines {
					f.State.Foreign = append(f.State.Foreign, plan.Route{Table: uint32(i + 2), Dst: netip.MustParsePrefix("0.0.0.0/0"), Device: "tun0"})
				}
				f.Config.DefaultTables = []uint32{1001}
			},
			"table_in_use wan1 [uci set network.wan1.multipath_table=1000; uci commit network; mptcpctl apply]\n" +
				"table_in_use wan2 [uci set network.wan2.multipath_table=1002; uci commit network; mptcpctl apply]\n",
		},
		{
			"one MAC address in two networks is nothing",
			func(f *Facts) { f.MACs = map[string]string{"eth1": "02:00:00:00:00:01", "eth2": "02:00:00:00:00:01"} }, "",
		},
		{
			"the most harmful comes first, notes last",
			func(f *Facts) {
				f.Result.Lines[1].Mode = config.Master
				f.Processes = []string{"mptcpd"}
				f.Config.Problems = []config.Problem{{Section: "wan3", Option: "multipath", Value: "whatever"}, {Section: "wan4", Option: "multipath", Value: "Handover"}}
				f.State.PathManager = plan.PathManagerOther
			},
			"path_manager_other  [sysctl -w net.mptcp.pm_type=0]\n" +
				"bad_value wan3 [uci set network.wan3.multipath=MODE; uci commit network; mptcpctl apply]\n" +
				"bad_value wan4 [uci set network.wan4.multipath=handover; uci commit network; mptcpctl apply]\n" +
				"second_manager  [systemctl disable --now mptcp]\n" +
				"two_masters  [mptcpctl iface wan2 on --save]\n",
		},
		{
			"without a configuration",
			func(f *Facts) {
				f.Config, f.Result = nil, plan.Result{}
				f.State.Endpoints = append(f.State.Endpoints, mptcp.Endpoint{ID: 9, Addr: netip.MustParseAddr("203.0.113.1"), Flags: mptcp.FlagSubflow})
			}, "stale_endpoint  [ip mptcp endpoint delete id 9]\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := healthy()
			tt.change(f)
			if diff := cmp.Diff(tt.want, summary(Examine(f))); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func noIPv6Default(f *Facts, address string) {
	f.Result.Lines[1].Use[plan.IPv6] = plan.Use{Reason: plan.ReasonNoDefault, Addresses: []netip.Prefix{netip.MustParsePrefix(address)}}
}

func TestEveryFindingHasItsName(t *testing.T) {
	t.Parallel()
	if len(names) != int(IdleOption)+1 {
		t.Fatalf("%d names for %d findings", len(names), IdleOption+1)
	}
	seen := make(map[string]bool)
	for _, name := range names {
		if name == "" || seen[name] {
			t.Errorf("name %q is empty or there twice", name)
		}
		seen[name] = true
	}
}

func TestManagerIsNoCommand(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"mptcpd": true, "bsbf-fusionlink": true, "NetworkManager": true, "mwan3rtmon": true,
		"bsbf-x;reboot": false, "bsbf-\x1b[2J": false, "mptcpd\n": false, "sleep": false, "": false,
	} {
		if got := Manager(name); got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	}
}

func TestAlike(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]bool{
		"bakcup": true, "backups": true, "bckup": true, "Backup": true, "backip": true, "ackup": true,
		"backup": false, "back": false, "standby": false, "": false,
	} {
		if got := distance(word, "backup", 1) == 1; got != want {
			t.Errorf("%q: %v, want %v", word, got, want)
		}
	}
}
