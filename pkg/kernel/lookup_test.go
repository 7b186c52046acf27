// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	vnl "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/explain"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// lookup is one that must not fail.
func (r *router) lookupWay(q explain.Query) explain.Answer {
	r.t.Helper()
	a, err := r.Lookup(q)
	r.must(err)
	return a
}

// twoTables sends line 1 by table 101 and line 2 by table 102, and leaves main
// with a default route over line 1.
func twoTables(t *testing.T, f plan.Family) *router {
	r := newRouter(t)
	for n := 1; n <= 2; n++ {
		r.do(addRoute(r.route(n, f, uint32(100+n))),
			addRule(plan.Rule{Family: f, Priority: 501, Src: r.source(n, f), Table: plan.Main, Suppress: 1}),
			addRule(plan.Rule{Family: f, Priority: 502, Src: r.source(n, f), Table: uint32(100 + n), Suppress: -1}),
			addRule(plan.Rule{Family: f, Priority: 503, OIF: fmt.Sprintf("eth%d", n), Table: uint32(100 + n), Suppress: -1}))
	}
	r.must(vnl.RouteAdd(foreignRoute(r.route(1, f, plan.Main), 4)))
	return r
}

func (r *router) source(line int, f plan.Family) netip.Prefix {
	if f == plan.IPv4 {
		return prefix(fmt.Sprintf("10.0.%d.2/32", line))
	}
	return prefix(fmt.Sprintf("2001:db8:%d::2/128", line))
}

// far are destinations beyond the routers.
var far = [...]netip.Addr{plan.IPv4: addr("192.0.2.1"), plan.IPv6: addr("2001:db8:ffff::1")}

func TestLookupSaysWhatTheWitnessSays(t *testing.T) {
	t.Parallel()
	for _, f := range plan.Families {
		t.Run(f.String(), func(t *testing.T) {
			t.Parallel()
			r := twoTables(t, f)
			for _, q := range []explain.Query{
				{}, {Src: r.source(1, f).Addr()}, {Src: r.source(2, f).Addr()}, {OIF: "eth1"}, {OIF: "eth2"},
				{Src: r.source(2, f).Addr(), OIF: "eth2"},
			} {
				q.Dst = far[f]
				witness, err := vnl.RouteGetWithOptions(net.IP(q.Dst.AsSlice()), &vnl.RouteGetOptions{Oif: q.OIF, SrcAddr: q.Src.AsSlice()})
				r.must(err)
				table := uint32(plan.Main)
				gateway := 1
				if q.OIF == "eth2" || q.Src == r.source(2, f).Addr() {
					table, gateway = 102, 2
				} else if q.OIF != "" || q.Src.IsValid() {
					table = 101
				}
				want := explain.Answer{Table: table, Matched: r.route(1, f, 1).Dst, Type: unix.RTN_UNICAST, Device: fmt.Sprintf("eth%d", gateway)}
				want.Gateway, _ = netip.AddrFromSlice(witness[0].Gw)
				want.Src, _ = netip.AddrFromSlice(witness[0].Src)
				want.Gateway, want.Src = want.Gateway.Unmap(), want.Src.Unmap()
				got := r.lookupWay(q)
				if index := r.index[got.Device]; index != witness[0].LinkIndex {
					t.Errorf("%+v: device %s, the witness says number %d", q, got.Device, witness[0].LinkIndex)
				}
				same(t, fmt.Sprintf("%+v", q), want, got)
			}
		})
	}
}

func TestLookupOfWhatHasNoWay(t *testing.T) {
	t.Parallel()
	for _, f := range plan.Families {
		t.Run(f.String(), func(t *testing.T) {
			t.Parallel()
			r := newRouter(t)
			same(t, "no route", explain.Answer{Refused: unix.ENETUNREACH}, r.lookupWay(explain.Query{Dst: far[f]}))
			for action, errno := range map[uint8]unix.Errno{
				explain.ActionUnreachable: unix.ENETUNREACH, explain.ActionProhibit: unix.EACCES, explain.ActionBlackhole: unix.EINVAL,
			} {
				rule := vnl.NewRule()
				rule.Family, rule.Priority, rule.Type = int(addressFamilies[f]), 10, action
				r.must(vnl.RuleAdd(rule))
				same(t, fmt.Sprint("action ", action), explain.Answer{Refused: errno}, r.lookupWay(explain.Query{Dst: far[f]}))
				r.must(vnl.RuleDel(rule))
			}
			if _, err := r.Lookup(explain.Query{Dst: far[f], OIF: "eth9"}); err == nil {
				t.Error("no error for a device that does not exist")
			}
			if _, err := r.Lookup(explain.Query{}); err == nil {
				t.Error("no error for no destination")
			}
			if _, err := r.Lookup(explain.Query{Dst: far[f], Src: far[1-f]}); err == nil {
				t.Error("no error for addresses of two families")
			}
		})
	}
}

func TestLookupOnTheLinkOfADevice(t *testing.T) {
	t.Parallel()
	r := newRouter(t)
	got := r.lookupWay(explain.Query{Dst: far[plan.IPv4], OIF: "eth2"})
	same(t, "IPv4 bound without a route", explain.Answer{Type: unix.RTN_UNICAST, Device: "eth2", Src: addr("10.0.2.2")}, got)
	same(t, "IPv6 bound without a route", explain.Answer{Refused: unix.ENETUNREACH}, r.lookupWay(explain.Query{Dst: far[plan.IPv6], OIF: "eth2"}))
}

func TestLookupOfItself(t *testing.T) {
	t.Parallel()
	for _, f := range plan.Families {
		r := newRouter(t)
		got := r.lookupWay(explain.Query{Dst: r.source(1, f).Addr()})
		// The kernel enters an IPv6 address into the local table a little later
		// than it takes it (addrconf_dad_work in net/ipv6/addrconf.c).
		for end := time.Now().Add(10 * time.Second); !got.Local() && time.Now().Before(end); {
			got = r.lookupWay(explain.Query{Dst: r.source(1, f).Addr()})
		}
		if !got.Local() || got.Device != "lo" {
			t.Errorf("%s: %+v is not this machine itself", f, got)
		}
		rules, err := r.AllRules(f)
		r.must(err)
		steps := explain.Trace(rules, explain.Query{Dst: r.source(1, f).Addr()}, got)
		if len(steps) != 1 || steps[0].Outcome != explain.Wins || steps[0].Rule.Table != unix.RT_TABLE_LOCAL {
			t.Errorf("%s: the local table does not win: %+v", f, steps)
		}
	}
}

func TestLookupOfWhatIsForwarded(t *testing.T) {
	t.Parallel()
	for _, f := range plan.Families {
		t.Run(f.String(), func(t *testing.T) {
			t.Parallel()
			r := twoTables(t, f)
			r.sysctl("net/"+f.String()+"/conf/all/forwarding", "1")
			rule := vnl.NewRule()
			rule.Family, rule.Priority, rule.Table, rule.IifName = int(addressFamilies[f]), 10, 102, "eth1"
			r.must(vnl.RuleAdd(rule))
			host := r.source(1, f).Addr().Next()
			got := r.lookupWay(explain.Query{Src: host, Dst: far[f], IIF: "eth1"})
			if got.Table != 102 || got.Device != "eth2" {
				t.Errorf("%+v, want table 102 by eth2", got)
			}
			rules, err := r.AllRules(f)
			r.must(err)
			same(t, "rules", []string{"0: no route", "10: wins"}, outcomes(explain.Trace(rules, explain.Query{Src: host, Dst: far[f], IIF: "eth1"}, got)))
		})
	}
}

func TestTableRoutes(t *testing.T) {
	t.Parallel()
	r := twoTables(t, plan.IPv4)
	want := r.route(2, plan.IPv4, 102)
	got, count, err := r.TableRoutes(plan.IPv4, 102)
	r.must(err)
	same(t, "table 102", []explain.AnyRoute{{Route: want, Protocol: plan.Protocol, Plain: true}}, got)
	same(t, "routes", 1, count)
	none, count, err := r.TableRoutes(plan.IPv6, 4711)
	r.must(err)
	same(t, "no such table", nil, none)
	same(t, "its routes", 0, count)
}
