// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"

	"github.com/mdlayher/netlink"
	vnl "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/batch"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

func TestNotificationsWakeOnLinksAndAddresses(t *testing.T) {
	r := newRouter(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	wakes, err := Notifications(ctx)
	r.must(err)
	for _, change := range []func(){
		func() { r.address("eth1", "10.0.9.1/24") },
		func() { r.address("eth1", "2001:db8:9::1/64") },
		func() { r.down("far1") },
		func() { r.down("eth2") },
	} {
		change()
		if _, open := <-wakes; !open {
			t.Fatal("closed")
		}
	}
	cancel()
	for range wakes {
	}
}

// never leaves everything out, so that only dropped messages wake.
func never(*syscall.NetlinkMessage) bool { return false }

func TestNotificationsSurviveDroppedMessages(t *testing.T) {
	r := newRouter(t)
	flood := func() *batch.Socket {
		c, err := batch.Listen(unix.NETLINK_ROUTE, lineGroups)
		r.must(err)
		r.must(c.SetBuffer(1))
		for range 4 {
			r.down("eth1")
			r.up("eth1")
		}
		return c
	}
	control := flood()
	var err error
	for n := 0; err == nil && n < 100; n++ {
		_, err = control.Receive()
	}
	if !errors.Is(err, unix.ENOBUFS) {
		t.Fatalf("error %v, want ENOBUFS", err)
	}
	r.must(control.Close())

	if _, open := <-wake(t.Context(), flood(), never); !open {
		t.Fatal("closed")
	}
	always := func(*syscall.NetlinkMessage) bool { return true }
	wakes := wake(t.Context(), flood(), always)
	for n := range 3 {
		if _, open := <-wakes; !open {
			t.Fatal("closed")
		}
		r.address("eth2", fmt.Sprintf("10.0.9.%d/32", n+1))
	}
}

// hearing is a subscription to all that Changes subscribes to.
type hearing struct {
	*router
	filter *filter
	socket *batch.Socket
	ends   int
}

func (r *router) hear() *hearing {
	c, err := batch.Listen(unix.NETLINK_ROUTE, lineGroups|routeGroups)
	r.must(err)
	r.t.Cleanup(func() { r.must(c.Close()) })
	return &hearing{router: r, filter: newFilter(r.Kernel.route.Port()), socket: c}
}

// after makes a change and reports whether any notification of it counts: of a
// route or a rule, or with a device of that link. The kernel tells of carriers
// and of IPv6 addresses at a time of its own choice. The last notification is that
// of an address of the loopback device.
func (h *hearing) after(device int, change func()) (counted bool) {
	h.t.Helper()
	change()
	h.ends++
	h.address("lo", fmt.Sprintf("127.0.9.%d/32", h.ends))
	lo := h.link("lo").Attrs().Index
	for {
		b, err := h.socket.Receive()
		h.must(err)
		msgs, err := syscall.ParseNetlinkMessage(b)
		h.must(err)
		for i := range msgs {
			m := &msgs[i]
			counts := h.filter.counts(m)
			switch m.Header.Type {
			case unix.RTM_NEWADDR, unix.RTM_DELADDR:
				a, _, err := decodeAddress(m.Data)
				h.must(err)
				if a.Index == lo {
					return counted
				}
			case unix.RTM_NEWLINK, unix.RTM_DELLINK:
				d, err := decodeDevice(m.Data)
				h.must(err)
				counted = counted || counts && d.Index == device
			default:
				counted = counted || counts && device == 0
			}
		}
	}
}

func TestOnlyWhatCanConcernALineCounts(t *testing.T) {
	r := newRouter(t)
	other, err := Open() // as another process would
	r.must(err)
	defer func() { r.must(other.Close()) }()
	h := r.hear()

	routeIn := func(f plan.Family) plan.Route { return r.route(1, f, 4) }
	hostRoute := func(protocol int) *vnl.Route {
		return &vnl.Route{LinkIndex: r.index["eth1"], Dst: ipNet(prefix("192.0.2.7/32")), Protocol: vnl.RouteProtocol(protocol), Scope: vnl.SCOPE_LINK}
	}
	ourRule := plan.Rule{Family: plan.IPv6, Priority: 502, Src: prefix("2001:db8:1::2/128"), Table: 4, Suppress: -1}
	theirRule := vnl.NewRule()
	theirRule.Priority, theirRule.Table, theirRule.Family = 1001, 7, unix.AF_INET
	for _, tt := range []struct {
		name   string
		change func()
		want   bool
	}{
		{"we add a route", func() { r.must(r.putRoute(routeIn(plan.IPv4), netlink.Excl)) }, false},
		{"we delete it", func() { r.must(r.deleteRoute(routeIn(plan.IPv4))) }, false},
		{"another run adds one", func() { r.must(other.putRoute(routeIn(plan.IPv6), netlink.Excl)) }, false},
		{"somebody deletes it", func() { r.must(other.deleteRoute(routeIn(plan.IPv6))) }, true},
		{"we add a rule", func() { r.must(r.addRule(ourRule)) }, false},
		{"we delete it", func() { r.must(r.deleteRule(ourRule)) }, false},
		{"another run adds one", func() { r.must(other.addRule(ourRule)) }, false},
		{"somebody deletes it", func() { r.must(other.deleteRule(ourRule)) }, true},
		{"a rule of others", func() { r.must(vnl.RuleAdd(theirRule)) }, false},
		{"a default route of netifd", func() { r.defaultRoute(1, plan.IPv4, 10) }, true},
		{"a default route of netifd in IPv6", func() { r.defaultRoute(1, plan.IPv6, 10) }, true},
		{"a static route", func() { r.must(vnl.RouteAdd(hostRoute(unix.RTPROT_STATIC))) }, true},
		{"a route of a routing daemon", func() { r.must(vnl.RouteAppend(hostRoute(unix.RTPROT_BIRD))) }, false},
	} {
		if got := h.after(0, tt.change); got != tt.want {
			t.Errorf("%s: counts %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestADeviceCountsWhenItChanges(t *testing.T) {
	r := newRouter(t)
	h := r.hear()
	for _, tt := range []struct {
		name   string
		change func()
		want   bool
	}{
		{"a device, seen the first time", func() { r.down("eth2"); r.up("eth2") }, true},
		{"the same device with another length of its queue", func() { r.must(vnl.LinkSetTxQLen(r.link("eth2"), 77)) }, false},
		{"another name", func() { r.down("eth2"); r.must(vnl.LinkSetName(r.link("eth2"), "usb0")) }, true},
		{"a device that goes", func() { r.must(vnl.LinkDel(r.link("usb0"))) }, true},
	} {
		if got := h.after(r.index["eth2"], tt.change); got != tt.want {
			t.Errorf("%s: counts %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestChangesWake(t *testing.T) {
	r := newRouter(t)
	ctx, cancel := context.WithCancel(t.Context())
	wakes, err := r.Changes(ctx)
	r.must(err)
	for _, change := range []func(){
		func() { r.defaultRoute(1, plan.IPv4, 10) },
		func() { r.address("eth1", "10.0.9.1/24") },
		func() { r.down("far2") }, // the carrier of eth2 goes, a little later
	} {
		change()
		if _, open := <-wakes; !open {
			t.Fatal("closed")
		}
	}
	cancel()
	for range wakes {
	}
}
