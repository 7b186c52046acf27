// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
	"github.com/mptcpctl/mptcpctl/pkg/uci"
)

// connected is what OpenVPN says when the tunnel is ready.
const connected = "Initialization Sequence Completed"

// newVPN sets up both ends of the tunnel as the README says, and starts none.
func newVPN(t *testing.T, modes ...string) *recipe {
	t.Helper()
	r := newRecipe(t, modes...)
	r.server.install("openvpn/server")
	r.sysctl("91-mptcp-vpn.conf")
	r.router.install("openvpn/router")
	r.server.follow("openvpn/README.md", "openssl req", "etc/openvpn/server")
	for _, file := range []string{"router.crt", "router.key", "server.fingerprint"} {
		text, err := os.ReadFile(filepath.Join(r.server.root, "etc/openvpn/server", file))
		r.must(err, os.WriteFile(filepath.Join(r.router.root, "etc/openvpn-mptcp", file), text, 0o600))
	}
	return r
}

// tunnel starts both ends, and waits for the tunnel.
func (r *recipe) tunnel(change func([]string) []string) (client *daemon) {
	r.Helper()
	server := r.server.start("openvpn", change(r.server.unit("etc/systemd/system/openvpn-server@mptcp.service.d/mptcpize.conf")))
	server.await(connected)
	client = r.router.start("openvpn", change(r.router.service("etc/init.d/openvpn-mptcp")))
	client.await(connected)
	return client
}

func asItIs(command []string) []string { return command }

// withoutMPTCP leaves mptcpize out of a command.
func withoutMPTCP(command []string) []string {
	if len(command) > 2 && filepath.Base(command[0]) == "mptcpize" && command[1] == "run" {
		return command[2:]
	}
	return nil
}

// configure gives the router the example's part of /etc/config/network, and does
// with its rules what netifd does.
func (r *recipe) configure() *uci.Package {
	r.Helper()
	text := r.router.read("openvpn/router/network")
	file, err := os.OpenFile(filepath.Join(r.ConfigDir(), "network"), os.O_APPEND|os.O_WRONLY, 0)
	r.must(err)
	_, err = file.WriteString(text)
	r.must(err, file.Close())
	config, err := uci.Parse("network", []byte(text))
	r.must(err)
	interfaces, err := r.Interfaces()
	r.must(err)
	for _, rule := range config.Sections {
		for _, i := range interfaces {
			if rule.Type != "rule" || option(rule, "in") != i.Name {
				continue
			}
			words := []string{"ip", "rule", "add", "iif", i.Device, "lookup", option(rule, "lookup"), "pref", option(rule, "priority")}
			if length := option(rule, "suppress_prefixlength"); length != "" {
				words = append(words, "suppress_prefixlength", length)
			}
			r.router.run(words...)
		}
	}
	return config
}

// bringUp does what netifd does with the routes of an interface whose device has come.
func (r *recipe) bringUp(config *uci.Package) {
	r.Helper()
	for _, route := range config.Sections {
		if i, ok := config.Section(option(route, "interface")); ok && route.Type == "route" {
			r.router.run("ip", "route", "add", option(route, "target"), "dev", option(*i, "device"), "table", option(route, "table"), "proto", "static")
		}
	}
}

func option(s uci.Section, name string) string {
	value, _ := s.Get(name)
	return value
}

// table1 is what the router has in the VPN's table.
func (r *recipe) table1() string {
	r.Helper()
	return strings.TrimSpace(r.router.run("sh", "-c", "ip route show table 1 2>/dev/null || :"))
}

// steersTheLAN shows which way the LAN takes: to the internet by the tunnel, to
// a line's modem by the line.
func (r *recipe) steersTheLAN() {
	r.Helper()
	for to, device := range map[string]string{netlab.FarHost.String(): "tun-mptcp", "10.0.2.1": "eth2"} {
		if got := r.router.run("ip", "route", "get", to, "from", "192.168.1.100", "iif", "lan0"); !strings.Contains(got, "dev "+device+" ") {
			r.Errorf("the LAN's way to %s is %swant %s", to, got, device)
		}
	}
}

func TestVPN(t *testing.T) {
	t.Parallel()
	r := newVPN(t, "master", "on")
	config := r.configure()
	r.boot()
	client := r.tunnel(asItIs)
	r.bringUp(config)
	r.router.run("mptcpctl", "plan", "--exit-code")
	r.router.run("mptcpctl", "doctor")
	r.steersTheLAN()
	f := r.flow()
	if c := f.carry(6 * megabyte); !c.byBoth(6 * megabyte) {
		t.Errorf("a line carried less than a third of its half: %v", c)
	}
	r.isSpread()
	f.survive()
	r.changesModes(f)
	f.await(megabyte)
	f.stop()

	if n := strings.Count(client.printed(), connected); n != 1 {
		t.Errorf("the tunnel was made %d times, want once", n)
	}
	if got := r.table1(); !strings.HasPrefix(got, "default dev tun-mptcp") {
		t.Errorf("table 1 is %q, want a default route through the tunnel", got)
	}
	client.stop()
	if got := r.table1(); got != "" {
		t.Errorf("table 1 is %q after the tunnel went down, want it empty", got)
	}
}

// changesModes makes the second line a backup and then a handover line, and needs
// it each time.
func (r *recipe) changesModes(f *flow) {
	r.Helper()
	r.router.run("mptcpctl", "iface", "wan2", "backup")
	r.eventually("the backup line is idle", func() bool { return f.carry(megabyte).idle(1) })
	r.deliver(r.Unplug("wan1"))
	f.await(megabyte)
	r.deliver(r.Plug("wan1"))
	r.eventually("the backup line is idle again", func() bool { return f.carry(megabyte).idle(1) })

	r.router.run("mptcpctl", "iface", "wan2", "handover")
	r.eventually("the handover line has no subflow", func() bool { return r.subflows("wan2") == 0 })
	r.deliver(r.Unplug("wan1"))
	f.await(megabyte)
	r.deliver(r.Plug("wan1"))
	r.eventually("the handover line is given back", func() bool { return r.subflows("wan2") == 0 && r.subflows("wan1") == 1 })
}

// The server's firewall keeps the tunnel out until the commands of its page are typed.
func TestVPNThroughTheServersFirewall(t *testing.T) {
	t.Parallel()
	r := newVPN(t, "master", "on")
	config := r.configure()
	r.boot()
	file := filepath.Join(r.server.root, "nftables.conf")
	r.must(os.WriteFile(file, []byte(debianFirewall), 0o644))
	r.server.run("nft", "-f", file)

	server := r.server.start("openvpn", r.server.unit("etc/systemd/system/openvpn-server@mptcp.service.d/mptcpize.conf"))
	server.await(connected)
	client := r.router.start("openvpn", r.router.service("etc/init.d/openvpn-mptcp"))
	r.eventually("the firewall has dropped the client's packets", func() bool {
		return !strings.Contains(r.server.run("nft", "list", "chain", "inet", "filter", "input"), "counter packets 0 ")
	})
	if strings.Contains(client.printed(), connected) {
		t.Error("the tunnel is there in spite of the firewall")
	}
	r.server.follow("server/README.md", "nft insert rule", ".")
	client.await(connected)
	r.bringUp(config)
	f := r.flow()
	f.await(megabyte)
	f.stop()
}

// debianFirewall is Debian's example (workstation.nft) with a chain for what is forwarded.
const debianFirewall = `table inet filter {
	chain input {
		type filter hook input priority 0; policy drop;
		iif lo accept
		ct state established,related accept
		counter reject
	}
	chain forward {
		type filter hook forward priority 0; policy drop;
	}
}
`

// The same tunnel without MPTCP: what joins the lines is MPTCP alone.
func TestVPNWithoutMPTCPUsesOneLine(t *testing.T) {
	t.Parallel()
	r := newVPN(t, "master", "on")
	config := r.configure()
	r.boot()
	r.tunnel(withoutMPTCP)
	r.bringUp(config)
	f := r.flow()
	if c := f.carry(2 * megabyte); !c.idle(1) {
		t.Errorf("plain TCP used a second line: %v", c)
	}
	f.stop()
}

func TestVPNByScriptsAndWithoutEncryption(t *testing.T) {
	t.Parallel()
	r := newVPN(t, "master", "on")
	r.router.follow("openvpn/README.md", "config scripts.conf", ".")
	r.router.follow("openvpn/README.md", "data-ciphers none", "etc/openvpn-mptcp")
	r.server.follow("openvpn/README.md", "data-ciphers none", "etc/openvpn/server")
	r.boot()
	rules := r.router.run("ip", "rule")
	client := r.tunnel(asItIs)
	r.steersTheLAN()
	f := r.flow()
	if c := f.carry(6 * megabyte); !c.byBoth(6 * megabyte) {
		t.Errorf("a line carried less than a third of its half: %v", c)
	}
	f.stop()
	if !strings.Contains(client.printed(), "cipher 'none'") {
		t.Errorf("the tunnel is encrypted")
	}
	client.stop()
	if got := r.table1(); got != "" {
		t.Errorf("table 1 is %q after the tunnel went down, want it empty", got)
	}
	if got := r.router.run("ip", "rule"); got != rules {
		t.Errorf("the rules are\n%swant those of before\n%s", got, rules)
	}
}

// OpenWrt starts the server with the same words as Debian.
func TestVPNServerOnOpenWrt(t *testing.T) {
	t.Parallel()
	r := newVPN(t, "master", "on")
	r.server.install("openvpn/server-openwrt")
	debian := r.server.unit("etc/systemd/system/openvpn-server@mptcp.service.d/mptcpize.conf")
	openwrt := r.server.service("etc/init.d/openvpn-mptcp-server")
	for i := range debian {
		debian[i] = strings.TrimPrefix(strings.TrimPrefix(debian[i], "/usr/bin/"), "/usr/sbin/")
	}
	if !slices.Equal(debian, openwrt) {
		t.Errorf("Debian starts %q, OpenWrt %q", debian, openwrt)
	}
}
