// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"net/netip"
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
	r.server.run("env", "IFACE=eth1", filepath.Join(r.server.root, "etc/network/if-up.d/mptcpctl"))
	if got := r.announced(); !slices.Equal(got, append(first, second)) {
		t.Errorf("the server announces %v, want %v and %s", got, first, second)
	}
	if got := r.limits(r.Server).Subflows; got != 8 {
		t.Errorf("the server takes %d subflows beside the first, want 8", got)
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
