// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"testing"

	vnl "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// asked observes who has the default route of the main table.
func (r *router) asked(f plan.Family) plan.MainDefault {
	r.t.Helper()
	s, err := r.Observe(plan.Request{Default: true})
	r.must(err)
	return s.Defaults[f]
}

// list makes a master list of one table, and the rule by which main is asked.
func (r *router) list(f plan.Family, table uint32) {
	r.t.Helper()
	entry := plan.Rule{Family: f, Priority: plan.PriorityList, Table: table, Suppress: -1}
	r.do(addRule(plan.Rule{Family: f, Priority: plan.PriorityLocal, Mark: plan.QueryMark, Table: plan.Main, Suppress: -1}),
		addRule(plan.Rule{Family: f, Priority: plan.PriorityList, Table: plan.Main, Suppress: 0}), addRule(entry))
}

func TestWhoHasTheDefaultRouteOfMain(t *testing.T) {
	t.Parallel()
	for _, f := range plan.Families {
		for _, listed := range []bool{false, true} {
			name := f.String()
			if listed {
				name += " with a master list"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				r := newRouter(t)
				if listed {
					r.do(addRoute(r.route(2, f, 300)))
					r.list(f, 300)
				}
				same(t, "nobody", plan.MainDefault{Known: true}, r.asked(f))

				first := r.route(1, f, plan.Main)
				first.Metric = 2000
				r.must(vnl.RouteAdd(foreignRoute(first, unix.RTPROT_STATIC)))
				want := plan.MainDefault{Known: true, Hops: []plan.Hop{{Index: r.index["eth1"], Gateway: first.Gateway}}, Metric: 2000}
				same(t, "one", want, r.asked(f))

				second := r.route(2, f, plan.Main)
				second.Metric = 100
				r.must(vnl.RouteAdd(foreignRoute(second, unix.RTPROT_STATIC)))
				want = plan.MainDefault{Known: true, Hops: []plan.Hop{{Index: r.index["eth2"], Gateway: second.Gateway}}, Metric: 100}
				same(t, "one of a lower metric", want, r.asked(f))

				// Somebody has a route to the first address that is asked for.
				near := r.route(1, f, plan.Main)
				near.Dst, near.Metric = prefix(remoteAddrs[f][0]+map[plan.Family]string{plan.IPv4: "/24", plan.IPv6: "/64"}[f]), 1
				near.Dst = near.Dst.Masked()
				r.must(vnl.RouteAdd(foreignRoute(near, unix.RTPROT_STATIC)))
				same(t, "beside a route to the address", want, r.asked(f))

				refuse := vnl.Route{Dst: ipNet(first.Dst), Type: unix.RTN_UNREACHABLE, Priority: 1, Family: int(addressFamilies[f])}
				r.must(vnl.RouteAdd(&refuse))
				same(t, "one that refuses", plan.MainDefault{Known: true}, r.asked(f))
				r.must(vnl.RouteDel(&refuse))

				// A VPN's halves leave nothing to ask for: metrics have to decide.
				for _, half := range map[plan.Family][]string{plan.IPv4: {"0.0.0.0/1", "128.0.0.0/1"}, plan.IPv6: {"::/1", "8000::/1"}}[f] {
					route := r.route(1, f, plan.Main)
					route.Dst, route.Metric = prefix(half), 1
					r.must(vnl.RouteAdd(foreignRoute(route, unix.RTPROT_STATIC)))
				}
				same(t, "behind two halves", plan.MainDefault{}, r.asked(f))
			})
		}
	}
}

// A foreign rule that takes everything before main hides it, unless the managed
// rule of the mark comes first.
func TestWhoHasTheDefaultRouteBehindAForeignRule(t *testing.T) {
	t.Parallel()
	for _, f := range plan.Families {
		t.Run(f.String(), func(t *testing.T) {
			t.Parallel()
			r := newRouter(t)
			r.must(vnl.RouteAdd(foreignRoute(r.route(1, f, plan.Main), unix.RTPROT_STATIC)))
			r.do(addRoute(r.route(2, f, 300))) // a gateway is looked up by the rules too
			r.must(vnl.RouteAdd(foreignRoute(r.route(2, f, 51820), unix.RTPROT_STATIC)))
			rule := vnl.NewRule()
			rule.Family, rule.Priority, rule.Table = int(addressFamilies[f]), 30000, 51820
			r.must(vnl.RuleAdd(rule))
			same(t, "without a list", plan.MainDefault{}, r.asked(f))
			r.list(f, 300)
			want := plan.Hop{Index: r.index["eth1"], Gateway: r.route(1, f, plan.Main).Gateway}
			got := r.asked(f)
			same(t, "known", true, got.Known)
			same(t, "nexthops", []plan.Hop{want}, got.Hops)

			// A list without the rule, as an older release leaves it, hides it too.
			r.do(delRule(plan.Rule{Family: f, Priority: plan.PriorityLocal, Mark: plan.QueryMark, Table: plan.Main, Suppress: -1}))
			r.must(vnl.RuleDel(rule))
			same(t, "a list without the rule", plan.MainDefault{}, r.asked(f))
		})
	}
}

func TestDefaultRoutesBySeveralNexthops(t *testing.T) {
	t.Parallel()
	r := newRouter(t)
	hops := []*vnl.NexthopInfo{
		{LinkIndex: r.index["eth1"], Gw: addr("10.0.1.1").AsSlice()},
		{LinkIndex: r.index["eth2"], Gw: addr("10.0.2.1").AsSlice()},
	}
	r.must(vnl.RouteAdd(&vnl.Route{Dst: ipNet(prefix("0.0.0.0/0")), MultiPath: hops}))
	want := []plan.Hop{{Index: r.index["eth1"], Gateway: addr("10.0.1.1")}, {Index: r.index["eth2"], Gateway: addr("10.0.2.1")}}
	same(t, "nexthops", want, r.asked(plan.IPv4).Hops)
}
