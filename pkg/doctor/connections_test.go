// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
	"github.com/mptcpctl/mptcpctl/pkg/sockdiag"
)

var server = netip.MustParseAddrPort("10.99.0.2:5001")

// opened is an established connection from line 1, with one subflow there.
func opened() sockdiag.Connection {
	return sockdiag.Connection{
		State: sockdiag.Established, Local: netip.AddrPortFrom(addr1, 4000), Remote: server,
		Subflows: []sockdiag.Subflow{{
			Local: netip.AddrPortFrom(addr1, 4000), Remote: server, State: sockdiag.Established,
			Flags: sockdiag.CapableLocal | sockdiag.CapableRemote | sockdiag.FullyEstablished,
		}},
	}
}

func TestLostSubflow(t *testing.T) {
	t.Parallel()
	join := sockdiag.Subflow{Local: netip.AddrPortFrom(addr2, 4001), Remote: server, State: sockdiag.Established, Flags: sockdiag.JoinLocal | sockdiag.FullyEstablished}
	tests := []struct {
		name   string
		change func(*Facts, *sockdiag.Connection)
		lost   bool
	}{
		{"no subflow over line 2", func(*Facts, *sockdiag.Connection) {}, true},
		{"there is one", func(_ *Facts, c *sockdiag.Connection) { c.Subflows = append(c.Subflows, join) }, false},
		{"it is on its way", func(_ *Facts, c *sockdiag.Connection) {
			c.Subflows = append(c.Subflows, join)
			c.Subflows[1].State = sockdiag.SynSent
		}, false},
		{"it is closing", func(_ *Facts, c *sockdiag.Connection) {
			c.Subflows = append(c.Subflows, join)
			c.Subflows[1].State = sockdiag.FinWait1
		}, true},
		{"the first is gone", func(_ *Facts, c *sockdiag.Connection) { c.Subflows[0] = join }, true},
		{"plain TCP", func(_ *Facts, c *sockdiag.Connection) { c.Fallback = true }, false},
		{"a connection that closes", func(_ *Facts, c *sockdiag.Connection) { c.State = sockdiag.FinWait1 }, false},
		{"the peer opened it", func(_ *Facts, c *sockdiag.Connection) { c.Subflows[0].Flags = sockdiag.CapableRemote }, false},
		{"the limit is reached", func(f *Facts, _ *sockdiag.Connection) { f.State.Limits.Subflows = 0 }, false},
		{"nothing was acknowledged yet", func(_ *Facts, c *sockdiag.Connection) { c.Subflows[0].Flags &^= sockdiag.FullyEstablished }, false},
		{"to this machine itself", func(_ *Facts, c *sockdiag.Connection) { c.Remote = netip.AddrPortFrom(addr2, 80) }, false},
		{"over the loopback", func(_ *Facts, c *sockdiag.Connection) { c.Remote = netip.MustParseAddrPort("127.0.0.1:80") }, false},
		{"to a host of the LAN", func(_ *Facts, c *sockdiag.Connection) {
			c.Subflows[0].Local = netip.MustParseAddrPort("192.168.1.1:4000")
		}, false},
		{"of the other family", func(_ *Facts, c *sockdiag.Connection) { c.Remote = netip.MustParseAddrPort("[2001:db8::1]:80") }, false},
		{"the line has no endpoint", func(f *Facts, _ *sockdiag.Connection) { f.Result.Endpoints = f.Result.Endpoints[:1] }, false},
		{"the line only announces", func(f *Facts, _ *sockdiag.Connection) { f.Result.Endpoints[1].Flags = mptcp.FlagSignal }, false},
		{"the line has no carrier", func(f *Facts, _ *sockdiag.Connection) { f.Result.Lines[1].Use[plan.IPv4].Device.Carrier = false }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, c := healthy(), opened()
			tt.change(f, &c)
			f.Connections = []sockdiag.Connection{c}
			found := strings.Contains(summary(Examine(f)), "lost_subflow")
			if found != tt.lost {
				t.Errorf("found lost: %v, want %v", found, tt.lost)
			}
		})
	}
}

func TestNoSubflow(t *testing.T) {
	t.Parallel()
	const lost, heal, apply = "no_subflow  [%s]\n", "mptcpctl iface wan2 heal", "mptcpctl apply"
	tests := []struct {
		name   string
		change func(*Facts, *sockdiag.Connection)
		want   string
	}{
		{"its last one is gone", func(*Facts, *sockdiag.Connection) {}, fmt.Sprintf(lost, heal)},
		{"it is closing", func(_ *Facts, c *sockdiag.Connection) {
			c.Subflows = opened().Subflows
			c.Subflows[0].State = sockdiag.FinWait1
		}, fmt.Sprintf(lost, heal)},
		{"another is on its way", func(_ *Facts, c *sockdiag.Connection) {
			c.Subflows = []sockdiag.Subflow{{State: sockdiag.SynSent}}
		}, ""},
		{"another will never come", func(_ *Facts, c *sockdiag.Connection) {
			c.Subflows = []sockdiag.Subflow{{State: sockdiag.SynSent, TCP: sockdiag.TCPInfo{Timeouts: 2}}}
		}, fmt.Sprintf(lost, heal)},
		{"the peer has closed it", func(_ *Facts, c *sockdiag.Connection) { c.State = sockdiag.CloseWait }, ""},
		{"plain TCP", func(_ *Facts, c *sockdiag.Connection) { c.Fallback = true }, ""},
		{"nothing was ever acknowledged", func(_ *Facts, c *sockdiag.Connection) { c.MPTCP.Counted = true }, ""},
		{"something was", func(_ *Facts, c *sockdiag.Connection) { c.MPTCP.Counted, c.MPTCP.BytesAcked = true, 1 }, fmt.Sprintf(lost, heal)},
		{"to this machine itself", func(_ *Facts, c *sockdiag.Connection) { c.Remote = netip.AddrPortFrom(addr2, 80) }, ""},
		{"over the loopback", func(_ *Facts, c *sockdiag.Connection) { c.Remote = netip.MustParseAddrPort("127.0.0.1:80") }, ""},
		{"its address is gone too", func(_ *Facts, c *sockdiag.Connection) { c.Local = netip.MustParseAddrPort("10.0.1.9:80") },
			fmt.Sprintf(lost, "mptcpctl iface wan1 heal")},
		{"from a host of the LAN", func(f *Facts, c *sockdiag.Connection) {
			f.State.Addresses = append(f.State.Addresses, plan.Address{Prefix: netip.MustParsePrefix("192.168.1.1/24")})
			c.Local = netip.MustParseAddrPort("192.168.1.1:80")
		}, ""},
		{"no other line has an endpoint", func(f *Facts, _ *sockdiag.Connection) { f.Result.Endpoints = f.Result.Endpoints[:1] }, fmt.Sprintf(lost, "")},
		{"healing has been in vain", func(f *Facts, _ *sockdiag.Connection) { f.Vain = []string{InVain("wan2", 0)} }, fmt.Sprintf(lost, "")},
		{"healing has been in vain for another", func(f *Facts, _ *sockdiag.Connection) { f.Vain = []string{InVain("wan2", 7)} }, fmt.Sprintf(lost, heal)},
		{"an endpoint waits to be added", func(f *Facts, _ *sockdiag.Connection) {
			f.Result.Ops = []plan.Op{{Action: plan.Add, Object: plan.ObjectEndpoint, Endpoint: f.Result.Endpoints[0].Endpoint}}
		}, "pending  [mptcpctl apply]\n" + fmt.Sprintf(lost, apply)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, c := healthy(), opened()
			c.Subflows = nil
			tt.change(f, &c)
			f.Connections = []sockdiag.Connection{c}
			if diff := cmp.Diff(tt.want, summary(Examine(f))); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// twice gives the connection a second subflow over line 1, to an announced address.
func twice(c *sockdiag.Connection) {
	c.Subflows = append(c.Subflows, sockdiag.Subflow{
		Local: netip.AddrPortFrom(addr1, 4002), Remote: netip.MustParseAddrPort("10.99.0.3:5001"), State: sockdiag.Established, RemoteID: 9,
		Flags: sockdiag.JoinLocal | sockdiag.JoinRemote | sockdiag.FullyEstablished,
	})
}

func TestFindingsAboutSubflows(t *testing.T) {
	t.Parallel()
	const lost, lower = "lost_subflow wan2 [mptcpctl iface wan2 heal]\n", "one_line wan1 [uci set network.globals.mptcp_add_addr_accepted=0; uci commit network; mptcpctl apply]\n"
	const differs = "backup_differs wan1 [mptcpctl iface wan1 heal]\n"
	for _, tt := range []struct {
		name   string
		change func(*Facts, *sockdiag.Connection)
		want   string
	}{
		{"one line for two addresses", func(_ *Facts, c *sockdiag.Connection) { twice(c) }, lost + lower},
		{"the kernel has laminar", func(f *Facts, c *sockdiag.Connection) { twice(c); f.State.Laminar = true },
			lost + "one_line wan1 [uci set network.globals.mptcp_laminar=1; uci commit network; mptcpctl apply]\n"},
		{"it is switched on", func(f *Facts, c *sockdiag.Connection) {
			twice(c)
			f.State.Laminar, f.Config.Globals.Laminar = true, true
		},
			lost + "one_line wan1 []\n"},
		{"another connection gains a line by it", func(f *Facts, c *sockdiag.Connection) {
			twice(c)
			other := opened()
			twice(&other)
			other.Subflows[1].Local = netip.AddrPortFrom(addr2, 4003)
			f.Connections = append(f.Connections, other)
		}, lost + "one_line wan1 []\n"},
		{"both lines", func(_ *Facts, c *sockdiag.Connection) {
			twice(c)
			c.Subflows[1].Local = netip.AddrPortFrom(addr2, 4003)
		}, ""},
		{"twice to one address", func(_ *Facts, c *sockdiag.Connection) { twice(c); c.Subflows[1].Remote = server }, lost},
		{"healing has been in vain", func(f *Facts, _ *sockdiag.Connection) { f.Vain = []string{InVain("wan2", 0)} }, "healed_in_vain wan2 []\n"},
		{"a subflow differs", func(f *Facts, c *sockdiag.Connection) {
			f.Vain = []string{InVain("wan2", 0)}
			twice(c)
			c.Subflows[1].Remote, c.Subflows[1].Flags = server, c.Subflows[1].Flags|sockdiag.BackupLocal
		}, differs + "healed_in_vain wan2 []\n"},
		{"nothing else works", func(f *Facts, c *sockdiag.Connection) {
			f.Vain = []string{InVain("wan2", 0)}
			c.Subflows[0].Flags |= sockdiag.BackupLocal
		}, "healed_in_vain wan2 []\n"},
		{"the peer's wish is another matter", func(f *Facts, c *sockdiag.Connection) {
			f.Vain = []string{InVain("wan2", 0)}
			c.Subflows[0].Flags |= sockdiag.BackupRemote
		}, "healed_in_vain wan2 []\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, c := healthy(), opened()
			f.State.Limits.AddAddrAccepted = 1
			f.Result.Endpoints[0].Interface, f.Result.Endpoints[1].Interface = "wan1", "wan2"
			tt.change(f, &c)
			f.Connections = append(f.Connections, c)
			if diff := cmp.Diff(tt.want, summary(Examine(f))); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}
