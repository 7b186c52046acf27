// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
)

// ChangeAddress gives an interface another address in the subnet of the one it
// replaces. Static: the configuration was changed and reloaded, which bounces the
// interface. DHCP: the lease changed in place, which is an ifupdate; the device
// keeps its routes in other tables, unless promote_secondaries is 0.
func (l *Lab) ChangeAddress(name string, to netip.Prefix) ([]Event, error) {
	return l.change(name, func(s *state, n *line, _ *Interface) ([]Event, error) {
		same := func(a netip.Prefix) bool { return a.Masked() == to.Masked() }
		i := s.section(n, func(i *Interface) bool { return slices.ContainsFunc(i.Addresses, same) })
		at := slices.IndexFunc(i.Addresses, same)
		if at < 0 {
			return nil, fmt.Errorf("%s has no address in the subnet of %s", name, to)
		}
		return l.reconfigure(s, n, i, []string{"ADDRESSES", "ROUTES"}, func() { i.Addresses[at] = to })
	})
}

// ChangeRouter moves the provider's router of a line to another address. Static:
// the configuration follows, which bounces the interface. DHCP: the renewal
// replaces the default route, and netifd says nothing.
func (l *Lab) ChangeRouter(name string, to netip.Addr) ([]Event, error) {
	return l.change(name, func(s *state, n *line, _ *Interface) ([]Event, error) {
		same := func(a netip.Addr) bool { return a.Is4() == to.Is4() }
		i := s.section(n, func(i *Interface) bool { return slices.ContainsFunc(i.Gateways, same) })
		near, far := slices.IndexFunc(i.Gateways, same), slices.IndexFunc(n.Gateways, same)
		if near < 0 || far < 0 {
			return nil, fmt.Errorf("%s has no router in the family of %s", name, to)
		}
		link, err := l.Internet.Netlink.LinkByName(n.Far)
		if err != nil {
			return nil, err
		}
		old := netip.PrefixFrom(n.Gateways[far], subnetBits(to))
		n.Gateways[far] = to
		if err := errors.Join(l.restoreFar(s, n), gone(l.Internet.Netlink.AddrDel(link, &netlink.Addr{IPNet: ipNet(old)}))); err != nil {
			return nil, err
		}
		// The old address took the routes that named it along.
		if err := l.restoreFar(s, n); err != nil {
			return nil, err
		}
		return l.reconfigure(s, n, i, nil, func() { i.Gateways[near] = to })
	})
}

// ChangeMetric changes the metric in the configuration and reloads: netifd adds
// the address again, which empties other tables of the device, and says nothing.
func (l *Lab) ChangeMetric(name string, metric int) ([]Event, error) {
	return l.change(name, func(s *state, _ *line, i *Interface) ([]Event, error) {
		was := i.Since
		if err := l.ifdown(s, i); err != nil {
			return nil, err
		}
		i.Metric = metric
		err := l.ifup(s, i)
		i.Since = was
		return nil, err
	})
}

// reconfigure changes an interface the way its protocol does: a static one goes
// down and up (its device with it), a lease is applied in place, with an ifupdate
// of the given words if there are any.
func (l *Lab) reconfigure(s *state, n *line, i *Interface, updates []string, change func()) ([]Event, error) {
	old := *i
	old.Addresses, old.Gateways = slices.Clone(i.Addresses), slices.Clone(i.Gateways)
	change()
	if !i.Up || n.Removed {
		return nil, l.restoreFar(s, n)
	}
	if i.Proto != "static" {
		if err := errors.Join(l.restoreFar(s, n), l.renew(s, &old, i)); err != nil || len(updates) == 0 {
			return nil, err
		}
		return []Event{i.event("ifupdate", updates...)}, nil
	}
	if err := errors.Join(l.ifdown(s, &old), l.bounce(i.l3()), l.restoreFar(s, n)); err != nil {
		return nil, err
	}
	if err := errors.Join(l.ifup(s, i), l.awaitCarrier(n)); err != nil {
		return nil, err
	}
	return []Event{i.event("ifdown"), i.event("ifup")}, nil
}

func (l *Lab) bounce(device string) error {
	link, err := l.Router.Netlink.LinkByName(device)
	if err != nil {
		return err
	}
	return errors.Join(l.Router.Netlink.LinkSetDown(link), l.Router.Netlink.LinkSetUp(link))
}

// DeleteAddress deletes an address of the router without netifd, which does
// not notice.
func (l *Lab) DeleteAddress(name string, address netip.Prefix) ([]Event, error) {
	return l.change(name, func(_ *state, n *line, _ *Interface) ([]Event, error) {
		link, err := l.Router.Netlink.LinkByName(n.Device)
		if err != nil {
			return nil, err
		}
		return nil, l.Router.Netlink.AddrDel(link, &netlink.Addr{IPNet: ipNet(address)})
	})
}
