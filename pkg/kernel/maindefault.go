// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// remoteAddrs are addresses to which few networks have a route of their own: those for
// benchmarks and documentation (RFC 2544, RFC 5737), the discard prefix (RFC 6666), and
// the IPv6 documentation prefixes (RFC 9637, RFC 3849). The first of IPv6 is outside
// 2000::/3, which some VPNs claim in place of a default route.
var remoteAddrs = [2][]string{
	plan.IPv4: {"198.18.0.1", "203.0.113.1", "192.0.2.1", "198.51.100.1"},
	plan.IPv6: {"100::1", "3fff::1", "2001:db8::1"},
}

// mainDefault finds out who has the main table's default route by a lookup of a
// far-away address, which costs the same however many routes the table holds. While a
// line of the family is a master, a rule leads the mark of the lookup to main; without
// that rule there is no master list either, and only a foreign rule can answer before
// main. rules are the managed ones that the kernel has.
func (k *Kernel) mainDefault(f plan.Family, rules []plan.Rule) (plan.MainDefault, error) {
	r, known, err := k.defaultOfMain(f, 0, rules)
	if err != nil || r == nil {
		return plan.MainDefault{Known: known}, err
	}
	hops, err := k.nexthops(r)
	return plan.MainDefault{Known: true, Hops: hops, Metric: r.Metric}, err
}

// defaultOfMain is the default route of the main table, or the one by the device with
// an index that is not 0; nil if there is none. known reports whether main could be
// asked.
func (k *Kernel) defaultOfMain(f plan.Family, index int, rules []plan.Rule) (_ *route, known bool, err error) {
	marked := slices.ContainsFunc(rules, func(r plan.Rule) bool { return r.Family == f && r.Mark == plan.QueryMark })
	for _, dst := range remoteAddrs[f] {
		r, refused, err := k.matchedRoute(netip.MustParseAddr(dst), index)
		switch {
		case errors.Is(err, unix.EAFNOSUPPORT), errors.Is(err, unix.EOPNOTSUPP):
			return nil, false, nil // a kernel without the family
		case err != nil:
			return nil, false, fmt.Errorf("the %s default route of the main table: %w", f, err)
		case refused:
			return nil, true, nil
		case r.Table != plan.Main:
			// A later rule has answered: main has none, if it was asked.
			managed := slices.ContainsFunc(rules, func(own plan.Rule) bool { return own.Family == f && own.Table == r.Table })
			return nil, marked && managed, nil
		case r.Dst.Bits() > 0:
			continue // main has a route to it: the next one
		case r.typ != unix.RTN_UNICAST:
			return nil, true, nil
		}
		return &r, true, nil
	}
	return nil, false, nil
}

// onLink reports whether the main table has the network of an address on the link of
// its device.
func (k *Kernel) onLink(a *plan.Address) (bool, error) {
	network := a.Prefix.Masked()
	neighbour := network.Addr().Next()
	if neighbour == a.Prefix.Addr() {
		neighbour = neighbour.Next()
	}
	r, refused, err := k.matchedRoute(neighbour, 0)
	if err != nil {
		return false, fmt.Errorf("the route to %s: %w", network, err)
	}
	return !refused && r.Table == plan.Main && r.Dst == network && r.Index == a.Index && !r.Gateway.IsValid(), nil
}

// matchedRoute looks up the route that a packet with plan.QueryMark and without a
// source matches (RTM_F_FIB_MATCH), bound to a device unless index is 0. refused
// reports that it matches none, or one that refuses it.
func (k *Kernel) matchedRoute(dst netip.Addr, index int) (r route, refused bool, err error) {
	f := plan.FamilyOf(dst)
	header := make([]byte, unix.SizeofRtMsg)
	header[0], header[1] = addressFamilies[f], uint8(dst.BitLen())
	flags := uint32(unix.RTM_F_FIB_MATCH)
	if f == plan.IPv4 {
		flags |= unix.RTM_F_LOOKUP_TABLE
	}
	binary.NativeEndian.PutUint32(header[8:], flags)
	ae := netlink.NewAttributeEncoder()
	ae.Bytes(unix.RTA_DST, dst.AsSlice())
	ae.Uint32(unix.RTA_MARK, plan.QueryMark)
	if index != 0 {
		ae.Uint32(unix.RTA_OIF, uint32(index))
	}
	body, err := join(header, ae)
	if err != nil {
		return r, false, err
	}
	err = k.answered(body, &r)
	if refusal(err) != 0 {
		return r, true, nil
	}
	return r, false, err
}
