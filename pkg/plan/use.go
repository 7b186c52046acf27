// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
	"github.com/mptcpctl/mptcpctl/pkg/netifd"
)

// lineAddress is one address of a line, as the kernel has it.
type lineAddress struct {
	Address
	connected netip.Prefix // zero: none
}

// Use is the state of one line in one family.
type Use struct {
	// Usable says that the line has all that it needs.
	Usable bool
	Reason Reason
	// LinkReady is Usable with the carrier left out of account.
	LinkReady bool
	Table     uint32
	Device    Device
	// Addresses are those that netifd reports, that the kernel has, and that packets may
	// have as their source. The first is Source, temporary ones come last. A line without
	// any may have a delegated prefix.
	Addresses []netip.Prefix
	// Prefixes are the delegated prefixes (IPv6 only).
	Prefixes []netip.Prefix
	// Source is the address of the line: the preferred source of its default route, and
	// the address of its endpoint. It is the first of Addresses or, where there is none,
	// the router's own address in a delegated prefix; the zero Addr if the router has none
	// there.
	Source netip.Addr
	// Gateway is the zero Addr for a point-to-point line.
	Gateway netip.Addr
	// Forwarded are the networks from which the provider of the interface accepts what
	// hosts behind the router send (IPv6 only).
	Forwarded []netip.Prefix
	// NoEndpoint says why the line has no endpoint; it is empty if it has one or wants
	// none.
	NoEndpoint string
	// Health is the verdict on a usable line that is examined. Of what follows from it
	// nothing is left where all lines of the family are dead.
	Health Health

	addresses []lineAddress
	delegated *Address // of Source, where that is in a delegated prefix
	route     netifd.Route
}

// LineUse is a Line with its state in both families.
type LineUse struct {
	Line
	Use [2]Use
}

// Holds reports whether an address is one of the line's, or its Source.
func (u *Use) Holds(a netip.Addr) bool {
	return u.Source == a || slices.ContainsFunc(u.Addresses, func(p netip.Prefix) bool { return p.Addr() == a })
}

// examine finds out whether a line is usable in a family. carrier says whether a lost
// carrier makes it unusable.
func examine(l *Line, f Family, s *State, carrier bool) Use {
	u := Use{Table: l.Tables[f], Device: s.deviceByName(l.Device)}
	switch {
	case l.Frozen:
		u.Reason = ReasonFrozen
	case l.Mode == config.Off:
		u.Reason = ReasonOff
	}
	if !l.Netifd.Up {
		u.Reason = cmp.Or(u.Reason, ReasonDown)
		return u
	}
	if f == IPv6 {
		u.Forwarded = l.forwardedNetworks(s, u.Device.Index)
	}
	if u.Device.Index == 0 {
		u.Reason = cmp.Or(u.Reason, ReasonNoDevice)
		return u
	}
	if !u.Device.Up {
		// Another program did that, unknown to netifd; the kernel takes no route by it.
		u.Reason = cmp.Or(u.Reason, ReasonDeviceDown)
		return u
	}
	u.findAddresses(l, f, s)
	gateway := u.findGateway(l, f, s)
	switch {
	case u.Reason != "":
	case gateway != ReasonUsable:
		u.Reason = gateway
	case carrier && !u.Device.Carrier:
		u.Reason, u.LinkReady = ReasonNoCarrier, true
	default:
		u.Reason, u.Usable, u.LinkReady = ReasonUsable, true, true
	}
	return u
}

// findAddresses fills in the addresses of a line, Source first.
func (u *Use) findAddresses(l *Line, f Family, s *State) {
	var unfit Reason
	var temporary []lineAddress
	u.addresses, temporary, unfit = confirmed(l, f, s, &u.Device)
	u.route, _ = l.defaultRoute(f)
	if first := u.preferred(f, s); first > 0 {
		a := u.addresses[first]
		copy(u.addresses[1:], u.addresses[:first])
		u.addresses[0] = a
	}
	if len(u.addresses) > 0 {
		// They are replaced within a day (RFC 8981 section 3.8), so that none is
		// Source; but packets leave from them.
		u.addresses = append(u.addresses, temporary...)
	}
	for _, a := range u.addresses {
		u.Addresses = append(u.Addresses, a.Prefix)
	}
	if f == IPv6 {
		u.Prefixes = l.Netifd.Prefixes
	}
	switch {
	case len(u.addresses) > 0:
		u.Source = u.addresses[0].Prefix.Addr()
	case len(u.Prefixes) > 0:
		if u.delegated = s.within(u.Prefixes, u.Device.Index); u.delegated != nil {
			u.Source = u.delegated.Prefix.Addr()
		}
	default:
		u.Reason = cmp.Or(u.Reason, unfit, ReasonNoAddress)
	}
}

// preferred is the index of Source in addresses. In IPv4 it is the source of netifd's
// default route; else the address in whose network the gateway is, which the kernel
// itself would choose (fib_info_update_nhc_saddr in net/ipv4/fib_semantics.c); else, in
// IPv6, the one that has the endpoint, which therefore stays on it while it is there;
// else the first.
func (u *Use) preferred(f Family, s *State) int {
	place := -1
	if f == IPv4 && u.route.Source.IsSingleIP() {
		place = slices.IndexFunc(u.addresses, func(a lineAddress) bool { return a.Prefix.Addr() == u.route.Source.Addr() })
	}
	if gateway := u.route.Nexthop; place < 0 && gateway.IsValid() {
		place = slices.IndexFunc(u.addresses, func(a lineAddress) bool { return a.connected.IsValid() && a.connected.Contains(gateway) })
	}
	if place < 0 && f == IPv6 {
		place = slices.IndexFunc(u.addresses, func(a lineAddress) bool { return s.hasEndpoint(a.Prefix.Addr(), u.Device.Index) })
	}
	return max(place, 0)
}

// hasEndpoint reports whether an address has an endpoint that is bound to a device.
func (s *State) hasEndpoint(a netip.Addr, index int) bool {
	return slices.ContainsFunc(s.Endpoints, func(e mptcp.Endpoint) bool { return e.Addr == a && e.IfIndex == index && e.Port == 0 })
}

// findGateway fills in the gateway, and returns ReasonUsable or what is wrong with it.
// A line without a gateway, or with the router's own address as its gateway, is
// point-to-point.
func (u *Use) findGateway(l *Line, f Family, s *State) Reason {
	route, ok := l.defaultRoute(f)
	gateway := route.Nexthop
	switch {
	case !ok:
		return ReasonNoDefault
	case !gateway.IsValid(), gateway.IsUnspecified():
		return ReasonUsable
	case !config.Gateway(gateway), u.broadcast(gateway):
		return ReasonBadGateway
	case s.ownGateway(gateway, u.Device.Index):
		return ReasonUsable
	case !l.onLink(f, gateway) && s.onOtherDevice(gateway, u.Device.Index):
		return ReasonBadGateway
	}
	u.Gateway = gateway
	return ReasonUsable
}

// ownGateway reports whether a gateway is the router's own address, so that nothing is
// behind it. IPv4 and link-local addresses of other devices do not count: a modem may
// have the router's LAN address, and fe80::1 is on many links. The kernel takes these
// as gateways too: fib_check_nh_v4_gw in net/ipv4/fib_semantics.c looks the gateway up
// by the device (onlink routes aside, for which it looks on all devices),
// ip6_validate_gw in net/ipv6/route.c compares only link-local gateways by device.
func (s *State) ownGateway(gateway netip.Addr, index int) bool {
	anywhere := gateway.Is6() && !gateway.IsLinkLocalUnicast()
	return slices.ContainsFunc(s.Addresses, func(a Address) bool {
		return a.Prefix.Addr() == gateway && (anywhere || a.Index == index)
	})
}

// onLink reports whether an address is in the destination of a route without gateway
// that netifd has on the line.
func (l *Line) onLink(f Family, a netip.Addr) bool {
	return slices.ContainsFunc(l.Netifd.Routes, func(r netifd.Route) bool {
		return ordinary(r, f) && !r.Default() && !r.Nexthop.IsValid() && r.Target.Contains(a)
	})
}

// onOtherDevice reports whether a gateway is in none of the device's networks, and is
// another device's: in IPv6 in a network of it, in IPv4 its own address. The kernel
// refuses a route by it then, even with onlink (fib_check_nh_v4_gw in
// net/ipv4/fib_semantics.c, ip6_route_check_nh_onlink in net/ipv6/route.c, of 6.18).
func (s *State) onOtherDevice(gateway netip.Addr, index int) (other bool) {
	f := FamilyOf(gateway)
	if f == IPv6 && gateway.IsLinkLocalUnicast() {
		return false
	}
	for i := range s.Addresses {
		a := &s.Addresses[i]
		network := a.Network(f)
		within := network.IsValid() && network.Contains(gateway)
		if within && a.Index == index {
			return false
		}
		other = other || within && f == IPv6 || a.Prefix.Addr() == gateway
	}
	return other
}

// broadcast reports whether a gateway is the broadcast address of an IPv4 network of
// the line, its last address. A /31 and a /32 have none (fib_add_ifaddr in
// net/ipv4/fib_frontend.c).
func (u *Use) broadcast(gateway netip.Addr) bool {
	return gateway.Is4() && slices.ContainsFunc(u.addresses, func(a lineAddress) bool {
		p := a.connected
		return p.IsValid() && p.Bits() < 31 && p.Contains(gateway) && !p.Contains(gateway.Next())
	})
}

// confirmed returns the addresses that netifd reports, that the kernel has, and that
// packets may have as their source, in netifd's order, temporary ones apart. unfit is
// the reason for which the first of all others, and of the temporary ones, cannot be
// Source.
func confirmed(l *Line, f Family, s *State, d *Device) (all, temporary []lineAddress, unfit Reason) {
	for _, wanted := range l.Netifd.Addresses {
		if FamilyOf(wanted.Prefix.Addr()) != f {
			continue
		}
		for _, a := range s.Addresses {
			if a.Index != d.Index || a.Prefix.Addr() != wanted.Prefix.Addr() || !a.Global || a.Deprecated || a.DADFailed {
				continue
			}
			one := lineAddress{Address: a, connected: a.connected(wanted.Peer)}
			switch reason := l.unfit(a, d); {
			case reason == "":
				all = append(all, one)
			case reason == ReasonTemporary:
				temporary = append(temporary, one)
				fallthrough
			default:
				unfit = cmp.Or(unfit, reason)
			}
			break
		}
	}
	return all, temporary, unfit
}

// unfit says why an address cannot be the Source of a line: it is not routed on the
// internet (RFC 3927, RFC 4193), or it is a temporary one. The peer of a tunnel that
// has a multipath option of its own may well have a route to such a network.
func (l *Line) unfit(a Address, d *Device) Reason {
	addr := a.Prefix.Addr()
	switch {
	case a.Temporary:
		return ReasonTemporary
	case addr.Is4() && addr.IsLinkLocalUnicast() && !l.namedTunnel(d):
		return ReasonLinkLocal
	case addr.Is6() && addr.IsPrivate() && !l.namedTunnel(d):
		return ReasonUniqueLocal
	}
	return ""
}

// namedTunnel reports whether the line is a tunnel with a multipath option of its
// own.
func (l *Line) namedTunnel(d *Device) bool {
	return l.Own && (config.TunnelProtocol(cmp.Or(l.Netifd.Proto, l.Proto)) || l.Netifd.Proto == "" && d.tunnel())
}

// tunnelKinds are the kinds of virtual links (IFLA_INFO_KIND) that are tunnels, by how
// they begin (struct rtnl_link_ops in drivers/net, net/ipv4, net/ipv6 and net/xfrm).
var tunnelKinds = []string{"tun", "wireguard", "gre", "ip6gre", "ipip", "sit", "ip6tnl", "vti", "xfrm"}

func (d *Device) tunnel() bool {
	return slices.ContainsFunc(tunnelKinds, func(kind string) bool { return len(d.Kind) >= len(kind) && d.Kind[:len(kind)] == kind })
}

// connected is the prefix that an address puts on the link, the zero Prefix if it puts
// none there. peer is the peer's address as netifd reports it.
func (a *Address) connected(peer netip.Addr) netip.Prefix {
	switch {
	case a.NoPrefixRoute && !a.Routed:
		return netip.Prefix{}
	case a.Peer.IsValid():
		return a.Peer.Masked()
	case peer.IsValid():
		return netip.PrefixFrom(peer, peer.BitLen())
	case a.Prefix.IsSingleIP():
		return netip.Prefix{}
	}
	return a.Prefix.Masked()
}

// within returns the router's address in one of the delegated prefixes of a line, which
// becomes its Source: the one that has the endpoint, else the lowest, so that it stays
// the same when others are added. index is that of the line's device. It is nil if
// there is none.
func (s *State) within(prefixes []netip.Prefix, index int) (found *Address) {
	for i := range s.Addresses {
		a := &s.Addresses[i]
		addr := a.Prefix.Addr()
		if !containsAddr(prefixes, addr) || !a.Global || a.Deprecated || a.DADFailed || a.Temporary {
			continue
		}
		if s.hasEndpoint(addr, index) {
			return a
		}
		if found == nil || addr.Less(found.Prefix.Addr()) {
			found = a
		}
	}
	return found
}
