// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Priorities of the rules that netifd keeps for ip4table and ip6table
// (netifd, iprule.h).
const (
	priorityAddress = 10000
	prioritySubnet  = 20000
	priorityLocal   = 90000
)

// ifup does to the router's kernel what netifd does when i comes up.
func (l *Lab) ifup(s *state, i *Interface) error {
	link, err := l.Router.Netlink.LinkByName(i.l3())
	if err != nil {
		return fmt.Errorf("%s: device %s: %w", i.Name, i.l3(), err)
	}
	if err := l.Router.Netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("%s: set %s up: %w", i.Name, i.l3(), err)
	}
	for _, a := range i.Addresses {
		if err := l.addAddress(s, i, link, a); err != nil {
			return fmt.Errorf("%s: address %s: %w", i.Name, a, err)
		}
	}
	for _, r := range i.routes() {
		if !i.active(r) {
			continue
		}
		if err := l.replaceRoute(i, link, r); err != nil {
			return fmt.Errorf("%s: route to %s: %w", i.Name, r.Target, err)
		}
	}
	if i.IP4Table != 0 {
		if err := addRule(l.Router.Netlink, localRule(i, link)); err != nil {
			return fmt.Errorf("%s: %w", i.Name, err)
		}
	}
	if i.Prefix.IsValid() {
		if err := l.delegate(s, i); err != nil {
			return fmt.Errorf("%s: delegated prefix %s: %w", i.Name, i.Prefix, err)
		}
	}
	i.Up, i.Since = true, time.Now()
	return nil
}

// addAddress adds one address. With a metric or a table of its own, netifd takes
// the kernel's connected route away and writes one of protocol static.
func (l *Lab) addAddress(s *state, i *Interface, link netlink.Link, a netip.Prefix) error {
	address := &netlink.Addr{IPNet: ipNet(a)}
	if a.Addr().Is6() && !s.DAD {
		address.Flags = unix.IFA_F_NODAD
	}
	if a.Addr().Is4() && i.Peer.IsValid() {
		address.Peer = ipNet(netip.PrefixFrom(i.Peer, a.Bits()))
	}
	if err := l.Router.Netlink.AddrReplace(link, address); err != nil {
		return err
	}
	table := i.table(a.Addr())
	if i.Metric == 0 && table == 0 || a.IsSingleIP() {
		return nil
	}
	connected := &netlink.Route{LinkIndex: link.Attrs().Index, Dst: ipNet(a.Masked()), Protocol: unix.RTPROT_KERNEL, Scope: netlink.SCOPE_LINK}
	if a.Addr().Is6() {
		connected.Scope = netlink.SCOPE_UNIVERSE
	}
	if err := l.Router.Netlink.RouteDel(connected); err != nil && !errors.Is(err, unix.ESRCH) {
		return err
	}
	if err := l.Router.Netlink.RouteReplace(kernelRoute(i, link, Route{Target: a.Masked()})); err != nil {
		return err
	}
	for _, r := range addressRules(a, table) {
		if err := addRule(l.Router.Netlink, r); err != nil {
			return err
		}
	}
	return nil
}

// ifdown does to the kernel what netifd does when i goes down: what it added
// goes, whatever else is on the device stays, but for what the kernel itself
// takes along. The device stays as it is: release is for that.
func (l *Lab) ifdown(s *state, i *Interface) error {
	i.Up = false
	link, err := l.Router.Netlink.LinkByName(i.l3())
	if err != nil {
		var missing netlink.LinkNotFoundError
		if errors.As(err, &missing) {
			return l.ifdownRules(i, nil)
		}
		return fmt.Errorf("%s: device %s: %w", i.Name, i.l3(), err)
	}
	var problems []error
	for _, a := range i.Addresses {
		if i.Metric != 0 || i.table(a.Addr()) != 0 {
			problems = append(problems, gone(l.Router.Netlink.RouteDel(kernelRoute(i, link, Route{Target: a.Masked()}))))
		}
		problems = append(problems, gone(l.Router.Netlink.AddrDel(link, &netlink.Addr{IPNet: ipNet(a)})))
	}
	for _, r := range i.routes() {
		problems = append(problems, gone(l.deleteRoute(i, link, r)))
	}
	problems = append(problems, l.ifdownRules(i, link))
	if i.Prefix.IsValid() {
		problems = append(problems, l.withdraw(s, i))
	}
	return errors.Join(problems...)
}

// ifdownRules removes the rules of ip4table and ip6table.
func (l *Lab) ifdownRules(i *Interface, link netlink.Link) error {
	var rules []*netlink.Rule
	for _, a := range i.Addresses {
		rules = append(rules, addressRules(a, i.table(a.Addr()))...)
	}
	if i.IP4Table != 0 && link != nil {
		rules = append(rules, localRule(i, link))
	}
	var problems []error
	for _, r := range rules {
		problems = append(problems, gone(l.Router.Netlink.RuleDel(r)))
	}
	return errors.Join(problems...)
}

// kernelRoute writes a route as netifd's system_rt does: protocol static, the
// interface's metric and table, and in IPv4 its source as the preferred one.
func kernelRoute(i *Interface, link netlink.Link, r Route) *netlink.Route {
	k := &netlink.Route{
		LinkIndex: link.Attrs().Index,
		Dst:       ipNet(r.Target),
		Protocol:  unix.RTPROT_STATIC,
		Priority:  i.Metric,
		Table:     i.table(r.Target.Addr()),
		Scope:     netlink.SCOPE_LINK,
	}
	if r.Via.IsValid() && !r.Via.IsUnspecified() {
		k.Gw, k.Scope = r.Via.AsSlice(), netlink.SCOPE_UNIVERSE
	}
	if r.Target.Addr().Is6() {
		k.Scope = netlink.SCOPE_UNIVERSE
	}
	if r.Source.IsValid() && r.Source.Addr().Is4() {
		k.Src = r.Source.Addr().AsSlice()
	}
	return k
}

// replaceRoute writes a route. The library has no source of IPv6 routes, hence ip(8).
func (l *Lab) replaceRoute(i *Interface, link netlink.Link, r Route) error {
	if !r.Source.IsValid() || r.Source.Addr().Is4() {
		return l.Router.Netlink.RouteReplace(kernelRoute(i, link, r))
	}
	return l.sourceRoute("replace", i, r)
}

func (l *Lab) deleteRoute(i *Interface, link netlink.Link, r Route) error {
	if !r.Source.IsValid() || r.Source.Addr().Is4() {
		return l.Router.Netlink.RouteDel(kernelRoute(i, link, r))
	}
	if err := l.sourceRoute("del", i, r); !strings.Contains(fmt.Sprint(err), "No such process") {
		return err
	}
	return unix.ESRCH
}

func (l *Lab) sourceRoute(do string, i *Interface, r Route) error {
	words := []string{"-6", "route", do, r.Target.String(), "from", r.Source.String(), "via", r.Via.String(), "dev", i.l3(),
		"metric", strconv.Itoa(cmp.Or(i.Metric, 1024)), "proto", "static"}
	if table := i.table(r.Target.Addr()); table != 0 {
		words = append(words, "table", strconv.Itoa(table))
	}
	ctx, cancel := context.WithTimeout(context.Background(), ipTimeout)
	defer cancel()
	text, err := l.Router.Output(ctx, "ip", words...)
	if err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(words, " "), err, text)
	}
	return nil
}

// ipTimeout bounds a call of ip(8).
const ipTimeout = 10 * time.Second

func addressRules(a netip.Prefix, table int) []*netlink.Rule {
	if table == 0 {
		return nil
	}
	from, to := netlink.NewRule(), netlink.NewRule()
	from.Priority, from.Table, from.Src = priorityAddress, table, ipNet(netip.PrefixFrom(a.Addr(), a.Addr().BitLen()))
	to.Priority, to.Table, to.Dst = prioritySubnet, table, ipNet(a)
	return []*netlink.Rule{from, to}
}

func localRule(i *Interface, link netlink.Link) *netlink.Rule {
	r := netlink.NewRule()
	r.Priority, r.Table, r.IifName, r.Family = priorityLocal+link.Attrs().Index, int(i.IP4Table), "lo", unix.AF_INET
	return r
}

// addRule adds a rule unless it is there: the lab may bring an interface up twice.
func addRule(h *netlink.Handle, r *netlink.Rule) error {
	if err := h.RuleAdd(r); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("rule %d: %w", r.Priority, err)
	}
	return nil
}

// gone makes an object that is missing already no error, as it is none to netifd.
func gone(err error) error {
	for _, missing := range []error{unix.ESRCH, unix.ENOENT, unix.EADDRNOTAVAIL, unix.ENODEV} {
		if errors.Is(err, missing) {
			return nil
		}
	}
	return err
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
