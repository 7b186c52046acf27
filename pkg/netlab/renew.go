// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"errors"
	"fmt"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// renew does to the kernel what netifd does when a lease says something new: what
// is new comes first, and then the old goes. The kernel may take more along: with
// promote_secondaries 0 a new address in the subnet of the old one goes with it,
// and netifd, which does not look, still reports it.
func (l *Lab) renew(s *state, old, i *Interface) error {
	link, err := l.Router.Netlink.LinkByName(i.l3())
	if err != nil {
		return err
	}
	for _, a := range i.Addresses {
		if !slices.Contains(old.Addresses, a) {
			if err := l.addAddress(s, i, link, a); err != nil {
				return fmt.Errorf("%s: address %s: %w", i.Name, a, err)
			}
		}
	}
	var problems []error
	for _, a := range old.Addresses {
		if slices.Contains(i.Addresses, a) {
			continue
		}
		problems = append(problems, gone(l.Router.Netlink.AddrDel(link, &netlink.Addr{IPNet: ipNet(a)})))
		for _, r := range addressRules(a, i.table(a.Addr())) {
			problems = append(problems, gone(l.Router.Netlink.RuleDel(r)))
		}
	}
	for _, r := range i.routes() {
		if !i.active(r) {
			continue
		}
		err := l.replaceRoute(i, link, r)
		// The address that it needs may be one of those that went.
		if !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENETUNREACH) {
			problems = append(problems, err)
		}
	}
	for _, r := range old.routes() {
		if !slices.Contains(i.routes(), r) {
			problems = append(problems, gone(l.deleteRoute(old, link, r)))
		}
	}
	return errors.Join(problems...)
}
