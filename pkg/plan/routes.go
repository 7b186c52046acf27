// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"net/netip"
	"slices"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/netifd"
)

// linkLocal is the prefix that every IPv6 link has (RFC 4291 section 2.5.6).
var linkLocal = netip.MustParsePrefix("fe80::/64")

// lineRoutes are the routes of one usable line.
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
		r.Dst = linkLocal
		p.wantRoute(r, l.Name, "neighbours on the link")
	}
	p.netifdRoutes(l, f, base)
	r := base
	r.Dst, r.Gateway, r.MTU = f.everything(), u.Gateway, u.route.MTU
	r.OnLink = p.needsOnLink(l, f, u.Gateway)
	switch {
	case len(u.addresses) > 0:
		r.Src = source(&u.addresses[0].Address)
	case u.delegated != nil:
		r.Src = source(u.delegated)
	}
	p.wantRoute(r, l.Name, "default route of table "+tableText(r.Table))
}

// source is the preferred source of a route; the kernel takes no tentative
// one.
func source(a *Address) netip.Addr {
	if a.Tentative {
		return netip.Addr{}
	}
	return a.Prefix.Addr()
}

// otherNetworks are those that other addresses of the device put on the link: a
// modem's page, a LAN on the same port. Sockets bound to the device reach them too.
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

// Network is the prefix that an address puts on the link, or zero where it puts none
// or is of another family.
func (a *Address) Network(f Family) netip.Prefix {
	if FamilyOf(a.Prefix.Addr()) != f || a.DADFailed || f == IPv6 && a.Prefix.Addr().IsLinkLocalUnicast() {
		return netip.Prefix{}
	}
	return a.connected(netip.Addr{})
}

// needsOnLink reports whether a gateway stands in none of the prefixes that are
// on the link: the kernel takes it only when told.
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
	return !slices.ContainsFunc(l.Netifd.Routes, func(r netifd.Route) bool {
		return ordinary(r, f) && !r.Default() && !r.Nexthop.IsValid() && r.Target.Contains(gateway)
	})
}

// netifdRoutes are the line's further routes, the one with the lowest metric
// per destination. A network of a device that is no line is left out of them: it is
// nearer than any line.
func (p *planner) netifdRoutes(l *LineUse, f Family, base Route) {
	for _, known := range l.Netifd.Routes {
		beaten := func(other netifd.Route) bool {
			return other.Target == known.Target && other.Metric < known.Metric && ordinary(other, f)
		}
		if known.Default() || !ordinary(known, f) || slices.ContainsFunc(l.Netifd.Routes, beaten) {
			continue
		}
		for _, lan := range p.localNetworks(f) {
			if lan.Bits() >= known.Target.Bits() && known.Target.Contains(lan.Addr()) {
				p.wantRoute(Route{Family: f, Table: base.Table, Dst: lan, Throw: true, Metric: base.Metric},
					l.Name, "a local network within a route of the interface")
			}
		}
		r := base
		r.Dst, r.Gateway, r.MTU = known.Target, known.Nexthop, known.MTU
		if src := known.Source.Addr(); f == IPv4 && known.Source.IsSingleIP() && p.State.Present(src) {
			r.Src = src
		}
		r.OnLink = p.needsOnLink(l, f, known.Nexthop)
		p.wantRoute(r, l.Name, "route of the interface")
	}
}

// localNetworks are the connected networks of devices that are no line.
func (p *planner) localNetworks(f Family) []netip.Prefix {
	if p.local[f] == nil {
		p.local[f] = []netip.Prefix{}
		lines := make(map[int]bool)
		for i := range p.lines {
			if l := &p.lines[i]; l.Mode != config.Off || l.Frozen {
				lines[p.State.deviceByName(l.Device).Index] = true
			}
		}
		for i := range p.State.Addresses {
			a := &p.State.Addresses[i]
			if network := a.Network(f); a.Global && !lines[a.Index] && network.IsValid() && !slices.Contains(p.local[f], network) {
				p.local[f] = append(p.local[f], network)
			}
		}
	}
	return p.local[f]
}
