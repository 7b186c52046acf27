// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"net"
	"net/netip"
	"os/exec"
	"slices"
	"syscall"
	"testing"

	vnl "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// The rule for the router's own packets is put in front of one for all, which the kernel
// takes for it.
func TestRulesForTheRouterItself(t *testing.T) {
	for _, f := range plan.Families {
		r := newRouter(t)
		entry := func(table uint32) plan.Rule {
			e := source(f, 32765, "", table, -1)
			if f == plan.IPv6 {
				e.Group = plan.NoGroup
			}
			return e
		}
		own := plan.Rule{Family: f, Priority: 32765, IIF: plan.Loopback, Table: 4, Suppress: -1}
		want := []plan.Rule{source(f, 32765, "", plan.Main, 0), own, entry(3), entry(4)}
		for _, rule := range want {
			r.do(addRule(rule))
		}
		r.do(addRule(entry(4))) // it is there
		same(t, "rules", want, r.observe().Rules)
		r.do(delRule(own))
		same(t, "rules", slices.Delete(slices.Clone(want), 1, 2), r.observe().Rules)
		r.do(delRule(entry(3)), delRule(entry(4)), addRule(own), addRule(entry(3)), addRule(entry(4)))
		same(t, "rules", want, r.observe().Rules)
		r.do(delRule(entry(4)))
		left := r.observe().Rules
		if !slices.Contains(left, own) || slices.Contains(left, entry(4)) || len(left) != 3 {
			t.Errorf("%v", left)
		}
	}
}

// nft obeys commands in the namespace of the test.
func (r *router) nft(commands string) {
	r.t.Helper()
	if out, err := exec.Command("nft", commands).CombinedOutput(); err != nil {
		r.t.Fatalf("nft: %v\n%s\n%s", err, out, commands)
	}
}

// udp sends packets from a source to a target, bound to a device.
func (r *router) udp(device, from, to string, n int) {
	r.t.Helper()
	d := net.Dialer{LocalAddr: &net.UDPAddr{IP: net.ParseIP(from)}, Control: bindTo(device)}
	c, err := d.Dial("udp", to)
	r.must(err)
	defer c.Close()
	for range n {
		_, _ = c.Write([]byte("x")) // what is refused was sent too
	}
}

// What is counted: packets from and to beyond a line's own network, and neither those of
// the modem nor the answers of a name server.
func TestCounters(t *testing.T) {
	r := newRouter(t)
	c, err := OpenCounters()
	r.must(err)
	defer c.Close()
	counts := make([]Count, 2)
	if err := c.Read(counts); !errors.Is(err, ErrNoCounters) {
		t.Errorf("without a table: %v", err)
	}
	lines := []Counted{
		{Device: "eth1", Family: plan.IPv4, Near: []netip.Prefix{prefix("10.0.1.0/24"), prefix("10.0.1.1/32")}},
		{Device: "eth1", Family: plan.IPv6, Near: []netip.Prefix{prefix("2001:db8:1::/64")}, Ours: []netip.Prefix{prefix("2001:db8:1::2/128")}},
	}
	for range 2 { // the second time in place of the first
		r.nft(CounterRules(lines))
	}
	r.must(c.Read(counts))
	if counts[0] != (Count{}) || counts[1] != (Count{}) {
		t.Errorf("at the beginning: %+v", counts)
	}
	gateway := func(ip string) {
		r.must(vnl.NeighAdd(&vnl.Neigh{LinkIndex: r.index["eth1"], State: vnl.NUD_PERMANENT, IP: net.ParseIP(ip), HardwareAddr: r.link("far1").Attrs().HardwareAddr}))
	}
	gateway("10.0.1.1")
	gateway("2001:db8:1::1")
	r.must(vnl.RouteAdd(&vnl.Route{LinkIndex: r.index["eth1"], Gw: net.ParseIP("10.0.1.1"), Dst: ipNet(prefix("198.51.100.0/24"))}))
	r.must(vnl.RouteAdd(&vnl.Route{LinkIndex: r.index["eth1"], Gw: net.ParseIP("2001:db8:1::1"), Dst: ipNet(prefix("2001:db8:99::/48"))}))
	r.udp("eth1", "10.0.1.2", "198.51.100.1:1000", 3)
	r.udp("eth1", "10.0.1.2", "10.0.1.1:1000", 4)           // the modem
	r.udp("eth1", "10.0.1.2", "198.51.100.1:53", 5)         // a name server
	r.udp("eth1", "2001:db8:1::2", "[2001:db8:99::1]:9", 6) // the other family
	r.must(c.Read(counts))
	if counts[0] != (Count{Sent: 3}) || counts[1] != (Count{Sent: 6}) {
		t.Errorf("sent: %+v", counts)
	}
	if offloads, err := c.Offloads(); err != nil || offloads {
		t.Errorf("a flow table: %v %v", offloads, err)
	}
	// More lines than there are counters: the table is another's.
	if err := c.Read(make([]Count, 3)); !errors.Is(err, ErrNoCounters) {
		t.Errorf("too few counters: %v", err)
	}
	r.nft(RemoveCounters)
	r.nft(RemoveCounters)
	if err := c.Read(counts); !errors.Is(err, ErrNoCounters) {
		t.Errorf("after the end: %v", err)
	}
}

func bindTo(device string) func(string, string, syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		var err error
		controlled := c.Control(func(fd uintptr) {
			err = unix.SetsockoptString(int(fd), unix.SOL_SOCKET, unix.SO_BINDTODEVICE, device)
		})
		return errors.Join(controlled, err)
	}
}
