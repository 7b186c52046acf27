// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"net/netip"
	"slices"

	"github.com/mptcpctl/mptcpctl/pkg/config"
)

// LinkLocal is the prefix that every IPv6 link has (RFC 4291 section 2.5.6).
var LinkLocal = netip.MustParsePrefix("fe80::/64")

// sourceIn is the preferred source of a route to a network: the line's first address
// there. It is the zero Addr where there is none, and while that one is tentative.
func (u *Use) sourceIn(network netip.Prefix) netip.Addr {
	for i := range u.addresses {
		if network.Contains(u.addresses[i].Prefix.Addr()) {
			return source(&u.addresses[i].Address)
		}
	}
	return netip.Addr{}
}

// maxMTU is the largest MTU, in bytes, that the kernel keeps with a route; it lowers
// greater ones (ip_metrics_convert in net/ipv4/metrics.c).
const maxMTU = 65535 - 15

// lineRoutes adds the routes of one usable line.
func (p *planner) lineRoutes(l *LineUse, f Family) {
	u := &l.Use[f]
	base := Route{Family: f, Table: u.Table, Device: u.Device.Name, Index: u.Device.Index}
	if f == IPv6 {
		base.Metric = metricIPv6
	}
	for _, a := range u.addresses {
		if !a.connected.IsValid() {
			continue
		}
		r := base
		r.Dst, r.Src = a.connected, source(&a.Address)
		p.wantRoute(r, l.Name, "connected network")
	}
	p.otherNetworks(l, f, base)
	if f == IPv6 {
		r := base
		r.Dst = LinkLocal
		p.wantRoute(r, l.Name, "neighbours on the link")
	}
	p.netifdRoutes(l, f, base)
	r := base
	r.Dst, r.Gateway, r.MTU = f.everything(), u.Gateway, min(u.route.MTU, maxMTU)
	r.OnLink = p.needsOnLink(l, f, u.Gateway)
	switch {
	case len(u.addresses) > 0:
		r.Src = source(&u.addresses[0].Address)
	case u.delegated != nil:
		r.Src = source(u.delegated)
	}
	p.wantRoute(r, l.Name, "default route of table "+tableText(r.Table))
}

// source is an address as the preferred source of a route. It is the zero Addr while
// the address is tentative: the kernel refuses such a source (ipv6_chk_addr in
// net/ipv6/addrconf.c).
func source(a *Address) netip.Addr {
	if a.Tentative {
		return netip.Addr{}
	}
	return a.Prefix.Addr()
}

// otherNetworks adds the networks that other addresses put on the line's device, such
// as the modem's page or a LAN on the same port, so that sockets bound to the device
// reach them.
func (p *planner) otherNetworks(l *LineUse, f Family, base Route) {
	for i := range p.State.Addresses {
		a := &p.State.Addresses[i]
		if network := a.Network(f); a.Index == base.Index && network.IsValid() {
			r := base
			r.Dst, r.Src = network, source(a)
			p.wantRoute(r, l.Name, "another network on its device")
		}
	}
}

// Network is the prefix that an address puts on the link. It is the zero Prefix if it
// puts none there, for IPv6 link-local addresses, and for those of another family.
func (a *Address) Network(f Family) netip.Prefix {
	if FamilyOf(a.Prefix.Addr()) != f || a.DADFailed || f == IPv6 && a.Prefix.Addr().IsLinkLocalUnicast() {
		return netip.Prefix{}
	}
	return a.connected(netip.Addr{})
}

// needsOnLink reports whether a gateway is in none of the prefixes on the link: the
// kernel takes it only with RTNH_F_ONLINK.
func (p *planner) needsOnLink(l *LineUse, f Family, gateway netip.Addr) bool {
	if !gateway.IsValid() || gateway.Is6() && gateway.IsLinkLocalUnicast() {
		return false
	}
	for _, a := range l.Use[f].addresses {
		if a.connected.IsValid() && a.connected.Contains(gateway) {
			return false
		}
	}
	for i := range p.State.Addresses {
		a := &p.State.Addresses[i]
		if network := a.Network(f); a.Index == l.Use[f].Device.Index && network.IsValid() && network.Contains(gateway) {
			return false
		}
	}
	return !l.onLink(f, gateway)
}

// netifdRoutes adds the line's further routes, for each destination the one with the
// lowest metric. The local networks within a destination are taken out of it by throw
// routes. A route whose gateway cannot be one is left out: the kernel has refused it to
// netifd too.
func (p *planner) netifdRoutes(l *LineUse, f Family, base Route) {
	lowest := make(map[netip.Prefix]uint32)
	for _, known := range l.Netifd.Routes {
		if metric, seen := lowest[known.Target]; ordinary(known, f) && (!seen || known.Metric < metric) {
			lowest[known.Target] = known.Metric
		}
	}
	for _, known := range l.Netifd.Routes {
		if known.Default() || !ordinary(known, f) || known.Metric > lowest[known.Target] {
			continue
		}
		for _, lan := range p.localNetworks(f) {
			if lan.Bits() >= known.Target.Bits() && known.Target.Contains(lan.Addr()) {
				p.wantRoute(Route{Family: f, Table: base.Table, Dst: lan, Throw: true, Metric: base.Metric},
					l.Name, "a local network within a route of the interface")
			}
		}
		r := base
		r.Dst, r.Gateway, r.MTU = known.Target, known.Nexthop, min(known.MTU, maxMTU)
		switch {
		case r.Gateway.IsValid() && !config.Gateway(r.Gateway), l.Use[f].broadcast(r.Gateway):
			continue
		case p.State.ownGateway(r.Gateway, base.Index):
			r.Gateway = netip.Addr{}
		}
		if src := known.Source.Addr(); f == IPv4 && known.Source.IsSingleIP() && p.State.Present(src) {
			r.Src = src
		}
		if !r.Gateway.IsValid() && !r.Src.IsValid() {
			r.Src = l.Use[f].sourceIn(r.Dst)
		}
		r.OnLink = p.needsOnLink(l, f, r.Gateway)
		p.wantRoute(r, l.Name, "route of the interface")
	}
}

// localNetworks are nearer than any line: the connected networks of devices without a
// line, and the destinations of the routes that netifd has on interfaces that take no
// part.
func (p *planner) localNetworks(f Family) []netip.Prefix {
	if p.local[f] != nil {
		return p.local[f]
	}
	p.local[f] = []netip.Prefix{}
	add := func(network netip.Prefix) {
		if network.IsValid() && network.Bits() > 0 && !slices.Contains(p.local[f], network) {
			p.local[f] = append(p.local[f], network)
		}
	}
	lines := make(map[int]bool)
	for i := range p.lines {
		l := &p.lines[i]
		if !l.off() {
			lines[p.State.deviceByName(l.Device).Index] = true
			continue
		}
		for _, r := range l.Netifd.Routes {
			if ordinary(r, f) {
				add(r.Target)
			}
		}
	}
	for i := range p.State.Addresses {
		if a := &p.State.Addresses[i]; a.Global && !lines[a.Index] {
			add(a.Network(f))
		}
	}
	return p.local[f]
}
