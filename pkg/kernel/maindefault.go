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

// farAway are addresses to which few have a route: networks for benchmarks and
// documentation (RFC 2544, 5737), the discard prefix (RFC 6666) and the IPv6
// documentation prefixes (RFC 9637, 3849). The first of each family is outside of
// what VPNs claim instead of everything (2000::/3).
var farAway = [2][]netip.Addr{
	plan.IPv4: {
		netip.AddrFrom4([4]byte{198, 18, 0, 1}), netip.AddrFrom4([4]byte{203, 0, 113, 1}),
		netip.AddrFrom4([4]byte{192, 0, 2, 1}), netip.AddrFrom4([4]byte{198, 51, 100, 1}),
	},
	plan.IPv6: {
		netip.AddrFrom16([16]byte{0x01, 15: 1}), netip.AddrFrom16([16]byte{0x3f, 0xff, 15: 1}),
		netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 15: 1}),
	},
}

// mainDefault finds out who has the default route of the main table by a lookup of
// an address far away, which costs the same whatever the table holds. While there
// is a master list, a rule leads the mark of the question to main; else nobody's
// rule but a foreign one comes before it. rules are the managed ones that stand.
func (k *Kernel) mainDefault(f plan.Family, rules []plan.Rule) (plan.MainDefault, error) {
	marked := slices.ContainsFunc(rules, func(r plan.Rule) bool { return r.Family == f && r.Mark == plan.QueryMark })
	listed := slices.ContainsFunc(rules, func(r plan.Rule) bool {
		return r.Family == f && r.Priority == plan.PriorityList && r.Table != plan.Main
	})
	for _, dst := range farAway[f] {
		r, refused, err := k.matchedRoute(dst)
		switch {
		case errors.Is(err, unix.EAFNOSUPPORT), errors.Is(err, unix.EOPNOTSUPP):
			return plan.MainDefault{}, nil // a kernel without the family
		case err != nil:
			return plan.MainDefault{}, fmt.Errorf("who has the %s default route: %w", f, err)
		case refused:
			return plan.MainDefault{Known: true}, nil
		case r.Table != plan.Main:
			// The next rule answers: main has none, if main was asked.
			managed := slices.ContainsFunc(rules, func(own plan.Rule) bool { return own.Family == f && own.Table == r.Table })
			return plan.MainDefault{Known: marked && listed && managed}, nil
		case r.Dst.Bits() > 0:
			continue // somebody has a route to it
		case r.typ != unix.RTN_UNICAST:
			return plan.MainDefault{Known: true}, nil
		}
		hops, err := k.nexthops(&r)
		return plan.MainDefault{Known: true, Hops: hops, Metric: r.Metric}, err
	}
	return plan.MainDefault{}, nil
}

// matchedRoute asks for the route that a packet without source and device meets
// (RTM_F_FIB_MATCH). refused says that there is none, or one that refuses it.
func (k *Kernel) matchedRoute(dst netip.Addr) (r route, refused bool, err error) {
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
	body, err := join(header, ae)
	if err != nil {
		return r, false, err
	}
	err = k.answered(f, body, &r)
	if errno := unix.Errno(0); errors.As(err, &errno) && slices.Contains(refusals, errno) {
		return r, true, nil
	}
	return r, false, err
}
