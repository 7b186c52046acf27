// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
	"github.com/mptcpctl/mptcpctl/pkg/netlab"
	"github.com/mptcpctl/mptcpctl/pkg/sockdiag"
)

func TestServerAnnouncesItsSecondAddress(t *testing.T) {
	t.Parallel()
	r := newRecipe(t, "master", "on")
	r.boot()
	r.router.follow("server/README.md", "mptcp_add_addr_accepted", ".")
	if got := r.limits(r.Router).AddAddrAccepted; got != 2 {
		t.Errorf("the router accepts %d announced addresses, want 2", got)
	}

	first := []netip.Addr{netlab.Addr4.Addr(), netlab.Addr6.Addr()}
	second := netlab.ServerSecond.Addr()
	if got := r.announced(); !slices.Equal(got, first) {
		t.Errorf("the server announces %v, want %v", got, first)
	}
	r.must(r.AddServerAddress())
	r.server.follow("server/README.md", "interface 'second'", ".")
	r.server.run("env", "IFACE=eth1", filepath.Join(r.server.root, "etc/network/if-up.d/mptcpctl"))
	if got := r.announced(); !slices.Equal(got, append(first, second)) {
		t.Errorf("the server announces %v, want %v and %s", got, first, second)
	}
	if got := r.limits(r.Server).Subflows; got != 8 {
		t.Errorf("the server takes %d subflows besides the first, want 8", got)
	}
	if got := r.server.run("ip", "route", "get", "10.0.1.2", "from", second.String()); !strings.Contains(got, "dev "+netlab.ServerSecondDevice) {
		t.Errorf("what the second address sends goes by %s", got)
	}

	server, err := r.Serve(r.ctx)
	r.must(err)
	t.Cleanup(func() { r.check(server.Close()) })
	f := r.transfer(r.Router, netlab.Addr4, false)
	r.eventually("a subflow to the second address carries data", func() bool { return r.sentTo(second) > handshakes })

	r.server.run("ip", "link", "set", netlab.ServerSecondDevice, "down")
	r.server.run("env", "IFACE=eth1", filepath.Join(r.server.root, "etc/network/if-post-down.d/mptcpctl"))
	if got := r.announced(); !slices.Equal(got, first) {
		t.Errorf("the server announces %v after %s went down, want %v", got, netlab.ServerSecondDevice, first)
	}
	f.await(megabyte)
	f.stop()
}

// The device's name goes into the configuration whatever it is.
func TestServerWithADeviceOfAnotherName(t *testing.T) {
	t.Parallel()
	for _, device := range []string{"ens3", "br-ex", "eth0.100"} {
		t.Run(device, func(t *testing.T) {
			t.Parallel()
			r := newRecipe(t, "master", "on")
			r.server.run("sh", "-ec", `ip link set eth0 down
ip link set eth0 name "$1"
ip link set "$1" up
ip route add default via "$2" dev "$1"`, "sh", device, r.serverGateway())
			r.server.run("mptcpctl", "apply")
			if status := r.server.run("mptcpctl", "status"); strings.Contains(status, "usable") {
				t.Fatalf("the server has no eth0, and yet:\n%s", status)
			}
			r.server.follow("server/README.md", "option device", ".")
			r.server.run("mptcpctl", "apply")
			r.says(r.server.run("mptcpctl", "status"), "public ", device+" ", "signal", "usable", "limits: 8 subflows")
			r.says(r.server.run("ip", "mptcp", "endpoint"), netlab.Addr4.Addr().String()+" id", "signal dev "+device)
			if plan := r.server.run("mptcpctl", "plan"); plan != "" {
				t.Errorf("plan: %s", plan)
			}
		})
	}
}

// serverGateway is the router of the server's network.
func (r *recipe) serverGateway() string {
	r.Helper()
	words := strings.Fields(r.server.run("ip", "-4", "route", "show", "default"))
	return words[slices.Index(words, "via")+1]
}

// A provider translates the public address in front of the server, and lets nothing
// else reach it. What the server must not announce is its other address: that of the
// connection itself the kernel does not announce.
func TestServerWhosePublicAddressIsNotOnTheMachine(t *testing.T) {
	t.Parallel()
	r := newRecipe(t, "master", "on")
	r.boot()
	public := netip.MustParseAddr("192.0.2.10")
	private, other := netlab.Addr4.Addr(), netlab.ServerSecond.Addr()
	file := filepath.Join(r.Dir, "cloud.nft")
	r.must(os.WriteFile(file, []byte(`table ip cloud {
	counter private { }
	chain prerouting {
		type nat hook prerouting priority dstnat; policy accept;
		ip daddr `+public.String()+` dnat to `+private.String()+`
	}
	chain forward {
		type filter hook forward priority filter; policy accept;
		ip daddr { `+private.String()+`, `+other.String()+` } ct status & dnat == 0 counter name private drop
	}
}
`), 0o644))
	r.nft("-f", file)
	r.router.follow("server/README.md", "mptcp_add_addr_accepted", ".")
	server, err := r.Serve(r.ctx)
	r.must(err)
	t.Cleanup(func() { r.check(server.Close()) })
	// Before step 3 the router tries an address that the server announces.
	r.must(r.AddServerAddress())
	r.server.follow("server/README.md", "interface 'second'", ".")
	if !slices.Contains(r.announced(), other) {
		t.Fatalf("the server does not announce %s", other)
	}
	to := netip.AddrPortFrom(public, netlab.Addr4.Port())
	f := r.transfer(r.Router, to, false)
	r.eventually("a packet to a private address is dropped", func() bool { return r.dropped() > 0 })
	f.stop()

	r.server.follow("server/README.md", "multipath 'off'", ".")
	r.server.run("mptcpctl", "apply")
	if got := r.announced(); len(got) > 0 {
		t.Errorf("the server announces %v", got)
	}
	r.says(r.server.run("mptcpctl", "status"), "off", "limits: 8 subflows")

	before := r.dropped()
	f = r.transfer(r.Router, to, false)
	r.eventually("both lines carry the connection", func() bool { return f.carry(2 * megabyte).byBoth(2 * megabyte) })
	f.stop()
	if dropped := r.dropped(); dropped != before {
		t.Errorf("%d packets were sent to a private address", dropped-before)
	}
}

// dropped is how many packets to private addresses the cloud has dropped.
func (r *recipe) dropped() int { return r.counted("counter", "ip", "cloud", "private") }

func (r *recipe) limits(n *netlab.Namespace) (limits mptcp.Limits) {
	r.Helper()
	r.must(n.PathManager(func(c *mptcp.Client) (err error) {
		limits, err = c.Limits()
		return err
	}))
	return limits
}

// announced are the addresses of the server's endpoints, all of which announce.
func (r *recipe) announced() []netip.Addr {
	r.Helper()
	var all []netip.Addr
	r.must(r.Server.PathManager(func(c *mptcp.Client) error {
		endpoints, err := c.Endpoints()
		for _, e := range endpoints {
			if e.Flags != mptcp.FlagSignal {
				r.Errorf("%s: flags %v", e.Addr, e.Flags)
			}
			all = append(all, e.Addr)
		}
		return err
	}))
	return all
}

// sentTo is what the router's subflows have sent to an address.
func (r *recipe) sentTo(address netip.Addr) (sent uint64) {
	r.Helper()
	r.must(r.Router.Do(func() error {
		return sockdiag.Subflows(func(s sockdiag.Subflow) error {
			if s.Remote.Addr() == address {
				sent += s.TCP.BytesSent
			}
			return nil
		}, sockdiag.Established)
	}))
	return sent
}
