// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

// followOrder begins with a configuration that is there already, and nothing of it
// in the kernel. The package starts the service.
func followOrder(g *guided) {
	r := g.lab("master", "on")
	r.types(g.blocks[0])
	r.types("service mptcpctl enable\nservice mptcpctl start")
	if rules := r.types("ip rule"); strings.Contains(rules, "proto 77") {
		g.Errorf("installing has written rules:\n%s", rules)
	}
	r.says(r.types(g.blocks[1]), "+ ip route add default via 10.0.2.1", "+ ip rule add pref 502 from 10.0.1.2", "+ ip mptcp endpoint add 10.0.2.2")
	if rules := r.types("ip rule"); strings.Contains(rules, "proto 77") {
		g.Errorf("plan has written rules:\n%s", rules)
	}
	for _, block := range g.blocks[2:] {
		r.says(r.types(block), "default route, ipv4: wan, then wan2", "nothing found\n")
	}
	r.says(r.types("ip rule"), "proto 77")
}

// followLockedOut sees OpenWrt's own routing again, and what has been wrong before.
func followLockedOut(g *guided) {
	r := g.lab("master", "on")
	r.says(r.types("ip rule; ip mptcp endpoint"), "proto 77", "dev eth2")
	g.follow(r)
	if left := r.types("ip rule; ip mptcp endpoint"); strings.Contains(left, "proto 77") || strings.Contains(left, "dev eth2") {
		g.Errorf("left:\n%s", left)
	}
	r.says(r.types("ip route get 10.99.0.2"), "dev eth1")
}

func followWiki(g *guided) {
	r := g.lab("master", "on")
	old := filepath.Join(r.router.root, "usr/bin/multipath")
	r.must(os.WriteFile(old, nil, 0o755))
	g.follow(r)
	if _, err := os.Stat(old); !os.IsNotExist(err) {
		g.Errorf("%s: %v", old, err)
	}
	r.says(r.types("mptcpctl multipath; mptcpctl multipath eth2 backup; mptcpctl multipath eth2"), "eth2 is in default mode", "eth2 is in backup mode")
}

// followOpenMPTCProuter begins with what its uci-defaults and its init script set
// (openmptcprouter-feeds, mptcp/files, May 2025).
func followOpenMPTCProuter(g *guided) {
	r := g.equip(newRecipe(g.T, "master", "on"))
	r.types(`for o in path_manager=fullmesh scheduler=blest checksum=0 debug=0 syn_retries=4 subflows=8 add_addr_accepted=8 add_addr_timeout=120 pm_type=0 \
	disable_initial_config=0 force_multipath=1 fullmesh_num_subflows=1 fullmesh_create_on_err=1 ndiffports_num_subflows=1; do
	uci set "network.globals.mptcp_$o"
done
uci set network.globals.congestion=bbr2
uci set network.globals.mptcpd_enable=0
for n in 1 2; do
	uci set "network.wan$n.ip4table=$((n + 2))"
	uci set "network.wan$n.ip6table=6$((n + 2))"
	uci set "network.wan$n.defaultroute=0"
	uci set "network.wan$n.peerdns=0"
	uci set "network.wan${n}_rule=rule"
	uci set "network.wan${n}_rule.created=mptcp"
done
uci set network.lan.multipath=off
uci set network.lan.ip4table=lan
uci commit network`)
	before := r.types("mptcpctl apply; mptcpctl status; mptcpctl doctor || :")
	r.says(before, "option mptcp_scheduler 'blest': this kernel only has default", "tcp_congestion_control=bbr2",
		"endpoint 1 subflow fullmesh", "endpoint 2 subflow fullmesh", "limits: 8 subflows, 8 announced addresses",
		"wan1       eth1    master  1000", "wan2       eth2    on      5", "default route, ipv4: wan1, then wan2",
		"note: options that have no effect here: mptcp_debug")
	g.follow(r)
	after := r.types("mptcpctl status; mptcpctl doctor; uci show network")
	r.says(after, "nothing found", "default route, ipv4: wan1, then wan2", "wan1       eth1    master  4", "wan2       eth2    on      5")
	for _, word := range []string{"warning", "ip4table='3'", "defaultroute", "bbr2", "blest", "_rule"} {
		if strings.Contains(after, word) {
			g.Errorf("%q is left:\n%s", word, after)
		}
	}
}

// mwan3Rules are what mwan3 makes of two interfaces and a policy that sends
// datagrams to its second.
const mwan3Rules = `
for n in 1 2; do
	ip route add table $n 192.168.1.0/24 dev lan0
	ip route add table $n 10.0.$n.0/24 dev eth$n
	ip route add table $n default via 10.0.$n.1 dev eth$n
	ip rule add pref $((n + 1000)) iif eth$n lookup $n
	ip rule add pref $((n + 2000)) fwmark $((n * 256))/0x3f00 lookup $n
	ip rule add pref $((n + 3000)) fwmark $((n * 256))/0x3f00 unreachable
done
nft add table inet mwan3
nft 'add chain inet mwan3 prerouting { type filter hook prerouting priority mangle; }'
nft 'add chain inet mwan3 output { type route hook output priority mangle; }'
nft add rule inet mwan3 prerouting iifname lan0 meta l4proto udp meta mark set 0x200
nft add rule inet mwan3 output meta l4proto udp meta mark set 0x200`

// mwan3Stop is how mwan3 2.12 clears up when it stops.
const mwan3Stop = `
for tid in $(ip route list table all | sed -ne 's/.*table \([0-9]\+\).*/\1/p' | sort -u); do
	[ "$tid" -gt 60 ] || ip route flush table "$tid"
done
for rule in $(ip rule list | grep -E '^[1-3][0-9]{3}:' | cut -d ':' -f 1); do
	ip rule del pref "$rule"
done`

func followMwan3(g *guided) {
	r := g.lab("master", "master")
	r.types(mwan3Rules)
	e := r.echo()
	// Its policy holds for the LAN, and not for what the router sends.
	r.dialUDP(r.LAN, "", e.address).eventuallyFrom("10.0.2.2")
	r.dialUDP(r.Router, "", e.address).eventuallyFrom("10.0.1.2")
	r.dialUDP(r.Router, "eth2", e.address).eventuallyFrom("10.0.2.2")
	r.bothLinesCarry()

	// Tables of the same number are emptied when it stops; others are not.
	theirs := r.types("ip rule list | grep -E '^[1-3][0-9]{3}:'")
	r.types("mptcpctl flush; mptcpctl apply")
	if now := r.types("ip rule list | grep -E '^[1-3][0-9]{3}:'"); now != theirs {
		g.Errorf("their rules were\n%s\nand are\n%s", theirs, now)
	}
	r.types(mwan3Stop)
	if r.types("mptcpctl plan") == "" {
		g.Error("the tables are not empty")
	}
	r.must(os.WriteFile(filepath.Join(r.router.root, "etc/mwan3.user"), []byte("#!/bin/sh\n"), 0o755))
	g.follow(r)
	r.types(mwan3Rules[:strings.Index(mwan3Rules, "nft add")] + mwan3Stop)
	if plan := r.types("mptcpctl plan"); plan != "" {
		g.Errorf("after its stop:\n%s", plan)
	}
	r.mwan3User("disconnected")
	r.says(r.types("mptcpctl iface wan"), "handover")
	r.mwan3User("connected")
	r.says(r.types("mptcpctl iface wan"), "master")
}

// mwan3User calls its script as mwan3 does, with nothing but these in the environment.
func (r *recipe) mwan3User(action string) {
	r.Helper()
	r.types(`env -i PATH="$PATH" ` + netlab.DirVariable + `="$` + netlab.DirVariable + `" ACTION=` + action + ` INTERFACE=wan DEVICE=eth1 /etc/mwan3.user`)
}

// followOwnPolicy has what pbr makes of a policy for the router's own datagrams.
func followOwnPolicy(g *guided) {
	r := g.lab("master", "on")
	r.types(`ip route add default via 10.0.2.1 dev eth2 table 258
ip rule add pref 29998 fwmark 0x30000/0xff0000 lookup 258
nft add table inet pbr
nft 'add chain inet pbr output { type route hook output priority mangle; }'
nft add rule inet pbr output meta l4proto udp meta mark set 0x30000`)
	e := r.echo()
	r.dialUDP(r.Router, "", e.address).eventuallyFrom("10.0.1.2")
	r.says(r.types("mptcpctl doctor || :"), "29998")
	g.follow(r)
	r.dialUDP(r.Router, "", e.address).eventuallyFrom("10.0.2.2")
	r.says(r.types("mptcpctl doctor"), "nothing found")
	r.bothLinesCarry()
}
