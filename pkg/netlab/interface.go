// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"cmp"
	"net/netip"
	"slices"
	"time"
)

// An Interface is what the stand-in for netifd knows of one: what its
// configuration or its DHCP lease says, and whether it is up.
type Interface struct {
	Name   string `json:"name"`
	Proto  string `json:"proto"` // static, dhcp, dhcpv6
	Device string `json:"device"`

	// L3Device is the device that carries the addresses where it is another one,
	// as with PPPoE; empty: Device.
	L3Device string `json:"l3_device,omitempty"`

	Up        bool      `json:"up,omitempty"`
	Since     time.Time `json:"since"`                // of the last ifup
	Down      bool      `json:"down,omitempty"`       // ifdown by hand: autostart is off
	Gone      bool      `json:"gone,omitempty"`       // the device is missing
	Dynamic   bool      `json:"dynamic,omitempty"`    // made by another protocol, such as wan_4
	ForceLink bool      `json:"force_link,omitempty"` // carrier loss is ignored: the default of static

	Addresses []netip.Prefix `json:"addresses,omitempty"`
	Peer      netip.Addr     `json:"peer,omitzero"` // point-to-point: the other end, IPv4
	Gateways  []netip.Addr   `json:"gateways,omitempty"`
	Routes    []Route        `json:"routes,omitempty"` // all but the default ones
	// Configured are those of Routes that Reload has read from the configuration.
	Configured []Route      `json:"configured,omitempty"`
	Prefix     netip.Prefix `json:"prefix,omitzero"` // delegated by the provider; LAN gets its first /64
	Metric     int          `json:"metric,omitempty"`

	NoDefaultRoute bool   `json:"no_default_route,omitempty"` // option defaultroute 0
	SourceFilter   bool   `json:"source_filter,omitempty"`    // IPv6 default routes hold for the line's own sources, as with dhcpv6
	NoPeerDNS      bool   `json:"no_peer_dns,omitempty"`      // option peerdns 0
	IP4Table       uint32 `json:"ip4table,omitempty"`
	IP6Table       uint32 `json:"ip6table,omitempty"`

	DNS       []string `json:"dns,omitempty"`
	Search    []string `json:"search,omitempty"`
	LeaseTime int      `json:"lease_time,omitempty"` // seconds; 0 leaves it out

	Multipath string `json:"multipath,omitempty"` // the option of the section; empty writes none
}

// A Route is one that netifd has on an interface beside its addresses. Source
// restricts it to packets from there; netifd writes it as the preferred source in IPv4.
type Route struct {
	Target netip.Prefix `json:"target"`
	Via    netip.Addr   `json:"via,omitzero"` // zero: on the link
	Source netip.Prefix `json:"source,omitzero"`
}

// routes returns every route of the interface in the order in which netifd
// reports them, the default routes with them, IPv6 before IPv4. A DHCP lease
// makes its routes carry the address as their source, a static section does not.
func (i *Interface) routes() []Route {
	var all []Route
	for _, gateway := range i.Gateways {
		r := Route{Target: everything(gateway), Via: gateway}
		if gateway.Is6() && i.SourceFilter {
			for _, source := range i.sources() {
				all = append(all, Route{Target: r.Target, Via: gateway, Source: source})
			}
			continue
		}
		if i.Proto == "dhcp" && gateway.Is4() {
			for _, a := range i.Addresses {
				if a.Addr().Is4() && !r.Source.IsValid() {
					r.Source = netip.PrefixFrom(a.Addr(), 32)
				}
			}
		}
		all = append(all, r)
	}
	all = append(all, i.Routes...)
	slices.SortStableFunc(all, func(a, b Route) int {
		return b.Target.Addr().BitLen() - a.Target.Addr().BitLen()
	})
	return all
}

// sources are those for which the default routes hold: the networks of the global
// addresses, and the delegated prefix.
func (i *Interface) sources() (all []netip.Prefix) {
	for _, a := range i.Addresses {
		if a.Addr().Is6() {
			all = append(all, a.Masked())
		}
	}
	if i.Prefix.IsValid() {
		all = append(all, i.Prefix.Masked())
	}
	return all
}

// l3 returns the device that carries the addresses.
func (i *Interface) l3() string { return cmp.Or(i.L3Device, i.Device) }

// active tells which routes netifd puts into the kernel; the others are "inactive".
func (i *Interface) active(r Route) bool {
	return !i.NoDefaultRoute || r.Target.Bits() > 0
}

// table returns the table that netifd fills for the family of a, 0 for main.
func (i *Interface) table(a netip.Addr) int {
	if a.Is4() {
		return int(i.IP4Table)
	}
	return int(i.IP6Table)
}

func everything(a netip.Addr) netip.Prefix {
	if a.Is4() {
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	}
	return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
}
