// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Names and addresses that are the same in every lab.
const (
	lanDevice    = "lan0"   // the router's, towards the LAN
	hostDevice   = "eth0"   // of the LAN host and of the server
	serverUplink = "server" // the internet's, towards the server

	// routerLinkLocal is the router's on lan0, from its MAC address.
	routerLinkLocal = "fe80::ff:fe00:501"
)

var (
	lanPrefix     = netip.MustParsePrefix("192.168.1.1/24")
	lanHost       = netip.MustParsePrefix("192.168.1.100/24")
	serverAddress = netip.MustParsePrefix("10.99.0.2/24")
	serverRouter  = netip.MustParsePrefix("10.99.0.1/24")
	serverAddr6   = netip.MustParsePrefix("3fff:99::2/64")
	serverRouter6 = netip.MustParsePrefix("3fff:99::1/64")
)

func newLine(i int, c LineConfig, sections []Interface) line {
	n := line{Interface: sections[0].Name, Device: sections[0].Device, Far: fmt.Sprint("line", i), Number: i, Bits: c.Bits}
	for _, section := range sections {
		n.Gateways = append(n.Gateways, section.Gateways...)
	}
	for _, section := range sections[1:] {
		n.Second = section.Name
	}
	return n
}

func lanInterface() Interface {
	return Interface{Name: "lan", Proto: "static", Device: lanDevice, ForceLink: true, Addresses: []netip.Prefix{lanPrefix}}
}

func loopbackInterface() Interface {
	return Interface{Name: "loopback", Proto: "static", Device: "lo", ForceLink: true, Addresses: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/8")}}
}

// wire makes every link of the lab, and configures all but the router's end.
func (l *Lab) wire(s *state) error {
	for _, n := range []*Namespace{l.Router, l.Internet, l.Server, l.LAN} {
		if n == nil {
			continue
		}
		if err := prepare(n, s.DAD && n == l.Router); err != nil {
			return err
		}
	}
	// The way back to the LAN is over the first line that has a carrier.
	for _, name := range []string{"net.ipv4.conf.all.ignore_routes_with_linkdown", "net.ipv4.conf.default.ignore_routes_with_linkdown"} {
		if err := l.Internet.Sysctl(name, "1"); err != nil {
			return err
		}
	}
	// The server's link comes first: it makes the two ends of each line differ in
	// their index, without which the kernel reports a lost carrier up to a second late.
	if err := l.wireServer(); err != nil {
		return err
	}
	for i := range s.Lines {
		if err := l.wireLine(s, &s.Lines[i]); err != nil {
			return err
		}
	}
	if s.LAN {
		return l.wireLAN()
	}
	return nil
}

// prepare sets what a router of this kind has set: forwarding on, no reverse path filter.
func prepare(n *Namespace, dad bool) error {
	settings := [][2]string{
		{"net.ipv4.ip_forward", "1"}, {"net.ipv6.conf.all.forwarding", "1"}, {"net.ipv6.conf.default.forwarding", "1"},
		{"net.ipv4.conf.all.rp_filter", "0"}, {"net.ipv4.conf.default.rp_filter", "0"},
		{"net.ipv4.conf.all.promote_secondaries", "1"}, {"net.ipv4.conf.default.promote_secondaries", "1"},
		{"net.ipv6.conf.all.accept_ra", "0"}, {"net.ipv6.conf.default.accept_ra", "0"},
	}
	if !dad {
		settings = append(settings, [2]string{"net.ipv6.conf.all.accept_dad", "0"}, [2]string{"net.ipv6.conf.default.accept_dad", "0"})
	}
	for _, setting := range settings {
		if strings.HasPrefix(setting[0], "net.ipv6.") && !knowsIPv6() {
			continue
		}
		if err := n.Sysctl(setting[0], setting[1]); err != nil {
			return err
		}
	}
	return nil
}

// veth makes a pair of devices, one in each namespace, both down.
func veth(a *Namespace, nameA string, macA net.HardwareAddr, b *Namespace, nameB string, macB net.HardwareAddr) error {
	attributes := netlink.NewLinkAttrs()
	attributes.Name, attributes.HardwareAddr = nameA, macA
	pair := netlink.NewVeth(attributes)
	pair.PeerName, pair.PeerHardwareAddr, pair.PeerNamespace = nameB, macB, netlink.NsFd(b.handle)
	if err := a.Netlink.LinkAdd(pair); err != nil {
		return fmt.Errorf("make link %s-%s: %w", nameA, nameB, err)
	}
	return nil
}

// mac returns a locally administered address that is the same in every lab.
func mac(kind, number int) net.HardwareAddr {
	return net.HardwareAddr{0x02, 0, 0, 0, byte(kind), byte(number)}
}

func (l *Lab) wireServer() error {
	if err := veth(l.Internet, serverUplink, mac(3, 1), l.Server, hostDevice, mac(4, 1)); err != nil {
		return err
	}
	router, host, gateways := []netip.Prefix{serverRouter}, []netip.Prefix{serverAddress}, []netip.Addr{serverRouter.Addr()}
	if knowsIPv6() {
		router, host, gateways = append(router, serverRouter6), append(host, serverAddr6), append(gateways, serverRouter6.Addr())
	}
	if err := configure(l.Internet, serverUplink, router...); err != nil {
		return err
	}
	if err := configure(l.Server, hostDevice, host...); err != nil {
		return err
	}
	return defaultRoutes(l.Server, hostDevice, gateways...)
}

// knowsIPv6 tells whether the kernel has IPv6: it may have been booted without.
func knowsIPv6() bool {
	_, err := os.Stat("/proc/sys/net/ipv6")
	return err == nil
}

func (l *Lab) wireLine(s *state, n *line) error {
	if err := veth(l.Router, n.Device, mac(1, n.Number), l.Internet, n.Far, mac(2, n.Number)); err != nil {
		return err
	}
	if err := l.restoreFar(s, n); err != nil {
		return err
	}
	return l.shape(n)
}

func (l *Lab) wireLAN() error {
	if err := veth(l.Router, lanDevice, mac(5, 1), l.LAN, hostDevice, mac(6, 1)); err != nil {
		return err
	}
	if err := configure(l.LAN, hostDevice, lanHost); err != nil {
		return err
	}
	return defaultRoutes(l.LAN, hostDevice, lanPrefix.Addr())
}

// hostIn returns the LAN host's address in the first /64 of a delegated prefix: its ::100.
func hostIn(p netip.Prefix) netip.Addr {
	a := p.Masked().Addr().As16()
	a[14] = 1
	return netip.AddrFrom16(a)
}

// configure sets a device up and gives it addresses, usable at once.
func configure(n *Namespace, device string, addresses ...netip.Prefix) error {
	link, err := n.Netlink.LinkByName(device)
	if err != nil {
		return fmt.Errorf("%s: device %s: %w", n.Name, device, err)
	}
	if err := n.Netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("%s: set %s up: %w", n.Name, device, err)
	}
	for _, a := range addresses {
		address := &netlink.Addr{IPNet: ipNet(a)}
		if a.Addr().Is6() {
			address.Flags = unix.IFA_F_NODAD
		}
		if err := n.Netlink.AddrReplace(link, address); err != nil {
			return fmt.Errorf("%s: address %s on %s: %w", n.Name, a, device, err)
		}
	}
	return nil
}

func defaultRoutes(n *Namespace, device string, gateways ...netip.Addr) error {
	link, err := n.Netlink.LinkByName(device)
	if err != nil {
		return err
	}
	for _, g := range gateways {
		err := n.Netlink.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Dst: ipNet(everything(g)), Gw: g.AsSlice()})
		if err != nil {
			return fmt.Errorf("%s: default route via %s: %w", n.Name, g, err)
		}
	}
	return nil
}

// restoreFar makes the other end of a line what the state says: its addresses, and
// the ways back to what lies behind the router. The kernel takes both away when
// the device goes down.
func (l *Lab) restoreFar(s *state, n *line) error {
	if n.Removed || n.Unplugged {
		return nil
	}
	var addresses []netip.Prefix
	for _, g := range n.Gateways {
		addresses = append(addresses, netip.PrefixFrom(g, subnetBits(g)))
	}
	if err := configure(l.Internet, n.Far, addresses...); err != nil {
		return err
	}
	link, err := l.Internet.Netlink.LinkByName(n.Far)
	if err != nil {
		return err
	}
	for _, i := range s.sections(n) {
		for _, r := range l.returnRoutes(s, n, i, link) {
			if err := l.Internet.Netlink.RouteReplace(r); err != nil {
				return fmt.Errorf("way back to %s on %s: %w", r.Dst, n.Far, err)
			}
		}
	}
	return nil
}

// returnRoutes are the ways from the internet to the networks behind the router:
// to the LAN over every line, the first preferred, and to what a line delegated over that line.
func (l *Lab) returnRoutes(s *state, n *line, i *Interface, link netlink.Link) []*netlink.Route {
	var routes []*netlink.Route
	for _, a := range i.Addresses {
		r := &netlink.Route{LinkIndex: link.Attrs().Index, Gw: a.Addr().AsSlice(), Priority: n.Number}
		switch {
		case a.Addr().Is4() && s.LAN && !n.BlackHole:
			r.Dst = ipNet(lanPrefix.Masked())
		case a.Addr().Is6() && i.Prefix.IsValid():
			r.Dst = ipNet(i.Prefix.Masked())
		default:
			continue
		}
		routes = append(routes, r)
	}
	return routes
}

func subnetBits(a netip.Addr) int {
	if a.Is4() {
		return 24
	}
	return 64
}

// awaitLAN waits until the router's kernel has put the LAN's link-local addresses,
// which come by themselves, into its local table: its own and that of all routers.
func (l *Lab) awaitLAN() error {
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		link, err := l.Router.Netlink.LinkByName(lanDevice)
		if err != nil {
			return err
		}
		filter := &netlink.Route{Table: unix.RT_TABLE_LOCAL, LinkIndex: link.Attrs().Index}
		routes, err := l.Router.Netlink.RouteListFiltered(netlink.FAMILY_V6, filter, netlink.RT_FILTER_TABLE|netlink.RT_FILTER_OIF)
		if err != nil {
			return err
		}
		there := 0
		for _, r := range routes {
			if r.Dst != nil && (r.Dst.IP.String() == routerLinkLocal || r.Dst.IP.String() == "fe80::") {
				there++
			}
		}
		if there == 2 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s got no link-local address", lanDevice)
		}
	}
}

// awaitCarrier waits until the router's kernel has taken note of the line's
// carrier: it marks routes only after a moment.
func (l *Lab) awaitCarrier(n *line) error {
	want := !n.Unplugged
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		link, err := l.Router.Netlink.LinkByName(n.Device)
		if err != nil {
			return err
		}
		a := link.Attrs()
		up := a.OperState == netlink.OperUp
		if a.Flags&net.FlagUp == 0 || up == want {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s did not see its carrier change", n.Device)
		}
	}
}
