// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"testing"

	vnl "github.com/vishvananda/netlink"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/netifd"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// defaultRoute adds one to the main table.
func (r *router) defaultRoute(line int, f plan.Family, metric uint32) {
	r.t.Helper()
	route := r.route(line, f, plan.Main)
	route.Metric = metric
	r.must(vnl.RouteAdd(foreignRoute(route, 4)))
}

var both = config.Families{IPv4: true, IPv6: true}

func TestInterfacesWithoutNetifd(t *testing.T) {
	r := newRouter(t)
	r.defaultRoute(1, plan.IPv4, 20)
	r.defaultRoute(2, plan.IPv4, 10)
	r.defaultRoute(1, plan.IPv6, 1024)
	r.down("far2")
	r.must(vnl.LinkAdd(&vnl.Veth{LinkAttrs: vnl.LinkAttrs{Name: "far2b"}, PeerName: "far2c"}))
	r.up("far2b")
	r.address("far2b", "10.0.9.2/24")
	r.pointToPoint("far1", "10.64.64.1/32", "10.64.64.64/32")
	r.must(vnl.RouteAdd(&vnl.Route{LinkIndex: r.link("far1").Attrs().Index, Dst: ipNet(prefix("0.0.0.0/0")), Priority: 30, Scope: vnl.SCOPE_LINK}))
	addresses := []netifd.Address{{Prefix: prefix("10.0.1.2/24")}, {Prefix: prefix("2001:db8:1::2/64")}}
	everything, everything6 := prefix("0.0.0.0/0"), prefix("::/0")
	viaKernel := []netifd.Route{
		{Target: everything, Nexthop: addr("10.0.1.1"), Metric: 20},
		{Target: everything6, Nexthop: addr("2001:db8:1::1"), Metric: 1024},
	}
	for _, test := range []struct {
		name    string
		section config.Interface
		want    netifd.Interface
	}{
		{
			"a line with routes in the kernel",
			config.Interface{Device: "eth1"},
			netifd.Interface{Up: true, Device: "eth1", L3Device: "eth1", Addresses: addresses, Routes: viaKernel},
		},
		{
			"an alias",
			config.Interface{Device: "@base"},
			netifd.Interface{Up: true, Device: "eth1", L3Device: "eth1", Addresses: addresses, Routes: viaKernel},
		},
		{
			"a configured gateway that differs from the kernel's",
			config.Interface{Device: "eth1", Gateway: addr("10.0.1.254")},
			netifd.Interface{Up: true, Device: "eth1", L3Device: "eth1", Addresses: addresses, Routes: []netifd.Route{
				{Target: everything, Nexthop: addr("10.0.1.254"), Metric: 20}, viaKernel[1],
			}},
		},
		{
			"a configured gateway of a family without address",
			config.Interface{Device: "far1", IP6Gateway: addr("fe80::1"), Families: both},
			netifd.Interface{
				Up: true, Device: "far1", L3Device: "far1",
				Addresses: []netifd.Address{{Prefix: prefix("10.64.64.1/32"), Peer: addr("10.64.64.64")}},
				Routes:    []netifd.Route{{Target: everything, Metric: 30}},
			},
		},
		{
			"a configured gateway without a route in the kernel",
			config.Interface{Device: "far2b", Gateway: addr("10.0.9.1")},
			netifd.Interface{
				Up: true, Device: "far2b", L3Device: "far2b", Addresses: []netifd.Address{{Prefix: prefix("10.0.9.2/24")}},
				Inactive: []netifd.Route{{Target: everything, Nexthop: addr("10.0.9.1")}},
			},
		},
		{
			"a configured default route without gateway",
			config.Interface{Device: "far2b", Gateway: addr("0.0.0.0")},
			netifd.Interface{
				Up: true, Device: "far2b", L3Device: "far2b", Addresses: []netifd.Address{{Prefix: prefix("10.0.9.2/24")}},
				Inactive: []netifd.Route{{Target: everything}},
			},
		},
		{
			"IPv4 alone, by its protocol",
			config.Interface{Device: "eth1", Families: config.Families{IPv4: true}},
			netifd.Interface{Up: true, Device: "eth1", L3Device: "eth1", Addresses: addresses[:1], Routes: viaKernel[:1]},
		},
		{
			"a line without carrier",
			config.Interface{Device: "eth2"},
			netifd.Interface{
				Up: true, Device: "eth2", L3Device: "eth2",
				Addresses: []netifd.Address{{Prefix: prefix("10.0.2.2/24")}, {Prefix: prefix("2001:db8:2::2/64")}},
				Routes:    []netifd.Route{{Target: everything, Nexthop: addr("10.0.2.1"), Metric: 10}},
			},
		},
		{"a line without address", config.Interface{Device: "lo"}, netifd.Interface{Device: "lo"}},
		{"a device that does not exist", config.Interface{Device: "absent0"}, netifd.Interface{Device: "absent0"}},
		{"no device", config.Interface{}, netifd.Interface{}},
		{"an alias of nothing", config.Interface{Device: "@absent"}, netifd.Interface{}},
		{"an alias of itself", config.Interface{Device: "@line"}, netifd.Interface{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.section.Name, test.want.Name = "line", "line"
			if test.section.Families == (config.Families{}) {
				test.section.Families = both
			}
			cfg := &config.Config{Interfaces: []config.Interface{test.section, {Name: "base", Device: "eth1", Families: both}}}
			got, _, err := r.Interfaces(cfg)
			if err != nil {
				t.Fatal(err)
			}
			same(t, "interfaces", 2, len(got))
			same(t, "interface", test.want, got[0])
		})
	}
}

func TestSectionsOnOneDeviceWithoutNetifd(t *testing.T) {
	r := newRouter(t)
	cfg := &config.Config{Interfaces: []config.Interface{
		{Name: "wan", Device: "eth1", Families: both}, {Name: "wan6", Device: "@wan", Families: both}, {Name: "wan7", Device: "eth1", Families: both},
	}}
	got, _, err := r.Interfaces(cfg)
	r.must(err)
	for i, up := range []bool{true, false, false} {
		same(t, "up of "+got[i].Name, up, got[i].Up)
		same(t, "addresses of "+got[i].Name, up, len(got[i].Addresses) > 0)
	}
}

// TestALongMainTableWithoutNetifd is that of a machine with very many routes on one
// device: the default ones and the first of the others are taken.
func TestALongMainTableWithoutNetifd(t *testing.T) {
	r := newRouter(t)
	r.defaultRoute(1, plan.IPv4, 20)
	r.fill(plan.Main, maxObjects+1)
	got, warnings, err := r.Interfaces(&config.Config{Interfaces: []config.Interface{{Name: "line", Device: "eth1", Families: both}}})
	r.must(err)
	want := []netifd.Route{{Target: prefix("0.0.0.0/0"), Nexthop: addr("10.0.1.1"), Metric: 20}}
	same(t, "default routes", want, got[0].Routes[:1])
	same(t, "routes", 1+maxLineRoutes, len(got[0].Routes))
	same(t, "warnings", []string{"line: 9001 of the routes on eth1 are left to the main table; its own table has room for 1000"}, warnings)
}
