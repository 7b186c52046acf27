// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// mainRoutes returns the routes of the router in one family, in a form that
// recorded ones can be brought into.
func mainRoutes(t *testing.T, l *Lab, family int) []string {
	t.Helper()
	names := map[int]string{}
	links, err := l.Router.Netlink.LinkList()
	must(t, err)
	for _, link := range links {
		names[link.Attrs().Index] = link.Attrs().Name
	}
	routes, err := l.Router.Netlink.RouteListFiltered(family, &netlink.Route{Table: unix.RT_TABLE_MAIN}, netlink.RT_FILTER_TABLE)
	must(t, err)
	var all []string
	for _, r := range routes {
		if r.Type == unix.RTN_UNICAST && (r.Dst == nil || !r.Dst.IP.IsLinkLocalUnicast() && !r.Dst.IP.IsMulticast()) {
			all = append(all, describe(r, names))
		}
	}
	slices.Sort(all)
	return all
}

func describe(r netlink.Route, names map[int]string) string {
	dst, protocol, scope := "default", "static", "global"
	if r.Dst != nil {
		if ones, _ := r.Dst.Mask.Size(); ones > 0 {
			dst = r.Dst.String()
		}
	}
	if r.Protocol == unix.RTPROT_KERNEL {
		protocol = "kernel"
	}
	if r.Scope == netlink.SCOPE_LINK {
		scope = "link"
	}
	return fmt.Sprintf("%s via %v dev %s proto %s scope %s src %v metric %d", dst, word(r.Gw), names[r.LinkIndex], protocol, scope, word(r.Src), r.Priority)
}

func word(ip net.IP) string {
	if ip == nil {
		return "-"
	}
	return ip.String()
}

func TestTheKernelHoldsWhatARealNetifdPutsThere(t *testing.T) {
	t.Parallel()
	l := newLab(t, Config{Lines: []LineConfig{{}, {}}, LAN: true})
	data, err := os.ReadFile("testdata/kernel-route-static.json")
	must(t, err)
	var recorded []struct {
		Type, Dst, Gateway, Dev, Protocol, Scope, PrefSrc string
		Metric                                            int
	}
	must(t, json.Unmarshal(data, &recorded))
	var want []string
	for _, r := range recorded {
		if r.Type != "" || strings.Contains(r.Dst, ":") {
			continue
		}
		blank := func(s, instead string) string {
			if s == "" {
				return instead
			}
			return s
		}
		want = append(want, fmt.Sprintf("%s via %s dev %s proto %s scope %s src %s metric %d", r.Dst, blank(r.Gateway, "-"), r.Dev, r.Protocol, blank(r.Scope, "global"), blank(r.PrefSrc, "-"), r.Metric))
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, mainRoutes(t, l, unix.AF_INET)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestALeaseWithATableOfItsOwnLeavesMainAndGetsRules(t *testing.T) {
	t.Parallel()
	l := newLab(t, Config{Lines: []LineConfig{{Proto: "dhcp"}, {IPv6: true}, {IPv6: true, IP4Table: 103, IP6Table: 103}}})
	want := []string{
		"10.0.1.0/24 via - dev eth1 proto static scope link src - metric 1",
		"10.0.2.0/24 via - dev eth2 proto static scope link src - metric 2",
		"default via 10.0.1.1 dev eth1 proto static scope global src 10.0.1.2 metric 1",
		"default via 10.0.2.1 dev eth2 proto static scope global src - metric 2",
	}
	if diff := cmp.Diff(want, mainRoutes(t, l, unix.AF_INET)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	want = []string{
		"3fff:2::/64 via - dev eth2 proto static scope global src - metric 2",
		"default via 3fff:2::1 dev eth2 proto static scope global src - metric 2",
	}
	if diff := cmp.Diff(want, mainRoutes(t, l, unix.AF_INET6)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	link, err := l.Router.Netlink.LinkByName("eth3")
	must(t, err)
	want = []string{
		"10000 from 10.0.3.2/32 to all iif  table 103", "20000 from all to 10.0.3.2/24 iif  table 103",
		fmt.Sprintf("%d from all to all iif lo table 103", 90000+link.Attrs().Index),
	}
	if diff := cmp.Diff(want, rules(t, l.Router, unix.AF_INET)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	_, err = l.AdminDown("wan3")
	must(t, err)
	if left := rules(t, l.Router, unix.AF_INET); len(left) > 0 {
		t.Errorf("after ifdown there are still %q", left)
	}
}

// rules returns the rules of a namespace but for the kernel's own.
func rules(t *testing.T, n *Namespace, family int) []string {
	t.Helper()
	list, err := n.Netlink.RuleList(family)
	must(t, err)
	var all []string
	for _, r := range list {
		if r.Protocol == unix.RTPROT_KERNEL {
			continue
		}
		from, to := "all", "all"
		if r.Src != nil {
			from = r.Src.String()
		}
		if r.Dst != nil {
			to = r.Dst.String()
		}
		all = append(all, fmt.Sprintf("%d from %s to %s iif %s table %d", r.Priority, from, to, r.IifName, r.Table))
	}
	return all
}

func TestADelegatedPrefixReachesTheLANHost(t *testing.T) {
	t.Parallel()
	l := newLab(t, Config{LAN: true, Lines: []LineConfig{{IPv6: true, Prefix: netip.MustParsePrefix("3fff:1:100::/56")}}})
	serve(t, l)
	result, err := l.LAN.Transfer(limited(t), Transfer{Server: Addr6, Up: 1000, Down: 1000})
	must(t, err)
	if result.Up != 1000 || result.Down != 1000 {
		t.Errorf("%d bytes up and %d down, want 1000 each", result.Up, result.Down)
	}
	// Over IPv4 the host has no address of the line, only the way back that the lab gives it.
	if _, err := l.LAN.Transfer(limited(t), Transfer{Up: 1000}); err != nil {
		t.Error(err)
	}
}

func TestAddressesAreTentativeAtFirstWhenDADIsOn(t *testing.T) {
	t.Parallel()
	l := newLab(t, Config{DAD: true, Lines: []LineConfig{{IPv6: true}}})
	link, err := l.Router.Netlink.LinkByName("eth1")
	must(t, err)
	addresses, err := l.Router.Netlink.AddrList(link, unix.AF_INET6)
	must(t, err)
	for _, a := range addresses {
		if a.IP.String() == "3fff:1::2" && a.Flags&unix.IFA_F_TENTATIVE == 0 {
			t.Errorf("%s has flags %#x, not tentative", a.IP, a.Flags)
		}
	}
	if len(addresses) == 0 {
		t.Error("eth1 has no IPv6 address")
	}
}
