// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

// followSameProvider gives both lines the same network and router, and uses both.
func followSameProvider(g *guided) {
	r := g.lab("master", "on")
	r.types(`ip addr del 10.0.2.2/24 dev eth2
ip addr add 10.0.1.9/24 dev eth2 metric 20
ip route add default via 10.0.1.1 dev eth2 metric 2`)
	r.must(r.Edit("wan2", func(i *netlab.Interface) {
		i.Addresses = []netip.Prefix{netip.MustParsePrefix("10.0.1.9/24")}
		i.Gateways = []netip.Addr{netip.MustParseAddr("10.0.1.1")}
	}))
	r.nft("delete", "table", "inet", "providers")
	if text, err := r.Internet.Output(r.ctx, "ip", "route", "add", "10.0.1.9", "dev", "line2"); err != nil {
		g.Fatal(err, text)
	}
	r.types("mptcpctl apply")
	r.says(r.types("mptcpctl doctor || :"), "each answers ARP for the other")
	g.follow(r)
	r.says(r.types("mptcpctl doctor"), "nothing found")
	r.says(r.types("ip rule"), "500:	from 10.0.1.9 lookup 5 suppress_prefixlength 0")

	r.bothLinesCarry()
}

func followPPPoE(g *guided) {
	r := g.lab("master", "on")
	g.follow(r)
	r.says(r.types("uci get network.wan2.proto; mptcpctl iface wan2"), "pppoe", "on")
}

func followLTE(g *guided) {
	r := g.lab("master", "on")
	g.follow(r)
	r.says(r.types("mptcpctl iface wwan; uci get firewall.@zone[1].network"), "backup", "wan wan2 wwan")
	r.says(r.types("mptcpctl status"), "wwan", "down")
	// What netifd reports once the modem is connected.
	r.types(`ip link add wwan0 type veth peer name modem
ip link set modem up
ip link set wwan0 up
ip addr add 100.64.1.7/30 dev wwan0
ip route add default via 100.64.1.8 dev wwan0 metric 30 onlink`)
	r.must(r.Edit("wwan_4", func(i *netlab.Interface) {
		i.Proto, i.Device, i.Dynamic, i.Up, i.Metric = "dhcp", "wwan0", true, true, 30
		i.Addresses = []netip.Prefix{netip.MustParsePrefix("100.64.1.7/30")}
		i.Gateways = []netip.Addr{netip.MustParseAddr("100.64.1.8")}
	}))
	r.types("mptcpctl apply")
	r.says(r.types("ip mptcp endpoint"), "100.64.1.7 id 3 subflow backup dev wwan0")
}

func followIPv6(g *guided) {
	r := g.lab("master", "on")
	g.follow(r)
	r.says(r.types("mptcpctl iface wan26 --json; uci get firewall.@zone[1].network"), `"mode":"on"`, `"from":"wan2"`, "wan26")
}

// followTracker has the tracker find a black hole and its end, under a connection
// of the router and datagrams of the LAN.
func followTracker(g *guided) {
	r := g.lab("master", "on")
	r.router.install("tracker")
	g.follow(r)
	server, err := r.Serve(r.ctx)
	r.must(err)
	g.Cleanup(func() { r.check(server.Close()) })
	f := r.transfer(r.Router, netlab.Addr4, false)
	echo := r.echo()
	c := r.dialUDP(r.LAN, "", echo.address)
	c.eventuallyFrom("10.0.1.2")

	// Without a tracker nobody helps the LAN.
	r.deliver(r.BlackHole("wan"))
	for range 3 {
		c.send("into the hole")
	}
	r.startTrackers()
	c.eventuallyFrom("10.0.2.2")
	if slices.Contains(echo.heard(), "into the hole") {
		g.Error("the line was not dead")
	}
	r.says(r.types("mptcpctl status"), "waits: a primary line is usable", "default route, ipv4: wan2, then wan")
	f.await(megabyte)

	r.deliver(r.Heal("wan"))
	c.eventuallyFrom("10.0.1.2")
	r.eventually("both lines are used again", func() bool { return f.carry(2 * megabyte).byBoth(2 * megabyte) })
	f.stop()
	if state := r.types("mptcpctl iface wan; mptcpctl iface wan2"); strings.Contains(state, "handover") {
		g.Errorf("after the end of the hole:\n%s", state)
	}

	// off does too.
	r.types("mptcpctl iface wan off")
	r.says(r.types("ip route get 10.99.0.2 from 192.168.1.100 iif lan0"), "dev eth2")
	r.types("mptcpctl iface wan --reset")
	r.says(r.types("ip route get 10.99.0.2 from 192.168.1.100 iif lan0"), "dev eth1")
}

// startTrackers starts what the init script would, impatient.
func (r *recipe) startTrackers() {
	r.Helper()
	words := r.router.service("etc/init.d/mptcp-tracker")
	for i, w := range words {
		if strings.HasSuffix(w, "/track") {
			args := append([]string{"env", "INTERVAL=0.1", "DOWN=2", "UP=2", "PATIENCE=1"}, words[i:i+5]...)
			r.router.start("tracker of "+words[i+1], args)
		}
	}
}
