// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"os"
	"strings"
	"testing"
)

// A supervisor is a program that configures the server's network beside mptcpctl.
type supervisor struct {
	name, unit string
	dropIn     string            // of the example
	finding    string            // of doctor, where the drop-in is missing
	files      map[string]string // what configures eth0
	rows       []supervisedRow
}

// supervisedRow is what happens to a server's network.
type supervisedRow struct {
	name string
	// do are the commands, one a line, by which it happens.
	do string
	// hurts says that "mptcpctl apply" at boot, which nothing repeats, does not suffice.
	hurts bool
	// silent says that without the drop-in the kernel loses something and reports
	// nothing, so that watch does not notice either.
	silent bool
	// kept says that with the drop-in nothing is lost.
	kept bool
	// others says that the addresses are others afterwards.
	others bool
	// short are commands of ip that do to the kernel what the supervisor does.
	short string
}

// forget removes what networkd does not know: the rules and routes of others.
const forget = "ip rule flush\nip rule add pref 32766 lookup main\nip rule add pref 32767 lookup default\nip route flush table 2\n"

// linkDown is what the kernel does to a link that goes down, and what comes back.
const linkDown = "ip link set eth0 down\nip link set eth0 up\nip route add default via 192.0.2.1 dev eth0"

var networkd = supervisor{
	name: "systemd-networkd", unit: "systemd-networkd.service",
	dropIn: "etc/systemd/networkd.conf.d", finding: "systemd-networkd deletes the lines' rules and routes",
	rows: []supervisedRow{
		{
			// Down and up at once, networkd gives the link up by itself.
			name: "link down and up", hurts: true,
			do:    "ip link set eth0 down\nuntil networkctl list eth0 | grep off; do sleep .1; done\nip link set eth0 up",
			short: linkDown,
		},
		{
			name: "networkctl reconfigure", hurts: true,
			do:    "networkctl reconfigure eth0",
			short: forget + "ip address del 192.0.2.2/24 dev eth0\nip address add 192.0.2.2/24 dev eth0\nip route add default via 192.0.2.1 dev eth0",
		},
		{
			name: "a new link", hurts: true, kept: true,
			do:    "ip link add new0 type veth peer name new1\nip link set new1 up\nuntil ip address show dev new0 | grep 198.51.100.2; do sleep .1; done",
			short: forget,
		},
		{
			name: "another address", hurts: true, others: true,
			do:    "sed -i s/192.0.2.2/192.0.2.3/ /etc/systemd/network/eth0.network\nnetworkctl reload",
			short: forget + "ip address del 192.0.2.2/24 dev eth0\nip address add 192.0.2.3/24 dev eth0\nip route add default via 192.0.2.1 dev eth0",
		},
	},
	files: map[string]string{
		"etc/systemd/network/new0.network": "[Match]\nName=new0\n[Network]\nAddress=198.51.100.2/24\nLinkLocalAddressing=no\n",
	},
}

var networkManager = supervisor{
	name: "NetworkManager", unit: "NetworkManager.service",
	dropIn: "etc/NetworkManager/conf.d", finding: "MPTCP endpoints of its own",
	rows: []supervisedRow{
		{
			name: "con down and up", hurts: true,
			do:    "nmcli connection down eth0\nnmcli connection up eth0",
			short: "ip address del 192.0.2.2/24 dev eth0\nip address add 192.0.2.2/24 dev eth0\nip route add default via 192.0.2.1 dev eth0",
		},
		{name: "restart", do: "systemctl restart NetworkManager\nuntil nmcli device | grep 'eth0.* connected'; do sleep .1; done"},
		{
			name: "link down and up", hurts: true,
			do:    "ip link set eth0 down\nuntil nmcli device | grep 'eth0.*unavailable'; do sleep .1; done\nip link set eth0 up",
			short: "ip mptcp endpoint flush\nip mptcp endpoint add 192.0.2.2 dev eth0 subflow\n" + linkDown,
		},
		{name: "reapply", do: "nmcli device reapply eth0", hurts: true, silent: true, kept: true},
	},
	files: map[string]string{
		"etc/NetworkManager/NetworkManager.conf": "[main]\nplugins=keyfile\n[keyfile]\nunmanaged-devices=interface-name:cable0\n",
		"etc/NetworkManager/system-connections/eth0.nmconnection": "[connection]\nid=eth0\ntype=ethernet\ninterface-name=eth0\n" +
			"[ipv4]\nmethod=manual\naddress1=192.0.2.2/24,192.0.2.1\n[ipv6]\nmethod=disabled\n",
	},
}

// TestSupervised: what systemd-networkd and NetworkManager do to a server. With their own
// programs (make e2e), "apply" at boot alone is wrong after the rows that hurt, and the
// service of the example is right after all of them. Without their programs ip does in
// their place what they do to the kernel.
func TestSupervised(t *testing.T) {
	t.Parallel()
	for _, s := range []supervisor{networkd, networkManager} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			if os.Getenv(supervisorsVariable) == "" {
				t.Run("apply at boot", func(t *testing.T) { t.Parallel(); s.short(t, false) })
				t.Run("watch", func(t *testing.T) { t.Parallel(); s.short(t, true) })
				return
			}
			t.Run("apply at boot", func(t *testing.T) { t.Parallel(); s.recipe(t) })
			t.Run("watch", func(t *testing.T) { t.Parallel(); s.watch(t, s.dropIn) })
			t.Run("watch and the drop-in", func(t *testing.T) { t.Parallel(); s.watch(t) })
		})
	}
}

// up waits for the address and the default route.
func (b *booted) up(s *supervisor) {
	b.Helper()
	b.eventually(s.name+" has configured eth0", func() bool {
		route, err := b.try("ip", "-4", "route", "show", "default")
		return err == nil && strings.Contains(route, "via 192.0.2.1 dev eth0")
	})
}

// recipe runs the rows on a server that only applies at boot.
func (s *supervisor) recipe(t *testing.T) {
	b := prepareServer(t, []string{s.dropIn}, s.files)
	b.boot(s.unit)
	b.up(s)
	apply := func(when string) {
		b.run("systemctl", "reload", "mptcpctl.service")
		b.eventually("apply suffices "+when, func() bool { return b.pending() == 0 })
	}
	b.run("sh", "-ec", readBlock(t, "server/README.md", "enable --now mptcpctl\n"))
	apply("at boot")
	for _, row := range s.rows {
		b.run("sh", "-ec", row.do)
		if row.hurts {
			b.eventually("something is lost after "+row.name, func() bool { return b.pending() > 0 })
		}
		b.up(s)
		b.Logf("%s: %d operations pending", row.name, b.pending())
		apply("after " + row.name)
	}
}

// watch runs the rows on a server with the service of the example.
func (s *supervisor) watch(t *testing.T, without ...string) {
	b := prepareServer(t, without, s.files)
	b.boot(s.unit, "mptcpctl-watch.service")
	b.up(s)
	b.eventually("it is right after boot", func() bool {
		return b.pending() == 0 && strings.Contains(b.managed(), "signal dev eth0")
	})
	for _, row := range s.rows {
		before, done := b.managed(), b.changes()
		b.run("sh", "-ec", row.do)
		if row.silent && len(without) > 0 {
			b.eventually("something is lost after "+row.name, func() bool { return b.pending() > 0 })
			b.run("systemctl", "reload", "mptcpctl-watch.service")
		}
		b.eventually("it is right after "+row.name, func() bool {
			acted := !row.hurts || row.kept && len(without) == 0 || b.changes() > done
			return acted && b.pending() == 0 && (b.managed() == before) != row.others
		})
		b.Logf("%s: %d changes", row.name, b.changes()-done)
	}
	text, _ := b.try("mptcpctl", "doctor") // its exit code says whether there are findings
	if found := strings.Contains(text, s.finding); found != (len(without) > 0) {
		b.Errorf("doctor:\n%s", text)
	}
}

// short runs the rows in the laboratory, with or without watch.
func (s *supervisor) short(t *testing.T, watch bool) {
	r := newRecipe(t, "master", "on")
	address := strings.Fields(r.server.run("ip", "-4", "-o", "address", "show", "dev", "eth0"))[3]
	host, length, _ := strings.Cut(address, "/")
	other := host[:strings.LastIndexByte(host, '.')] + ".77"
	adapt := strings.NewReplacer("192.0.2.2/24", address, "192.0.2.2", host, "192.0.2.3/24", other+"/"+length, "192.0.2.1", r.serverGateway())
	pending := func() int { return strings.Count(r.server.run("mptcpctl", "plan"), "\n") }
	// IPv6 addresses do not outlive a link that is down.
	managed := func() string {
		return r.server.run("sh", "-c", `ip -4 rule show | grep 'proto 77' | sort; ip -4 route show table all proto 77 | sort; ip mptcp endpoint | grep -v : | sed 's/ id [0-9]*//'`)
	}
	if watch {
		r.server.start("watch", r.server.unit("etc/systemd/system/mptcpctl-watch.service"))
	}
	r.eventually("it is right at boot", func() bool { return pending() == 0 })
	for _, row := range s.rows {
		if row.short == "" {
			continue
		}
		before := managed()
		r.server.run("sh", "-ec", adapt.Replace(row.short))
		if !watch {
			if pending() == 0 {
				r.Errorf("nothing is lost after %s", row.name)
			}
			r.server.run("mptcpctl", "apply")
		}
		r.eventually("it is right after "+row.name, func() bool { return pending() == 0 && (managed() == before) != row.others })
	}
}
