// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
)

// serve starts the far server for the length of the test.
func serve(t *testing.T, l *Lab) {
	t.Helper()
	s, err := l.Serve(limited(t))
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
}

// steer makes by hand what mptcpctl makes: a table, a rule and an endpoint per line.
func steer(t *testing.T, l *Lab, addresses ...string) {
	t.Helper()
	interfaces, err := l.Interfaces()
	must(t, err)
	interfaces = interfaces[len(interfaces)-len(addresses):] // The lines come last.
	for n, text := range addresses {
		address := netip.MustParseAddr(text)
		i := interfaces[n]
		link, err := l.Router.Netlink.LinkByName(i.Device)
		must(t, err)
		table := 100 + n
		for _, g := range i.Gateways {
			if g.Is4() == address.Is4() {
				must(t, l.Router.Netlink.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Dst: ipNet(everything(g)), Gw: g.AsSlice(), Table: table}))
			}
		}
		rule := netlink.NewRule()
		rule.Priority, rule.Table, rule.Src = 500, table, ipNet(netip.PrefixFrom(address, address.BitLen()))
		must(t, l.Router.Netlink.RuleAdd(rule))
		must(t, l.Router.PathManager(func(c *mptcp.Client) error {
			if err := c.SetLimits(mptcp.Limits{Subflows: 8, AddAddrAccepted: 8}); err != nil {
				return err
			}
			return c.Add(mptcp.Endpoint{Addr: address, Flags: mptcp.FlagSubflow, IfIndex: link.Attrs().Index})
		}))
	}
}

func TestTheServerIsReachedOverEachLineByItsSourceAddress(t *testing.T) {
	t.Parallel()
	l := newLab(t, Config{Lines: []LineConfig{{IPv6: true}, {IPv6: true}, {Proto: "dhcp"}}})
	serve(t, l)
	steer(t, l, "10.0.1.2", "10.0.2.2", "10.0.3.2")
	for n, c := range []struct {
		from string
		to   netip.AddrPort
	}{{"10.0.1.2", Addr4}, {"10.0.2.2", Addr4}, {"10.0.3.2", Addr4}} {
		result, err := l.Router.Transfer(limited(t), Transfer{Server: c.to, From: netip.MustParseAddr(c.from), Up: 100_000, Down: 50_000, TCP: true})
		must(t, err)
		if result.Up != 100_000 || result.Down != 50_000 {
			t.Errorf("from %s: %d bytes up and %d down, want 100000 and 50000", c.from, result.Up, result.Down)
		}
		counters, err := l.Counters()
		must(t, err)
		if counters[n].Sent < 100_000 || counters[n].Received < 50_000 {
			t.Errorf("from %s: line %d carried %d bytes up and %d down", c.from, n+1, counters[n].Sent, counters[n].Received)
		}
	}
}

func TestTheServerIsReachedOverIPv6(t *testing.T) {
	t.Parallel()
	l := newLab(t, Config{Lines: []LineConfig{{IPv6: true}, {NoIPv4: true, IPv6: true}}})
	serve(t, l)
	result, err := l.Router.Transfer(limited(t), Transfer{Server: Addr6, Up: 1000, Down: 1000})
	must(t, err)
	if !result.Multipath {
		t.Error("the connection is plain TCP")
	}
}

func TestAConnectionUsesTwoLinesThroughEndpoints(t *testing.T) {
	t.Parallel()
	l := newLab(t, Config{Lines: []LineConfig{{Bits: 20_000_000}, {Bits: 20_000_000}}})
	serve(t, l)
	steer(t, l, "10.0.1.2", "10.0.2.2")
	result, err := l.Router.Transfer(limited(t), Transfer{Up: 4 << 20, Down: 4 << 20})
	must(t, err)
	if !result.Multipath {
		t.Fatal("the connection is plain TCP")
	}
	counters, err := l.Counters()
	must(t, err)
	for _, c := range counters {
		if c.Sent < 100_000 || c.Received < 100_000 {
			t.Errorf("%s carried %d bytes up and %d down of 4 MiB each", c.Interface, c.Sent, c.Received)
		}
	}
}

func TestTransferChoosesItsCongestionControl(t *testing.T) {
	t.Parallel()
	l := newLab(t, Config{Lines: []LineConfig{{}}})
	serve(t, l)
	ctx := limited(t)
	if _, err := l.Router.Transfer(ctx, Transfer{Up: 1 << 10, Congestion: "nosuch"}); err == nil {
		t.Error("an unknown congestion control was taken")
	}
	running, err := l.Router.StartTransfer(ctx, Transfer{Up: Endless, Down: Endless, Congestion: "cubic"})
	must(t, err)
	must(t, running.Await(ctx, 1<<20))
	for _, n := range []*Namespace{l.Router, l.Server} {
		out, err := n.Output(ctx, "ss", "-tinH", "state", "established")
		must(t, err)
		if !strings.Contains(out, " cubic ") {
			t.Errorf("%s: no subflow with cubic: %s", n.Name, out)
		}
	}
	_, err = running.Stop()
	must(t, err)
}
