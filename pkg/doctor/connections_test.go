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
			Flags: sockdiag.CapableLocal | sockdiag.CapableRemote,
		}},
	}
}

func TestLostSubflow(t *testing.T) {
	t.Parallel()
	join := sockdiag.Subflow{Local: netip.AddrPortFrom(addr2, 4001), Remote: server, State: sockdiag.Established, Flags: sockdiag.JoinLocal}
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
		{"to this machine itself", func(_ *Facts, c *sockdiag.Connection) { c.Remote = netip.AddrPortFrom(addr2, 80) }, ""},
		{"over the loopback", func(_ *Facts, c *sockdiag.Connection) { c.Remote = netip.MustParseAddrPort("127.0.0.1:80") }, ""},
		{"its address is gone too", func(_ *Facts, c *sockdiag.Connection) { c.Local = netip.MustParseAddrPort("10.0.1.9:80") },
			fmt.Sprintf(lost, "mptcpctl iface wan1 heal")},
		{"from a host of the LAN", func(f *Facts, c *sockdiag.Connection) {
			f.State.Addresses = append(f.State.Addresses, plan.Address{Prefix: netip.MustParsePrefix("192.168.1.1/24")})
			c.Local = netip.MustParseAddrPort("192.168.1.1:80")
		}, ""},
		{"no other line has an endpoint", func(f *Facts, _ *sockdiag.Connection) { f.Result.Endpoints = f.Result.Endpoints[:1] }, fmt.Sprintf(lost, "")},
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
