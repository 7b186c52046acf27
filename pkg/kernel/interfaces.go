// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"net/netip"
	"strings"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/netifd"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// Interfaces gives what netifd would say of the configured interfaces, for
// machines without netifd: one entry for each section, in their order. An
// interface is up when its device is up and has an address; a missing carrier
// is left to the plan. Of several sections on one device ("wan" and "wan6")
// the first has all that is there, since the kernel does not tell them apart.
// Delegated prefixes and routes other than the default ones are not known.
func (k *Kernel) Interfaces(cfg *config.Config) ([]netifd.Interface, error) {
	all := make([]netifd.Interface, 0, len(cfg.Interfaces))
	claimed := make(map[string]bool)
	for _, section := range cfg.Interfaces {
		device := aliased(cfg, section)
		i := netifd.Interface{Name: section.Name, Device: device}
		if !claimed[device] {
			if err := k.fillInterface(&i, section); err != nil {
				return nil, err
			}
			claimed[device] = true
		}
		all = append(all, i)
	}
	return all, nil
}

// aliased is the device of an interface, in the end: "@wan" is that of wan.
// It is empty when there is none.
func aliased(cfg *config.Config, section config.Interface) string {
	for range cfg.Interfaces {
		target, alias := strings.CutPrefix(section.Device, "@")
		if !alias {
			return section.Device
		}
		section, _ = cfg.Interface(target)
	}
	return ""
}

func (k *Kernel) fillInterface(i *netifd.Interface, section config.Interface) error {
	d, ok, err := k.deviceByName(i.Device)
	if err != nil || !ok || !d.Up {
		return err
	}
	for _, f := range plan.Families {
		addresses, err := k.addresses(f, d.Index)
		if err != nil {
			return err
		}
		for _, a := range addresses {
			if a.Global {
				i.Addresses = append(i.Addresses, netifd.Address{Prefix: a.Prefix, Peer: a.Peer.Addr()})
			}
		}
	}
	if len(i.Addresses) == 0 {
		return nil
	}
	i.Up, i.L3Device = true, i.Device
	for f, gateway := range [...]netip.Addr{plan.IPv4: section.Gateway, plan.IPv6: section.IP6Gateway} {
		if err := k.fillRoutes(i, plan.Family(f), d.Index, gateway); err != nil {
			return err
		}
	}
	return nil
}

// fillRoutes adds the default routes of one family. A configured gateway wins
// over that of the kernel, or stands in for it.
func (k *Kernel) fillRoutes(i *netifd.Interface, f plan.Family, index int, gateway netip.Addr) error {
	routes, err := k.defaultRoutes(f, index)
	if err != nil {
		return err
	}
	switch {
	case !gateway.IsValid():
		i.Routes = append(i.Routes, routes...)
	case len(routes) > 0:
		routes[0].Nexthop = gateway
		i.Routes = append(i.Routes, routes[0])
	default:
		i.Inactive = append(i.Inactive, netifd.Route{Target: netip.PrefixFrom(unspecified(f), 0), Nexthop: gateway})
	}
	return nil
}

// defaultRoutes are those of the main table on a device, by metric.
func (k *Kernel) defaultRoutes(f plan.Family, index int) ([]netifd.Route, error) {
	routes, err := k.routesThat(f, routeFilter{table: plan.Main, index: index}, nil, func(r route) bool { return r.Default() && r.plain })
	if err != nil {
		return nil, err
	}
	var defaults []netifd.Route
	for _, r := range routes {
		defaults = append(defaults, netifd.Route{Target: r.Dst, Nexthop: r.Gateway, Metric: r.Metric})
	}
	return defaults, nil
}
