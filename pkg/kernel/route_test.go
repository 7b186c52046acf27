// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	vnl "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

func TestRoutesComeBackAsAdded(t *testing.T) {
	for _, table := range tables {
		for _, f := range plan.Families {
			t.Run(fmt.Sprintf("%s table %d", f, table), func(t *testing.T) {
				r := newRouter(t)
				plain := r.route(1, f, table)
				sourced := plain
				sourced.Metric, sourced.Src = 7, addr("10.0.1.2")
				onlink := plain
				onlink.Metric, onlink.Gateway, onlink.OnLink = 8, addr("192.0.2.1"), true
				pointToPoint := r.route(2, f, table)
				pointToPoint.Metric, pointToPoint.Gateway = 9, netip.Addr{}
				connected := pointToPoint
				connected.Dst, connected.Metric, connected.Src = prefix("10.0.1.0/24"), plain.Metric, addr("10.0.1.2")
				host := plain
				host.Dst = prefix("198.51.100.7/32")
				narrow := plain
				narrow.Metric, narrow.MTU = 10, 1400
				throw := plan.Route{Family: f, Table: table, Dst: prefix("10.0.9.0/24"), Throw: true, Metric: plain.Metric}
				if f == plan.IPv6 {
					sourced.Src = addr("2001:db8:1::2")
					onlink.Gateway = addr("2001:db8:ffff::1")
					connected.Dst, connected.Src = prefix("2001:db8:1::/64"), addr("2001:db8:1::2")
					host.Dst = prefix("2001:db8:7::7/128")
					throw.Dst = prefix("2001:db8:9::/64")
				}
				want := []plan.Route{plain, sourced, onlink, pointToPoint, connected, host, narrow, throw}
				if f == plan.IPv4 {
					across := plain
					across.Metric, across.Gateway = 11, addr("fe80::1")
					want = append(want, across)
				}
				for _, route := range want {
					r.do(addRoute(route))
				}
				got := r.observe(table)
				same(t, "routes", sorted(want), sorted(got.Routes))
				same(t, "foreign routes", nil, got.Foreign)
				own, err := r.OwnTables()
				r.must(err)
				same(t, "own tables", []uint32{table}, own[f])

				for _, route := range want {
					r.do(delRoute(route), delRoute(route))
				}
				same(t, "routes", nil, r.observe(table).Routes)
			})
		}
	}
}

// The kernel keeps whatever differs: a plan that compares must see it.
func TestTheMTUOfARouteIsChanged(t *testing.T) {
	for _, f := range plan.Families {
		r := newRouter(t)
		plain := r.route(1, f, 300)
		narrow := plain
		narrow.MTU = 1400
		r.do(addRoute(plain), changeRoute(narrow))
		same(t, "routes", []plan.Route{narrow}, r.observe(300).Routes)
		r.do(changeRoute(plain))
		same(t, "routes", []plan.Route{plain}, r.observe(300).Routes)
		r.do(delRoute(plain))
		same(t, "routes", nil, r.observe(300).Routes)
	}
}

func sorted(routes []plan.Route) []plan.Route {
	return slices.SortedFunc(slices.Values(routes), func(a, b plan.Route) int { return strings.Compare(a.String(), b.String()) })
}

func TestRoutesOfOtherProtocolsSurvive(t *testing.T) {
	for _, f := range plan.Families {
		for _, table := range []uint32{5, 300} {
			t.Run(fmt.Sprintf("%s table %d", f, table), func(t *testing.T) {
				r := newRouter(t)
				ours := r.route(1, f, table)
				theirs := ours
				theirs.Metric += 100
				r.must(vnl.RouteAdd(foreignRoute(theirs, unix.RTPROT_STATIC)))
				r.do(addRoute(ours), delRoute(ours), delRoute(ours))
				got := r.observe(table)
				same(t, "routes", nil, got.Routes)
				same(t, "foreign routes", []plan.Route{theirs}, got.Foreign)

				// The same metric is refused, and must not end as one more
				// nexthop of theirs.
				second := r.route(2, f, table)
				second.Metric = theirs.Metric
				if err := r.Apply([]plan.Op{addRoute(second)})[0]; !errors.Is(err, unix.EEXIST) {
					t.Errorf("error %v, want EEXIST", err)
				}
				r.do(delRoute(theirs), delRoute(second))
				same(t, "foreign routes", []plan.Route{theirs}, r.observe(table).Foreign)
			})
		}
	}
}

func TestARouteIsChangedInPlace(t *testing.T) {
	for _, f := range plan.Families {
		t.Run(f.String(), func(t *testing.T) {
			r := newRouter(t)
			viaFirst, viaSecond, direct := r.route(1, f, 300), r.route(2, f, 300), r.route(1, f, 300)
			direct.Gateway = netip.Addr{}
			sourced := viaSecond
			sourced.Src = addr("10.0.2.2")
			if f == plan.IPv6 {
				sourced.Src = addr("2001:db8:2::2")
			}
			r.do(addRoute(viaFirst), addRoute(viaFirst))
			for _, next := range []plan.Route{viaSecond, direct, sourced, viaFirst, viaFirst} {
				r.do(changeRoute(next))
				same(t, "routes", []plan.Route{next}, r.observe(300).Routes)
			}
		})
	}
}

func TestAChangedRouteIsAddedIfItVanished(t *testing.T) {
	r := newRouter(t)
	want := []plan.Route{r.route(1, plan.IPv4, 5), r.route(1, plan.IPv6, 5)}
	r.do(changeRoute(want[0]), changeRoute(want[1]))
	same(t, "routes", want, r.observe(5).Routes)
}

func TestRoutesOfOtherKindsAreForeignOrNotListed(t *testing.T) {
	r := newRouter(t)
	special := foreignRoute(r.route(1, plan.IPv4, 5), unix.RTPROT_STATIC)
	special.Tos = 8
	r.must(vnl.RouteAdd(special))
	r.must(vnl.RouteAdd(&vnl.Route{Table: 5, Type: unix.RTN_BLACKHOLE, Dst: ipNet(prefix("10.0.2.0/24"))}))
	multipath := foreignRoute(r.route(1, plan.IPv4, 5), plan.Protocol)
	multipath.LinkIndex, multipath.Gw = 0, nil
	for n := 1; n <= 2; n++ {
		via := r.route(n, plan.IPv4, 5)
		multipath.MultiPath = append(multipath.MultiPath, &vnl.NexthopInfo{LinkIndex: via.Index, Gw: via.Gateway.AsSlice()})
	}
	r.must(vnl.RouteAdd(multipath))
	got := r.observe(5)
	same(t, "routes", nil, got.Routes)
	same(t, "foreign routes", []plan.Route{{Table: 5, Dst: prefix("0.0.0.0/0")}, {Table: 5, Dst: prefix("10.0.2.0/24")}}, got.Foreign)
}

func TestRefusalsKeepTheErrnoAndTheKernelsWords(t *testing.T) {
	r := newRouter(t)
	far := r.route(1, plan.IPv4, 5)
	far.Gateway = addr("192.0.2.1")
	err := r.Apply([]plan.Op{addRoute(far)})[0]
	if !errors.Is(err, unix.ENETUNREACH) || !strings.Contains(err.Error(), "gateway") ||
		!strings.HasPrefix(err.Error(), "ip route add default via 192.0.2.1 dev eth1 table 5 proto 77: ") {
		t.Errorf("error %v", err)
	}
}

func TestOwnTables(t *testing.T) {
	r := newRouter(t)
	for _, table := range []uint32{5, 4_000_000_000} {
		r.do(addRoute(r.route(1, plan.IPv4, table)))
	}
	r.do(addRoute(r.route(1, plan.IPv6, 300)))
	r.must(vnl.RouteAdd(foreignRoute(r.route(1, plan.IPv4, 6), unix.RTPROT_STATIC)))
	got, err := r.OwnTables()
	r.must(err)
	slices.Sort(got[plan.IPv4])
	same(t, "tables", [2][]uint32{{5, 4_000_000_000}, {300}}, got)
}
