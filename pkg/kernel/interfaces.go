// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/netifd"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// maxLineRoutes bounds the further routes of the main table that are taken for those of
// one interface.
const maxLineRoutes = 1000

// Interfaces gives what netifd would say of the configured interfaces, for machines
// without netifd: one entry for each section, in their order. An interface is up when
// its device is up and has an address; a lost carrier is left to the plan. What
// sections on one device have is told apart by their families and addresses; what fits
// none is that of the first. Delegated prefixes are not known. The warnings are one
// line each.
func (k *Kernel) Interfaces(cfg *config.Config) (all []netifd.Interface, warnings []string, err error) {
	all = make([]netifd.Interface, len(cfg.Interfaces))
	devices := aliased(cfg)
	links := make(map[string]*link) // by the name in the configuration
	byIndex := make(map[int]*link)  // a device may have several names
	for i := range cfg.Interfaces {
		section := &cfg.Interfaces[i]
		device := devices[i]
		all[i] = netifd.Interface{Name: section.Name, Device: device}
		l, seen := links[device]
		if !seen {
			if l, err = k.readLink(device); err != nil {
				return nil, nil, err
			}
			if l != nil && byIndex[l.Index] == nil {
				byIndex[l.Index] = l
				err = errors.Join(k.readRoutes(l, plan.IPv4), k.readRoutes(l, plan.IPv6))
			}
			if err != nil {
				return nil, nil, err
			}
			if l != nil {
				l = byIndex[l.Index]
			}
			links[device] = l
		}
		if l == nil {
			continue
		}
		all[i].Device = l.Name
		l.sections = append(l.sections, i)
	}
	for i := range all {
		// Each link once, with its first section.
		if l := links[devices[i]]; l != nil && l.sections[0] == i {
			warnings = append(warnings, l.divide(cfg, all)...)
		}
	}
	return all, warnings, nil
}

// Complete is what netifd says, with the addresses and routes that another program has
// given to the devices of interfaces of protocol "none". The warnings are one line
// each.
func (k *Kernel) Complete(cfg *config.Config, reported []netifd.Interface) (all []netifd.Interface, warnings []string, err error) {
	all = append([]netifd.Interface(nil), reported...)
	names := cfg.Names()
	for n := range all {
		i := &all[n]
		place, ok := names[i.Name]
		if !ok {
			continue
		}
		section := &cfg.Interfaces[place]
		if !section.HasMode() || !i.Up || i.Proto != "none" || i.L3Device == "" || len(i.Addresses) > 0 {
			continue
		}
		l, err := k.readLink(i.L3Device)
		switch {
		case err != nil:
			return nil, nil, err
		case l == nil:
			continue
		}
		for _, f := range plan.Families {
			if err := k.deviceDefault(l, f); err != nil {
				return nil, nil, err
			}
			l.fill(i, section, f, l.addresses[f], l.routes[f])
		}
		warnings = append(warnings, l.warnings(i.Name)...)
	}
	return all, warnings, nil
}

// deviceDefault reads the main table's default route by a device. A lookup finds it at
// the same cost however many routes main holds, where it is sure to reach main: where
// the rule for its mark is there, or no managed rule that could answer in its place.
// Else the routes on the device are dumped.
func (k *Kernel) deviceDefault(l *link, f plan.Family) error {
	if len(l.addresses[f]) == 0 {
		return nil
	}
	all, err := k.rules(addressFamilies[f])
	if err != nil {
		return err
	}
	var rules []plan.Rule
	for _, r := range all {
		rules = append(rules, r.Rule)
	}
	r, known, err := k.defaultOfMain(f, l.Index, rules)
	if err != nil {
		return err
	}
	if !known {
		return k.readRoutes(l, f)
	}
	if r != nil {
		l.routes[f], err = k.routeBy(r, l.Index)
	}
	return err
}

// aliased are the devices of the sections, through any number of aliases: "@wan" is that
// of wan. One is empty if there is none.
func aliased(cfg *config.Config) []string {
	names := cfg.Names()
	devices := make([]string, len(cfg.Interfaces))
	known := make([]bool, len(devices)) // or on the way, which a loop of aliases never leaves
	var way []int
	for i := range devices {
		device, at := "", i
		for way = way[:0]; !known[at]; {
			known[at] = true
			way = append(way, at)
			target, alias := strings.CutPrefix(cfg.Interfaces[at].Device, "@")
			next, ok := names[target]
			if !alias {
				device = target
			}
			if !alias || !ok {
				break
			}
			at = next
		}
		device = cmp.Or(device, devices[at])
		for _, at := range way {
			devices[at] = device
		}
	}
	return devices
}

// link is a device with its addresses and routes; one that is down has none.
type link struct {
	plan.Device
	addresses [2][]netifd.Address
	connected [2][]netip.Prefix // the networks of those addresses
	routes    [2][]netifd.Route
	more      int   // routes beyond the bound
	sections  []int // of the configuration
}

// readLink looks a device up, with its addresses; nil if there is none.
func (k *Kernel) readLink(device string) (*link, error) {
	d, ok, err := k.deviceByName(device)
	if err != nil || !ok {
		return nil, err
	}
	l := &link{Device: d}
	if !d.Up {
		return l, nil
	}
	addresses, err := k.addresses(d.Index)
	if err != nil {
		return nil, err
	}
	for _, a := range addresses {
		if a.Global {
			f := plan.FamilyOf(a.Prefix.Addr())
			l.addresses[f] = append(l.addresses[f], netifd.Address{Prefix: a.Prefix, Peer: a.Peer.Addr()})
			l.connected[f] = append(l.connected[f], a.Network(f))
		}
	}
	return l, nil
}

// divide gives each section what it has of the link.
func (l *link) divide(cfg *config.Config, all []netifd.Interface) (warnings []string) {
	for _, f := range plan.Families {
		var here []int // the sections that may have the family
		for _, i := range l.sections {
			if may := cfg.Interfaces[i].Families; f == plan.IPv4 && may.IPv4 || f == plan.IPv6 && may.IPv6 {
				here = append(here, i)
			}
		}
		rest := -1 // the one that gets what fits none
		for _, i := range here {
			if sets := setsAddress(&cfg.Interfaces[i], f); rest < 0 || !sets && setsAddress(&cfg.Interfaces[rest], f) {
				rest = i
			}
		}
		for _, i := range here {
			section := &cfg.Interfaces[i]
			owns := func(a netip.Addr) bool {
				for _, other := range here {
					if slices.Contains(cfg.Interfaces[other].Addresses, a) {
						return other == i
					}
				}
				return i == rest
			}
			l.fill(&all[i], section, f, l.addressesOf(f, owns), l.routesOf(f, i == rest, owns))
		}
	}
	return l.warnings(all[l.sections[0]].Name)
}

func setsAddress(section *config.Interface, f plan.Family) bool {
	return slices.ContainsFunc(section.Addresses, func(a netip.Addr) bool { return plan.FamilyOf(a) == f })
}

func (l *link) addressesOf(f plan.Family, owns func(netip.Addr) bool) (all []netifd.Address) {
	for _, a := range l.addresses[f] {
		if owns(a.Prefix.Addr()) {
			all = append(all, a)
		}
	}
	return all
}

// routesOf are the routes of one section: those with its source, those to its networks,
// and those by a gateway there. rest says that it gets those that fit no section, too.
func (l *link) routesOf(f plan.Family, rest bool, owns func(netip.Addr) bool) (all []netifd.Route) {
	for _, r := range l.routes[f] {
		if l.fits(&r, f, rest, owns) {
			all = append(all, r)
		}
	}
	return all
}

func (l *link) fits(r *netifd.Route, f plan.Family, rest bool, owns func(netip.Addr) bool) bool {
	if r.Source.IsSingleIP() {
		return owns(r.Source.Addr())
	}
	near := r.Nexthop
	if !near.IsValid() {
		near = r.Target.Addr()
	}
	for _, a := range l.addresses[f] {
		if a.Prefix.Contains(near) || a.Peer == near {
			return owns(a.Prefix.Addr())
		}
	}
	return rest
}

// fill fills in what an interface has in one family. A configured gateway replaces that
// of the kernel's default route, or stands in for a missing one.
func (l *link) fill(i *netifd.Interface, section *config.Interface, f plan.Family, addresses []netifd.Address, routes []netifd.Route) {
	if len(addresses) == 0 {
		return
	}
	i.Up, i.L3Device = true, l.Name
	i.Addresses = append(i.Addresses, addresses...)
	gateway := section.Gateway
	if f == plan.IPv6 {
		gateway = section.IP6Gateway
	}
	if !gateway.IsValid() {
		i.Routes = append(i.Routes, routes...)
		return
	}
	first := netifd.Route{Target: netip.PrefixFrom(unspecified(f), 0)}
	there := false
	for _, r := range routes {
		switch {
		case !r.Default():
			i.Routes = append(i.Routes, r)
		case !there:
			first, there = r, true
		}
	}
	if first.Nexthop = gateway; gateway.IsUnspecified() {
		first.Nexthop = netip.Addr{}
	}
	if there {
		i.Routes = append(i.Routes, first)
	} else {
		i.Inactive = append(i.Inactive, first)
	}
}

func (l *link) warnings(name string) []string {
	if l.more == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%s: %d of the routes on %s are left to the main table; its own table has room for %d", name, l.more, l.Name, maxLineRoutes)}
}

// readRoutes reads the routes of the main table on a device, default routes first. It
// leaves out the connected networks of its addresses, the routes of routing daemons,
// and those that lead where a default route does.
func (k *Kernel) readRoutes(l *link, f plan.Family) error {
	if len(l.addresses[f]) == 0 {
		return nil
	}
	beyond := 0
	routes, err := k.routesThat(routeFilter{family: addressFamilies[f], table: plan.Main, index: l.Index}, &beyond, func(r route) bool {
		return r.typ == unix.RTN_UNICAST && r.Dst != plan.LinkLocal && (r.Default() || slices.Contains(lineProtocols, r.protocol)) &&
			(r.Gateway.IsValid() || !slices.Contains(l.connected[f], r.Dst))
	})
	if err != nil {
		return err
	}
	var defaults, others []netifd.Route
	for n := range routes {
		found, err := k.routeBy(&routes[n], l.Index)
		if err != nil {
			return err
		}
		if routes[n].Default() {
			defaults = append(defaults, found...)
		} else {
			others = append(others, found...)
		}
	}
	l.more += beyond
	l.routes[f] = defaults
	for _, r := range others {
		switch {
		case slices.ContainsFunc(defaults, func(d netifd.Route) bool { return covers(&d, &r) }):
		case len(l.routes[f]) == len(defaults)+maxLineRoutes:
			l.more++
		default:
			l.routes[f] = append(l.routes[f], r)
		}
	}
	return nil
}

// routeBy is a route as netifd would report it for a device: by its nexthop on that
// device. There is none if the route has no nexthop there.
func (k *Kernel) routeBy(r *route, index int) ([]netifd.Route, error) {
	hops, err := k.nexthops(r)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(hops, func(h plan.Hop) bool { return h.Index == index })
	if at < 0 {
		return nil, nil
	}
	one := netifd.Route{Target: r.Dst, Nexthop: hops[at].Gateway, Metric: r.Metric, MTU: r.MTU}
	if r.Src.IsValid() {
		one.Source = netip.PrefixFrom(r.Src, r.Src.BitLen())
	}
	return []netifd.Route{one}, nil
}

// covers reports whether a default route leads where another route does, so that a
// table with the one needs not have the other.
func covers(d, r *netifd.Route) bool {
	return r.Nexthop.IsValid() && d.Nexthop == r.Nexthop && d.MTU == r.MTU && (d.Source == r.Source || !r.Source.IsValid())
}

// lineProtocols are those of routes that belong to the set-up of a line: routes of the
// kernel, static ones, and those from router advertisements and DHCP (RTPROT_* of
// include/uapi/linux/rtnetlink.h).
var lineProtocols = []uint8{unix.RTPROT_KERNEL, unix.RTPROT_BOOT, unix.RTPROT_STATIC, unix.RTPROT_RA, unix.RTPROT_DHCP}
