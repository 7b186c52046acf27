// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// look describes what the router's kernel and netifd say of one line: whether
// netifd holds it up, its carrier, addresses and default routes in main.
func look(t *testing.T, l *Lab, name string) string {
	t.Helper()
	interfaces, err := l.Interfaces()
	must(t, err)
	i := interfaces[slices.IndexFunc(interfaces, func(i Interface) bool { return i.Name == name })]
	link, err := l.Router.Netlink.LinkByName(i.Device)
	if err != nil {
		return fmt.Sprintf("up=%v gone=%v", i.Up, i.Gone)
	}
	words := []string{fmt.Sprintf("up=%v", i.Up), "carrier=" + fmt.Sprint(link.Attrs().OperState == netlink.OperUp)}
	addresses, err := l.Router.Netlink.AddrList(link, unix.AF_INET)
	must(t, err)
	for _, a := range addresses {
		words = append(words, a.IPNet.String())
	}
	routes, err := l.Router.Netlink.RouteList(link, unix.AF_INET)
	must(t, err)
	for _, r := range routes {
		if r.Gw != nil {
			dead := ""
			if r.Flags&unix.RTNH_F_LINKDOWN != 0 {
				dead = " linkdown"
			}
			words = append(words, fmt.Sprintf("via %s metric %d%s", r.Gw, r.Priority, dead))
		}
	}
	return strings.Join(words, ", ")
}

func TestEachFaultDoesWhatItSays(t *testing.T) {
	type step struct {
		what   string
		do     func(*Lab) ([]Event, error)
		look   string
		events string
	}
	on := func(name string) map[string]step {
		return map[string]step{
			"unplug": {do: func(l *Lab) ([]Event, error) { return l.Unplug(name) }},
			"plug":   {do: func(l *Lab) ([]Event, error) { return l.Plug(name) }},
			"ifdown": {do: func(l *Lab) ([]Event, error) { return l.AdminDown(name) }},
			"ifup":   {do: func(l *Lab) ([]Event, error) { return l.AdminUp(name) }},
			"remove": {do: func(l *Lab) ([]Event, error) { return l.RemoveDevice(name) }},
			"return": {do: func(l *Lab) ([]Event, error) { return l.ReturnDevice(name) }},
			"metric": {do: func(l *Lab) ([]Event, error) { return l.ChangeMetric(name, 9) }},
			"address": {do: func(l *Lab) ([]Event, error) {
				return l.ChangeAddress(name, netip.MustParsePrefix("10.0.1.77/24"))
			}},
			"router": {do: func(l *Lab) ([]Event, error) { return l.ChangeRouter(name, netip.MustParseAddr("10.0.1.254")) }},
			"behind": {do: func(l *Lab) ([]Event, error) {
				return l.DeleteAddress(name, netip.MustParsePrefix("10.0.1.2/24"))
			}},
		}
	}
	do := on("wan1")
	then := func(what, look, events string) step { return step{what, do[what].do, look, events} }
	const well = "up=true, carrier=true, 10.0.1.2/24, via 10.0.1.1 metric 1"
	for _, c := range []struct {
		name, proto string
		steps       []step
	}{
		{"a static line unplugged stays up", "static", []step{
			then("unplug", "up=true, carrier=false, 10.0.1.2/24, via 10.0.1.1 metric 1 linkdown", ""), then("plug", well, ""),
		}},
		{"a lease unplugged goes down", "dhcp", []step{
			then("unplug", "up=false, carrier=false", "ifdown wan1"), then("plug", well, "ifup wan1"),
		}},
		{"ifdown and ifup", "static", []step{
			then("ifdown", "up=false, carrier=false", "ifdown wan1"), then("ifdown", "up=false, carrier=false", ""),
			then("ifup", well, "ifup wan1"), then("ifup", well, "ifdown wan1, ifup wan1"),
		}},
		{"the device goes and comes back", "static", []step{
			then("remove", "up=false gone=true", "ifdown wan1"), then("return", well, "ifup wan1"),
		}},
		{"a device that is back without its cable", "dhcp", []step{
			then("unplug", "up=false, carrier=false", "ifdown wan1"), then("remove", "up=false gone=true", ""),
			then("return", "up=false, carrier=false", ""), then("plug", well, "ifup wan1"),
		}},
		{"another address in the configuration", "static", []step{
			then("address", "up=true, carrier=true, 10.0.1.77/24, via 10.0.1.1 metric 1", "ifdown wan1, ifup wan1"),
		}},
		{"another address in the lease", "dhcp", []step{
			then("address", "up=true, carrier=true, 10.0.1.77/24, via 10.0.1.1 metric 1", "ifupdate wan1"),
		}},
		{"another router in the configuration", "static", []step{
			then("router", "up=true, carrier=true, 10.0.1.2/24, via 10.0.1.254 metric 1", "ifdown wan1, ifup wan1"),
		}},
		{"another router in the lease", "dhcp", []step{
			then("router", "up=true, carrier=true, 10.0.1.2/24, via 10.0.1.254 metric 1", ""),
		}},
		{"another metric", "static", []step{
			then("metric", "up=true, carrier=true, 10.0.1.2/24, via 10.0.1.1 metric 9", ""),
		}},
		{"an address deleted behind netifd", "static", []step{
			then("behind", "up=true, carrier=true", ""),
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, Config{Lines: []LineConfig{{Proto: c.proto}, {}}})
			serve(t, l)
			for _, s := range c.steps {
				events, err := s.do(l)
				must(t, err)
				var words []string
				for _, e := range events {
					words = append(words, e.String())
				}
				if got := strings.Join(words, ", "); got != s.events {
					t.Errorf("%s: netifd sends %q, want %q", s.what, got, s.events)
				}
				if diff := cmp.Diff(s.look, look(t, l, "wan1")); diff != "" {
					t.Errorf("%s: -want +got\n%s", s.what, diff)
				}
			}
			// Whatever happened, the first line that has a default route works.
			if _, err := l.Router.Transfer(limited(t), Transfer{Up: 1000, Down: 1000}); err != nil && !strings.Contains(c.name, "behind") {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

// The kernel empties every table of a device with its last address, and no other
// table but main when one of several goes.
func TestTablesOfOthersKeepAndLoseTheirRoutesWithTheAddresses(t *testing.T) {
	for _, c := range []struct {
		name, proto string
		promote     string
		do          func(*Lab) ([]Event, error)
		left        int // routes in the table afterwards
		look        string
	}{
		{"another metric", "static", "1", func(l *Lab) ([]Event, error) { return l.ChangeMetric("wan1", 9) }, 0,
			"up=true, carrier=true, 10.0.1.2/24, via 10.0.1.1 metric 9"},
		{"another router in a lease", "dhcp", "1", func(l *Lab) ([]Event, error) {
			return l.ChangeRouter("wan1", netip.MustParseAddr("10.0.1.254"))
		}, 2, "up=true, carrier=true, 10.0.1.2/24, via 10.0.1.254 metric 1"},
		{"another address in a lease", "dhcp", "1", func(l *Lab) ([]Event, error) {
			return l.ChangeAddress("wan1", netip.MustParsePrefix("10.0.1.77/24"))
		}, 2, "up=true, carrier=true, 10.0.1.77/24, via 10.0.1.1 metric 1"},
		{"a new address that vanishes with the old one", "dhcp", "0", func(l *Lab) ([]Event, error) {
			return l.ChangeAddress("wan1", netip.MustParsePrefix("10.0.1.77/24"))
		}, 0, "up=true, carrier=true"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, Config{Lines: []LineConfig{{Proto: c.proto}}})
			for _, device := range []string{"all", "eth1"} {
				must(t, l.Router.Sysctl("net.ipv4.conf."+device+".promote_secondaries", c.promote))
			}
			link, err := l.Router.Netlink.LinkByName("eth1")
			must(t, err)
			source := netip.MustParsePrefix("10.0.1.2/24")
			for _, r := range []netlink.Route{
				{Dst: ipNet(source.Masked()), Scope: netlink.SCOPE_LINK},
				{Dst: ipNet(everything(source.Addr())), Gw: netip.MustParseAddr("10.0.1.1").AsSlice()},
			} {
				r.LinkIndex, r.Table, r.Src = link.Attrs().Index, 4, source.Addr().AsSlice()
				must(t, l.Router.Netlink.RouteAdd(&r))
			}
			_, err = c.do(l)
			must(t, err)
			routes, err := l.Router.Netlink.RouteListFiltered(unix.AF_INET, &netlink.Route{Table: 4}, netlink.RT_FILTER_TABLE)
			must(t, err)
			if len(routes) != c.left {
				t.Errorf("table 4 has %v, want %d routes", routes, c.left)
			}
			if diff := cmp.Diff(c.look, look(t, l, "wan1")); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestASecondInterfaceOnALineSharesItsFate(t *testing.T) {
	t.Parallel()
	l := newLab(t, Config{LAN: true, Lines: []LineConfig{{Proto: "dhcp"}}})
	must(t, l.Edit("wan1_6", func(i *Interface) {
		i.Proto, i.Device, i.Dynamic, i.ForceLink = "dhcpv6", "eth1", true, false
		i.Addresses, i.Gateways = prefixes("3fff:1::77/64"), gateways("3fff:1::1")
	}))
	for _, c := range []struct {
		do   func(string) ([]Event, error)
		name string
		want []Event
	}{
		{l.AdminUp, "wan1_6", []Event{{Action: "ifup", Interface: "wan1_6", Device: "eth1"}}},
		{l.Unplug, "wan1", []Event{{Action: "ifdown", Interface: "wan1"}, {Action: "ifdown", Interface: "wan1_6"}}},
		{l.Plug, "wan1", []Event{{Action: "ifup", Interface: "wan1", Device: "eth1"}, {Action: "ifup", Interface: "wan1_6", Device: "eth1"}}},
		{l.RemoveDevice, "wan1", []Event{{Action: "ifdown", Interface: "wan1"}, {Action: "ifdown", Interface: "wan1_6"}}},
		{l.AdminDown, "lan", []Event{{Action: "ifdown", Interface: "lan"}}},
	} {
		events, err := c.do(c.name)
		must(t, err)
		if diff := cmp.Diff(c.want, events); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	}
}

func TestAReturnedDeviceHasAnotherIndexAndTheSameMAC(t *testing.T) {
	t.Parallel()
	l := newLab(t, Config{Lines: []LineConfig{{Bits: 20_000_000}}})
	before, err := l.Router.Netlink.LinkByName("eth1")
	must(t, err)
	_, err = l.RemoveDevice("wan1")
	must(t, err)
	_, err = l.ReturnDevice("wan1")
	must(t, err)
	after, err := l.Router.Netlink.LinkByName("eth1")
	must(t, err)
	if before.Attrs().Index == after.Attrs().Index || before.Attrs().HardwareAddr.String() != after.Attrs().HardwareAddr.String() {
		t.Errorf("index %d and MAC %s became %d and %s", before.Attrs().Index, before.Attrs().HardwareAddr, after.Attrs().Index, after.Attrs().HardwareAddr)
	}
	qdiscs, err := l.Router.Netlink.QdiscList(after)
	must(t, err)
	if len(qdiscs) == 0 || qdiscs[0].Type() != "tbf" {
		t.Errorf("the limit is gone: %v", qdiscs)
	}
}

func TestABlackHoleStopsALineUntilItIsHealed(t *testing.T) {
	t.Parallel()
	l := newLab(t, Config{Lines: []LineConfig{{IPv6: true}, {IPv6: true}}})
	serve(t, l)
	for _, server := range []netip.AddrPort{Addr4, Addr6} {
		running, err := l.Router.StartTransfer(limited(t), Transfer{Server: server, Up: Endless, Down: Endless, Rate: 1 << 20})
		must(t, err)
		must(t, running.Await(limited(t), 100_000))
		_, err = l.BlackHole("wan1")
		must(t, err)
		refused, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		if _, err := l.Router.Transfer(refused, Transfer{Server: server, Up: 1}); !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: a new connection through the black hole: %v", server, err)
		}
		cancel()
		_, err = l.Heal("wan1")
		must(t, err)
		must(t, running.Await(limited(t), 100_000))
		result, err := running.Stop()
		must(t, err)
		if result.Stall <= 0 {
			t.Errorf("%s: the longest stall is %s", server, result.Stall)
		}
	}
}

func TestHooksRunInTheEnvironmentOfNetifd(t *testing.T) {
	t.Parallel()
	l := newLab(t, Config{Lines: []LineConfig{{}}})
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "10-first"), []byte("echo first $ACTION $INTERFACE \"[$DEVICE]\" $HOTPLUG_TYPE \"[${DEVICENAME-unset}]\" $USER $LOGNAME\nexit 0\n"), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "20-second"), []byte("test -e /proc/sys/net/ipv4/conf/eth1 && echo in the router\n"), 0o644))
	for _, c := range []struct{ action, want string }{
		{"ifup", "first ifup wan1 [eth1] iface [] root root\nin the router\n"},
		{"ifdown", "first ifdown wan1 [] iface [] root root\nin the router\n"},
	} {
		e, err := l.Event(c.action, "wan1")
		must(t, err)
		got, err := l.Fire(limited(t), dir, e)
		must(t, err)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	}
}

func TestAnotherProcessSeesTheSameLab(t *testing.T) {
	t.Parallel()
	l := newLab(t, Config{Lines: []LineConfig{{}, {}}})
	other, err := Open(l.Dir)
	must(t, err)
	t.Cleanup(func() { must(t, other.Close()) })
	_, err = other.AdminDown("wan2")
	must(t, err)
	if got := look(t, l, "wan2"); got != "up=false, carrier=false" {
		t.Errorf("the maker of the lab sees %s", got)
	}
	events, err := l.Events()
	must(t, err)
	if diff := cmp.Diff([]Event{{Action: "ifdown", Interface: "wan2"}}, events); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestAClosedLabLeavesNothing(t *testing.T) {
	t.Parallel()
	l, err := New(Config{Lines: []LineConfig{{}}})
	must(t, err)
	must(t, l.Close())
	must(t, l.Close())
	if _, err := os.Stat(l.Dir); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", l.Dir, err)
	}
}
