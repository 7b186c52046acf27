// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"errors"
	"math"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// delegate gives the first /64 of the prefix to the LAN, and the rest of it an
// unreachable route against loops.
func (l *Lab) delegate(s *state, i *Interface) error {
	err := l.Router.Netlink.RouteReplace(&netlink.Route{Dst: ipNet(i.Prefix), Type: unix.RTN_UNREACHABLE, Protocol: unix.RTPROT_STATIC, Priority: math.MaxInt32})
	if err != nil || !s.LAN {
		return err
	}
	lan, err := l.Router.Netlink.LinkByName(lanDevice)
	if err != nil {
		return err
	}
	local := lanAddress(i.Prefix)
	// netifd writes the route itself (proto static), hence no prefix route.
	address := &netlink.Addr{IPNet: ipNet(local), Flags: unix.IFA_F_NOPREFIXROUTE}
	if !s.DAD {
		address.Flags |= unix.IFA_F_NODAD
	}
	if err := l.Router.Netlink.AddrReplace(lan, address); err != nil {
		return err
	}
	if err := l.Router.Netlink.RouteReplace(&netlink.Route{LinkIndex: lan.Attrs().Index, Dst: ipNet(local.Masked()), Protocol: unix.RTPROT_STATIC}); err != nil {
		return err
	}
	return l.advertise(i.Prefix, true)
}

// advertise does what the router's announcement would do to the LAN host: it has
// an address in the prefix, deprecated when the prefix is withdrawn, and the
// router as its default route.
func (l *Lab) advertise(p netip.Prefix, preferred bool) error {
	link, err := l.LAN.Netlink.LinkByName(hostDevice)
	if err != nil {
		return err
	}
	address := &netlink.Addr{IPNet: ipNet(netip.PrefixFrom(hostIn(p), 64)), Flags: unix.IFA_F_NODAD}
	if !preferred {
		address.ValidLft = 7200
	}
	if err := l.LAN.Netlink.AddrReplace(link, address); err != nil {
		return err
	}
	gateway := netip.MustParseAddr(routerLinkLocal)
	return l.LAN.Netlink.RouteReplace(&netlink.Route{LinkIndex: link.Attrs().Index, Dst: ipNet(everything(gateway)), Gw: gateway.AsSlice()})
}

// withdraw takes a delegated prefix back. The LAN keeps the address, deprecated,
// for two hours (RFC 7084, L-14).
func (l *Lab) withdraw(s *state, i *Interface) error {
	err := gone(l.Router.Netlink.RouteDel(&netlink.Route{Dst: ipNet(i.Prefix), Type: unix.RTN_UNREACHABLE, Protocol: unix.RTPROT_STATIC, Priority: math.MaxInt32}))
	if err != nil || !s.LAN {
		return err
	}
	lan, err := l.Router.Netlink.LinkByName(lanDevice)
	if err != nil {
		return err
	}
	local := lanAddress(i.Prefix)
	return errors.Join(
		gone(l.Router.Netlink.RouteDel(&netlink.Route{LinkIndex: lan.Attrs().Index, Dst: ipNet(local.Masked()), Protocol: unix.RTPROT_STATIC})),
		l.Router.Netlink.AddrReplace(lan, &netlink.Addr{IPNet: ipNet(local), Flags: unix.IFA_F_NOPREFIXROUTE, PreferedLft: 0, ValidLft: 7200}),
		l.advertise(i.Prefix, false))
}

// lanAddress returns the router's address in the first /64 of a delegated prefix.
func lanAddress(p netip.Prefix) netip.Prefix {
	return netip.PrefixFrom(p.Masked().Addr().Next(), 64)
}
