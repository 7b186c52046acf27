// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// blackHolePriority puts the rules of a black hole after local delivery and before main.
const blackHolePriority = 10

// BlackHole drops, without a word, all that the line carries beyond the
// provider's router, in both directions, and sends no error.
func (l *Lab) BlackHole(name string) ([]Event, error) {
	return l.change(name, func(s *state, n *line, i *Interface) ([]Event, error) {
		n.BlackHole = true
		for _, r := range blackHoleRules(n, s.sections(n)) {
			if err := addRule(l.Internet.Netlink, r); err != nil {
				return nil, err
			}
		}
		return nil, l.divertLAN(s, n, i)
	})
}

// Heal ends a black hole.
func (l *Lab) Heal(name string) ([]Event, error) {
	return l.change(name, func(s *state, n *line, _ *Interface) ([]Event, error) {
		n.BlackHole = false
		for _, r := range blackHoleRules(n, s.sections(n)) {
			if err := gone(l.Internet.Netlink.RuleDel(r)); err != nil {
				return nil, fmt.Errorf("rule %d: %w", r.Priority, err)
			}
		}
		return nil, l.restoreFar(s, n)
	})
}

// blackHoleRules drop what comes from the line and what goes to the subnets behind it.
func blackHoleRules(n *line, sections []*Interface) []*netlink.Rule {
	var rules []*netlink.Rule
	add := func(family int, to netip.Prefix) {
		r := netlink.NewRule()
		r.Priority, r.Type, r.Family = blackHolePriority, unix.FR_ACT_BLACKHOLE, family
		if to.IsValid() {
			r.Dst = ipNet(to.Masked())
		} else {
			r.IifName = n.Far
		}
		rules = append(rules, r)
	}
	add(unix.AF_INET, netip.Prefix{})
	add(unix.AF_INET6, netip.Prefix{})
	for _, g := range n.Gateways {
		family := unix.AF_INET
		if g.Is6() {
			family = unix.AF_INET6
		}
		add(family, netip.PrefixFrom(g, subnetBits(g)))
	}
	for _, i := range sections {
		if i.Prefix.IsValid() {
			add(unix.AF_INET6, i.Prefix)
		}
	}
	return rules
}

// divertLAN takes the way back to the LAN off a line: it has a subnet of its own.
func (l *Lab) divertLAN(s *state, n *line, i *Interface) error {
	if !s.LAN || n.Removed {
		return nil
	}
	link, err := l.Internet.Netlink.LinkByName(n.Far)
	if err != nil {
		return err
	}
	for _, a := range i.Addresses {
		if a.Addr().Is4() {
			r := &netlink.Route{LinkIndex: link.Attrs().Index, Dst: ipNet(lanPrefix.Masked()), Gw: a.Addr().AsSlice(), Priority: n.Number}
			return gone(l.Internet.Netlink.RouteDel(r))
		}
	}
	return nil
}
