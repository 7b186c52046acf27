// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	vnl "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/netlab/userns"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// TestMain gives the tests the right to make network namespaces.
func TestMain(m *testing.M) { os.Exit(userns.Tests(m).Run()) }

// router is a namespace with two lines, eth1 and eth2. Line N has the addresses
// 10.0.N.2/24 and 2001:db8:N::2/64; its far end is farN. The second library is
// the witness for what the package under test says.
type router struct {
	*Kernel
	t     testing.TB
	index map[string]int
}

// newRouter moves the calling goroutine into a new namespace. Its thread is
// never unlocked, so the runtime ends it with the goroutine.
func newRouter(t testing.TB) *router {
	t.Helper()
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatal("unshare:", err)
	}
	k, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	r := &router{Kernel: k, t: t, index: make(map[string]int)}
	t.Cleanup(func() { r.must(k.Close()) })
	// Link-local addresses would come and go as they like.
	r.sysctl("net/ipv6/conf/default/addr_gen_mode", "1")
	r.up("lo")
	for n := 1; n <= 2; n++ {
		name := fmt.Sprintf("eth%d", n)
		r.must(vnl.LinkAdd(&vnl.Veth{LinkAttrs: vnl.LinkAttrs{Name: name}, PeerName: fmt.Sprintf("far%d", n)}))
		r.up(name)
		r.up(fmt.Sprintf("far%d", n))
		r.address(name, fmt.Sprintf("10.0.%d.2/24", n))
		r.address(name, fmt.Sprintf("2001:db8:%d::2/64", n))
		r.index[name] = r.link(name).Attrs().Index
	}
	return r
}

func (r *router) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *router) link(name string) vnl.Link {
	r.t.Helper()
	link, err := vnl.LinkByName(name)
	r.must(err)
	return link
}

func (r *router) up(name string)   { r.t.Helper(); r.must(vnl.LinkSetUp(r.link(name))) }
func (r *router) down(name string) { r.t.Helper(); r.must(vnl.LinkSetDown(r.link(name))) }

// address adds an address without duplicate address detection.
func (r *router) address(device, prefix string) {
	r.t.Helper()
	r.addressWith(device, prefix, unix.IFA_F_NODAD)
}

func (r *router) addressWith(device, prefix string, flags int) {
	r.t.Helper()
	a, err := vnl.ParseAddr(prefix)
	r.must(err)
	a.Flags = flags
	r.must(vnl.AddrAdd(r.link(device), a))
}

// pointToPoint adds an address whose prefix is that of the far end.
func (r *router) pointToPoint(device, local, far string) {
	r.t.Helper()
	a, err := vnl.ParseAddr(local)
	r.must(err)
	a.Peer, a.Flags = ipNet(prefix(far)), unix.IFA_F_NODAD
	r.must(vnl.AddrAdd(r.link(device), a))
}

// sysctl writes a setting by other means than those under test.
func (r *router) sysctl(key, value string) {
	r.t.Helper()
	r.must(os.WriteFile("/proc/sys/"+key, []byte(value), 0o644))
}

// observe observes both lines and some tables in both families.
func (r *router) observe(tables ...uint32) plan.State {
	r.t.Helper()
	s, err := r.Observe(plan.Request{Devices: []string{"eth1", "eth2"}, Tables: [2][]uint32{tables, tables}})
	r.must(err)
	return s
}

// do applies operations that must succeed.
func (r *router) do(ops ...plan.Op) {
	r.t.Helper()
	for _, err := range r.Apply(ops) {
		r.must(err)
	}
}

// route is a default route of line N, one without metric.
func (r *router) route(line int, f plan.Family, table uint32) plan.Route {
	device := fmt.Sprintf("eth%d", line)
	route := plan.Route{Family: f, Table: table, Dst: prefix("0.0.0.0/0"), Device: device, Index: r.index[device]}
	route.Gateway = addr(fmt.Sprintf("10.0.%d.1", line))
	if f == plan.IPv6 {
		route.Dst, route.Metric = prefix("::/0"), 1024
		route.Gateway = addr(fmt.Sprintf("2001:db8:%d::1", line))
	}
	return route
}

// foreignRoute is the same route, of another protocol.
func foreignRoute(r plan.Route, protocol vnl.RouteProtocol) *vnl.Route {
	return &vnl.Route{
		Family: int(addressFamilies[r.Family]), Table: int(r.Table), Dst: ipNet(r.Dst), Gw: r.Gateway.AsSlice(),
		LinkIndex: r.Index, Src: r.Src.AsSlice(), Priority: int(r.Metric), Protocol: protocol, Scope: vnl.Scope(scope(r)),
	}
}

// foreignRule is the same rule, of another protocol.
func foreignRule(r plan.Rule, protocol uint8) *vnl.Rule {
	f := vnl.NewRule()
	f.Family, f.Priority, f.Table = int(addressFamilies[r.Family]), int(r.Priority), int(r.Table)
	f.OifName, f.SuppressPrefixlen, f.Protocol = r.OIF, r.Suppress, protocol
	if r.Src.IsValid() {
		f.Src = ipNet(r.Src)
	}
	return f
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

func prefix(text string) netip.Prefix { return netip.MustParsePrefix(text) }
func addr(text string) netip.Addr     { return netip.MustParseAddr(text) }

func addRule(r plan.Rule) plan.Op { return plan.Op{Action: plan.Add, Object: plan.ObjectRule, Rule: r} }
func delRule(r plan.Rule) plan.Op {
	return plan.Op{Action: plan.Delete, Object: plan.ObjectRule, Rule: r}
}
func addRoute(r plan.Route) plan.Op {
	return plan.Op{Action: plan.Add, Object: plan.ObjectRoute, Route: r}
}
func changeRoute(r plan.Route) plan.Op {
	return plan.Op{Action: plan.Change, Object: plan.ObjectRoute, Route: r}
}
func delRoute(r plan.Route) plan.Op {
	return plan.Op{Action: plan.Delete, Object: plan.ObjectRoute, Route: r}
}

var byValue = cmp.Options{cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{}), cmpopts.EquateEmpty()}

// same compares a part of the state.
func same[T any](t testing.TB, what string, want, got T) {
	t.Helper()
	if diff := cmp.Diff(want, got, byValue); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}
