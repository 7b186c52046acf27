// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"

	vnl "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
	"github.com/mptcpctl/mptcpctl/pkg/netifd"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

func TestObserveSeesTheLines(t *testing.T) {
	r := newRouter(t)
	r.down("far2")
	got := r.observe()
	same(t, "devices", []plan.Device{
		{Name: "eth1", Index: r.index["eth1"], Up: true, Carrier: true, Kind: "veth"},
		{Name: "eth2", Index: r.index["eth2"], Up: true, Kind: "veth"},
	}, got.Devices)
	var global []plan.Address
	for _, a := range got.Addresses {
		if a.Global && a.Index != 1 {
			global = append(global, a)
		}
	}
	same(t, "global addresses", []plan.Address{
		{Index: r.index["eth1"], Prefix: prefix("10.0.1.2/24"), Global: true},
		{Index: r.index["eth2"], Prefix: prefix("10.0.2.2/24"), Global: true},
		{Index: r.index["eth1"], Prefix: prefix("2001:db8:1::2/64"), Global: true},
		{Index: r.index["eth2"], Prefix: prefix("2001:db8:2::2/64"), Global: true},
	}, byFamily(global))
	same(t, "path manager", plan.PathManagerKernel, got.PathManager)
	same(t, "limits", mptcp.Limits{Subflows: 2}, got.Limits)
	same(t, "bounds", [2]int{mptcp.MaxID, mptcp.MaxLimit}, [2]int{got.MaxEndpoints, int(got.MaxLimit)})
}

// byFamily sorts by family and link.
func byFamily(all []plan.Address) []plan.Address {
	return slices.SortedStableFunc(slices.Values(all), func(a, b plan.Address) int {
		if d := int(plan.FamilyOf(a.Prefix.Addr())) - int(plan.FamilyOf(b.Prefix.Addr())); d != 0 {
			return d
		}
		return a.Index - b.Index
	})
}

// find returns the one address that was observed.
func (r *router) find(a string) plan.Address {
	r.t.Helper()
	var found []plan.Address
	for _, one := range r.observe().Addresses {
		if one.Prefix.Addr() == addr(a) {
			one.Index = 0
			found = append(found, one)
		}
	}
	if len(found) != 1 {
		r.t.Fatalf("address %s: %v", a, found)
	}
	return found[0]
}

func TestObserveSeesTheFlagsOfAddresses(t *testing.T) {
	r := newRouter(t)
	r.down("far2")
	// Without a carrier duplicate address detection does not begin.
	r.addressWith("eth2", "2001:db8:2::3/64", 0)
	r.addressWith("eth1", "2001:db8:1::4/64", unix.IFA_F_NODAD|unix.IFA_F_NOPREFIXROUTE)
	r.addressWith("eth1", "2001:db8:9::4/64", unix.IFA_F_NODAD|unix.IFA_F_NOPREFIXROUTE)
	onLink, err := vnl.ParseAddr("169.254.7.7/16")
	r.must(err)
	onLink.Scope = unix.RT_SCOPE_LINK
	r.must(vnl.AddrAdd(r.link("eth1"), onLink))
	deprecated, err := vnl.ParseAddr("2001:db8:1::5/64")
	r.must(err)
	deprecated.Flags, deprecated.ValidLft, deprecated.PreferedLft = unix.IFA_F_NODAD, 3600, 0
	r.must(vnl.AddrAdd(r.link("eth1"), deprecated))
	r.pointToPoint("eth1", "10.64.64.1/32", "10.64.64.64/32")
	r.pointToPoint("eth1", "2001:db8:64::1/128", "2001:db8:64::64/128")

	for _, want := range []plan.Address{
		{Prefix: prefix("2001:db8:2::3/64"), Global: true, Tentative: true},
		{Prefix: prefix("2001:db8:1::4/64"), Global: true, NoPrefixRoute: true, Routed: true},
		{Prefix: prefix("2001:db8:9::4/64"), Global: true, NoPrefixRoute: true},
		{Prefix: prefix("2001:db8:1::5/64"), Global: true, Deprecated: true},
		{Prefix: prefix("169.254.7.7/16")},
		{Prefix: prefix("10.64.64.1/32"), Peer: prefix("10.64.64.64/32"), Global: true},
		{Prefix: prefix("2001:db8:64::1/128"), Peer: prefix("2001:db8:64::64/128"), Global: true},
		{Prefix: prefix("127.0.0.1/8")},
	} {
		same(t, "address "+want.Prefix.String(), want, r.find(want.Prefix.Addr().String()))
	}
}

func TestObserveSeesADuplicateAddress(t *testing.T) {
	r := newRouter(t)
	r.address("far1", "2001:db8:1::9/64")
	r.addressWith("eth1", "2001:db8:1::9/128", 0)
	failed := func() bool {
		return slices.ContainsFunc(r.observe().Addresses, func(a plan.Address) bool {
			return a.Index == r.index["eth1"] && a.Prefix == prefix("2001:db8:1::9/128") && a.DADFailed
		})
	}
	for deadline := time.Now().Add(30 * time.Second); !failed(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no duplicate: %v", r.observe().Addresses)
		}
	}
}

func TestWhatDoesNotExistIsAbsent(t *testing.T) {
	r := newRouter(t)
	got, err := r.Observe(plan.Request{
		Devices: []string{"absent0", "", "a-name-of-too-many-letters", "eth1"},
		Tables:  [2][]uint32{{0, 77, 4_000_000_000, plan.Main, 255}, {0, 77, 4_000_000_000, plan.Main, 255}},
		Sysctls: []string{"net/mptcp/no_such_setting", "net/mptcp/enabled"},
	})
	r.must(err)
	same(t, "devices", []plan.Device{{Name: "eth1", Index: r.index["eth1"], Up: true, Carrier: true, Kind: "veth"}}, got.Devices)
	same(t, "routes", nil, got.Routes)
	same(t, "foreign routes", nil, got.Foreign)
	same(t, "settings", map[string]string{
		"net/mptcp/enabled": "1",
		"net/ipv4/conf/eth1/ignore_routes_with_linkdown": "0",
		"net/ipv6/conf/eth1/ignore_routes_with_linkdown": "0",
	}, got.Sysctls)
}

func TestDevicesAndTablesThatRulesRoutesAndEndpointsNameAreObserved(t *testing.T) {
	r := newRouter(t)
	bound := plan.Rule{Family: plan.IPv4, Priority: 503, OIF: "eth1", Table: 300, Suppress: -1}
	gone := plan.Rule{Family: plan.IPv6, Priority: 503, OIF: "absent0", Table: 301, Suppress: -1}
	ours, far := r.route(1, plan.IPv4, 300), r.route(2, plan.IPv6, 301)
	endpoint := mptcp.Endpoint{ID: 4, Addr: addr("10.9.9.9"), Flags: mptcp.FlagSubflow, IfIndex: r.link("far1").Attrs().Index}
	orphan := mptcp.Endpoint{ID: 5, Addr: addr("10.9.9.10"), Flags: mptcp.FlagSubflow, IfIndex: 4711}
	r.do(addRule(bound), addRule(gone), addRoute(ours), addRoute(far), addEndpoint(endpoint), addEndpoint(orphan))

	got, err := r.Observe(plan.Request{})
	r.must(err)
	var names []string
	for _, d := range got.Devices {
		names = append(names, d.Name)
	}
	same(t, "devices", []string{"eth1", "eth2", "far1"}, names)
	same(t, "routes", []plan.Route{ours, far}, got.Routes)
	same(t, "endpoints", []mptcp.Endpoint{endpoint, orphan}, got.Endpoints)
	same(t, "setting", "0", got.Sysctls[plan.LinkdownKey(plan.IPv6, "far1")])
}

func addEndpoint(e mptcp.Endpoint) plan.Op {
	return plan.Op{Action: plan.Add, Object: plan.ObjectEndpoint, Endpoint: e}
}

func TestAnotherPathManagerIsNoticed(t *testing.T) {
	r := newRouter(t)
	r.sysctl("net/mptcp/pm_type", "1")
	same(t, "path manager", plan.PathManagerOther, r.observe().PathManager)
}

// fill puts n routes into a table.
func (r *router) fill(table, n int) {
	r.t.Helper()
	for i := range n {
		dst := netip.PrefixFrom(netip.AddrFrom4([4]byte{100, byte(64 + i>>16), byte(i >> 8), byte(i)}), 32)
		r.must(vnl.RouteAdd(&vnl.Route{Table: table, LinkIndex: r.index["eth1"], Dst: ipNet(dst), Scope: vnl.SCOPE_LINK}))
	}
}

func TestALongMainTableIsNotRead(t *testing.T) {
	r := newRouter(t)
	for _, f := range plan.Families {
		r.do(addRoute(r.route(1, f, 2)), addRoute(r.route(2, f, 3)), addRule(source(f, 501, "", plan.Main, 1)))
	}
	count := func() (plan.State, int) {
		n := 0
		r.Kernel.route.tap = func(*syscall.NetlinkMessage) { n++ }
		return r.observe(2, 3), n
	}
	short, before := count()
	r.fill(plan.Main, 20_000)
	long, after := count()
	same(t, "state", short, long)
	same(t, "messages", before, after)
	same(t, "routes", 4, len(long.Routes))
}

// TestALongTableOfALine is that of a line into which somebody has put all routes of
// the Internet: of theirs only those are kept that one of ours may meet.
func TestALongTableOfALine(t *testing.T) {
	r := newRouter(t)
	ours, theirs := r.route(1, plan.IPv4, 2), r.route(2, plan.IPv4, 2)
	theirs.Dst, theirs.Gateway = prefix("192.0.2.0/24"), netip.Addr{}
	network := theirs
	network.Dst = prefix("10.0.1.0/24")
	r.do(addRoute(ours))
	for _, route := range []plan.Route{theirs, network} {
		r.must(vnl.RouteAdd(foreignRoute(route, unix.RTPROT_STATIC)))
	}
	r.fill(2, 2*maxObjects)
	line := plan.Line{Netifd: netifd.Interface{Routes: []netifd.Route{{Target: theirs.Dst}}}}
	got, err := r.Observe(plan.Request{Tables: [2][]uint32{{2}}, Lines: []plan.Line{line}})
	r.must(err)
	same(t, "routes", []plan.Route{ours}, got.Routes)
	same(t, "foreign routes", []plan.Route{network, theirs}, got.Foreign)

	first, count, err := r.TableRoutes(plan.IPv4, 2)
	r.must(err)
	same(t, "routes that are counted", 2*maxObjects+3, count)
	same(t, "routes that are listed", maxObjects, len(first))
}

func BenchmarkObserve(b *testing.B) {
	for _, n := range []int{0, 20_000, 500_000} {
		b.Run(fmt.Sprintf("%d routes in main", n), func(b *testing.B) {
			r := newRouter(b)
			for line := 1; line <= 2; line++ {
				for _, f := range plan.Families {
					r.do(addRoute(r.route(line, f, uint32(line+1))))
				}
			}
			r.fill(plan.Main, n)
			for b.Loop() {
				r.observe(2, 3)
			}
		})
	}
}

func TestInterruptedDumpsAreRepeated(t *testing.T) {
	r := newRouter(t)
	want := r.observe(2)
	dumps := 0
	r.Kernel.route.tap = func(m *syscall.NetlinkMessage) {
		if m.Header.Type == unix.NLMSG_DONE {
			if dumps++; dumps%maxDumps != 0 {
				m.Header.Flags |= unix.NLM_F_DUMP_INTR
			}
		}
	}
	same(t, "state", want, r.observe(2))

	r.Kernel.route.tap = func(m *syscall.NetlinkMessage) { m.Header.Flags |= unix.NLM_F_DUMP_INTR }
	if _, err := r.Observe(plan.Request{}); !errors.Is(err, unix.EINTR) {
		t.Errorf("error %v, want EINTR", err)
	}
	r.Kernel.route.tap = nil
	same(t, "state after that", want, r.observe(2))
}

func TestObserveMissesNothingWhileAddressesComeAndGo(t *testing.T) {
	r := newRouter(t)
	for i := range 100 {
		r.address("eth2", fmt.Sprintf("10.1.%d.1/24", i))
	}
	want := len(r.observe().Addresses)
	other, err := vnl.NewHandle(unix.NETLINK_ROUTE)
	r.must(err)
	defer other.Close()
	passing, err := vnl.ParseAddr("10.2.0.1/24")
	r.must(err)
	stop, churned := make(chan struct{}), make(chan error, 1)
	eth1 := r.link("eth1")
	go func() {
		for {
			select {
			case <-stop:
				churned <- nil
				return
			default:
			}
			if err := errors.Join(other.AddrAdd(eth1, passing), other.AddrDel(eth1, passing)); err != nil {
				churned <- err
				return
			}
		}
	}()
	seen := 0
	for range 200 {
		all, err := r.addresses(0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		r.must(err)
		seen++
		n := 0
		for _, a := range all {
			if a.Index == r.index["eth2"] && a.Prefix.Addr().Is4() {
				n++
			}
		}
		same(t, "addresses of eth2", 101, n)
	}
	close(stop)
	r.must(<-churned)
	if seen == 0 || want == 0 {
		t.Error("every dump was interrupted")
	}
}
