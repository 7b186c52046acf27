// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"fmt"
	"testing"

	"github.com/mdlayher/netlink"
	vnl "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/explain"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// The tests of this file are about what vishvananda/netlink v1.3.1 writes or reads
// incorrectly, which the scripts findings/vishvananda-netlink-*.sh show. What it reads
// correctly, it is a witness of here.

func TestSuppressPrefixlengthIsKeptInEveryTable(t *testing.T) {
	for _, f := range plan.Families {
		r := newRouter(t)
		for i, table := range []uint32{2, plan.Main, unix.RT_TABLE_LOCAL, 256, 1000, 1 << 31, 1<<32 - 1} {
			priority := uint32(500 + i)
			rule := source(f, priority, r.source(1, f).String(), table, i%2)
			r.do(addRule(rule))
			witness := r.witnessed(f, priority)
			same(t, fmt.Sprintf("%s table %d, suppress_prefixlength", f, table), i%2, witness.SuppressPrefixlen)
			same(t, fmt.Sprintf("%s table %d, table", f, table), table, uint32(witness.Table))
			r.do(delRule(rule))
		}
	}
}

// witnessed is the only rule of a priority as the witness reads it.
func (r *router) witnessed(f plan.Family, priority uint32) vnl.Rule {
	r.t.Helper()
	all, err := vnl.RuleListFiltered(int(addressFamilies[f]), &vnl.Rule{Priority: int(priority)}, vnl.RT_FILTER_PRIORITY)
	r.must(err)
	if len(all) != 1 {
		r.t.Fatalf("rules of priority %d: %v", priority, all)
	}
	return all[0]
}

// A rule that suppresses the default route of its table lets a packet go on to the next
// rule; one that does not takes it.
func TestSuppressedDefaultRoutesAreNotTaken(t *testing.T) {
	for _, f := range plan.Families {
		for _, table := range []uint32{2, 256, 1000, 1<<32 - 1} {
			r := newRouter(t)
			query := explain.Query{Src: r.source(1, f).Addr(), Dst: far[f]}
			r.do(addRoute(r.route(1, f, 9)), addRoute(r.route(2, f, table)),
				addRule(source(f, 500, r.source(1, f).String(), table, 0)),
				addRule(source(f, 502, r.source(1, f).String(), 9, -1)))
			same(t, fmt.Sprintf("%s table %d suppressed", f, table), "eth1", r.lookupWay(query).Device)
			r.do(addRule(source(f, 499, r.source(1, f).String(), table, -1)))
			same(t, fmt.Sprintf("%s table %d", f, table), "eth2", r.lookupWay(query).Device)
		}
	}
}

func TestActionsOfRulesAreListed(t *testing.T) {
	for _, f := range plan.Families {
		r := newRouter(t)
		want := []string{"100: from all blackhole", "101: from all unreachable", "102: from all prohibit", "103: from all nop", "104: from all goto 200", "200: from all lookup 9"}
		for i, action := range []uint8{explain.ActionBlackhole, explain.ActionUnreachable, explain.ActionProhibit, explain.ActionNop} {
			rule := vnl.NewRule()
			rule.Family, rule.Priority, rule.Type = int(addressFamilies[f]), 100+i, action
			r.must(vnl.RuleAdd(rule))
		}
		jump := vnl.NewRule()
		jump.Family, jump.Priority, jump.Goto = int(addressFamilies[f]), 104, 200
		r.must(vnl.RuleAdd(jump))
		r.do(addRule(source(f, 200, "", 9, -1)))

		all, err := r.AllRules(f)
		r.must(err)
		var got []string
		for _, rule := range all {
			if rule.Priority > 0 && rule.Priority < plan.PriorityList {
				got = append(got, rule.String())
			}
		}
		same(t, f.String()+" rules", want, got)
	}
}

// A table number is an unsigned number of 32 bits, which a Go int does not hold where it
// has 32 bits too (GOARCH=386 go test runs that on amd64).
func TestTablesFrom2147483648Up(t *testing.T) {
	for _, f := range plan.Families {
		for _, table := range []uint32{1 << 31, 1<<32 - 1} {
			r := newRouter(t)
			what := fmt.Sprintf("%s table %d", f, table)
			route, rule := r.route(2, f, table), source(f, 502, r.source(1, f).String(), table, -1)
			r.do(addRoute(route), addRule(rule))
			same(t, what+", routes", []plan.Route{route}, r.observe(table).Routes)
			same(t, what+", rules", []plan.Rule{rule}, r.observe().Rules)
			same(t, what+", witness of the routes", []uint32{table}, r.tablesOfDefaultRoutes(f))
			same(t, what+", witness of the rule", table, uint32(r.witnessed(f, 502).Table))
			same(t, what+", lookup", "eth2", r.lookupWay(explain.Query{Src: rule.Src.Addr(), Dst: far[f]}).Device)
			r.do(delRule(rule), delRoute(route))
			same(t, what+", witness of none", nil, r.tablesOfDefaultRoutes(f))
		}
	}
}

// tablesOfDefaultRoutes are the tables of all default routes, as the witness reads them.
func (r *router) tablesOfDefaultRoutes(f plan.Family) []uint32 {
	r.t.Helper()
	all, err := vnl.RouteListFiltered(int(addressFamilies[f]), &vnl.Route{Table: unix.RT_TABLE_UNSPEC}, vnl.RT_FILTER_TABLE|vnl.RT_FILTER_DST)
	r.must(err)
	var tables []uint32
	for _, route := range all {
		tables = append(tables, uint32(route.Table))
	}
	return tables
}

// The kernel names the nexthop of an object beside its number, unless
// net.ipv4.nexthop_compat_mode, which is for both families, is 0.
func TestRoutesByNexthopObject(t *testing.T) {
	for _, f := range plan.Families {
		for _, compat := range []string{"1", "0"} {
			r := newRouter(t)
			r.sysctl("net/ipv4/nexthop_compat_mode", compat)
			what := f.String() + " with nexthop_compat_mode " + compat
			hop := plan.Hop{Index: r.index["eth1"], Gateway: r.route(1, f, plan.Main).Gateway}
			r.nexthop(f, 7, hop)

			r.defaultByNexthop(f, 5, 7)
			got := r.observe(5)
			same(t, what+", managed routes", nil, got.Routes)
			same(t, what+", foreign routes", 1, len(got.Foreign))

			r.defaultByNexthop(f, plan.Main, 7)
			same(t, what+", nexthops of the default route", []plan.Hop{hop}, r.asked(f).Hops)
		}
	}
}

// nexthop makes a nexthop object.
func (r *router) nexthop(f plan.Family, id uint32, hop plan.Hop) {
	r.t.Helper()
	ae := netlink.NewAttributeEncoder()
	ae.Uint32(nhaID, id)
	ae.Uint32(nhaOIF, uint32(hop.Index))
	ae.Bytes(nhaGateway, hop.Gateway.AsSlice())
	header := make([]byte, sizeofNhmsg)
	header[0] = addressFamilies[f]
	body, err := join(header, ae)
	r.must(err)
	r.must(r.Kernel.route.write(unix.RTM_NEWNEXTHOP, netlink.Create, body))
}

// defaultByNexthop adds a default route by a nexthop object, with protocol 77.
func (r *router) defaultByNexthop(f plan.Family, table, id uint32) {
	r.t.Helper()
	ae := netlink.NewAttributeEncoder()
	ae.Uint32(rtaNHID, id)
	ae.Uint32(unix.RTA_TABLE, table)
	header := make([]byte, unix.SizeofRtMsg)
	header[0], header[5], header[7] = addressFamilies[f], plan.Protocol, unix.RTN_UNICAST
	body, err := join(header, ae)
	r.must(err)
	r.must(r.Kernel.route.write(unix.RTM_NEWROUTE, netlink.Create, body))
}
