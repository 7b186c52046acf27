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

// rtaNHID names a nexthop object (RTA_NH_ID, include/uapi/linux/rtnetlink.h).
const rtaNHID = 30

// routeFilter says which routes the kernel puts into a dump; zero values ask
// for all of them.
type routeFilter struct {
	family   uint8 // AF_UNSPEC: both
	table    uint32
	index    int
	protocol uint8
}

// route is a route as the kernel has it.
type route struct {
	plan.Route
	protocol uint8
	// typ is RTN_* (include/uapi/linux/rtnetlink.h).
	typ uint8
	// plain says that Route is all there is to it: it is unicast with one nexthop
	// of its own, or a throw.
	plain bool
	// hops are the nexthops of a route that has several, nexthop the number of the
	// nexthop object that it names.
	hops    []plan.Hop
	nexthop uint32
}

// managed reports whether a run may change or delete it.
func (r *route) managed() bool { return r.protocol == plan.Protocol && r.plain }

// routes dumps routes. A table that does not exist, and a device that
// does not, have none. The names of the devices are not filled in.
func (k *Kernel) routes(filter routeFilter) ([]route, error) {
	return k.routesThat(filter, nil, func(route) bool { return true })
}

// routesThat keeps only some of them: a foreign table may hold any number. For
// more see dump.
func (k *Kernel) routesThat(filter routeFilter, more *int, wanted func(route) bool) ([]route, error) {
	header := make([]byte, unix.SizeofRtMsg)
	header[0], header[5] = filter.family, filter.protocol
	ae := netlink.NewAttributeEncoder()
	if filter.table != 0 {
		ae.Uint32(unix.RTA_TABLE, filter.table)
	}
	if filter.index != 0 {
		ae.Uint32(unix.RTA_OIF, uint32(filter.index))
	}
	body, err := join(header, ae)
	if err != nil {
		return nil, err
	}
	all, err := dump(k.route, unix.RTM_GETROUTE, body, more, func(b []byte) (route, bool, error) {
		r, ok, err := decodeRoute(b)
		// A kernel that does not know a filter sends everything.
		ok = ok && either(filter.family, r.Family) && (filter.table == 0 || r.Table == filter.table) &&
			(filter.protocol == 0 || r.protocol == filter.protocol) &&
			(filter.index == 0 || r.Index == 0 || r.Index == filter.index) && wanted(r)
		return r, ok, err
	})
	switch {
	case errors.Is(err, unix.ENOENT), filter.index != 0 && errors.Is(err, unix.ENODEV):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("routes of table %d: %w", filter.table, err)
	}
	return all, nil
}

// decodeRoute reads struct rtmsg and its attributes. ok is false for a route
// of another family, a cached one, and one for some type of service or source
// prefix only: such a route is none of the managed ones.
func decodeRoute(b []byte) (r route, ok bool, err error) {
	header, ad, err := split(b, unix.SizeofRtMsg)
	if err != nil {
		return r, false, err
	}
	flags := binary.NativeEndian.Uint32(header[8:])
	f, ok := familyOf(header)
	if !ok || header[2] != 0 || header[3] != 0 || flags&unix.RTM_F_CLONED != 0 {
		return r, false, nil
	}
	r.Family, r.Table, r.protocol, r.typ = f, uint32(header[4]), header[5], header[7]
	r.Throw = r.typ == unix.RTN_THROW
	r.plain = r.typ == unix.RTN_UNICAST || r.Throw
	r.OnLink = flags&unix.RTNH_F_ONLINK != 0
	dst := unspecified(f)
	for ad.Next() {
		switch ad.Type() {
		case unix.RTA_DST:
			dst = address(ad)
		case unix.RTA_GATEWAY:
			r.Gateway = address(ad)
		case unix.RTA_OIF:
			r.Index = int(ad.Uint32())
		case unix.RTA_PREFSRC:
			r.Src = address(ad)
		case unix.RTA_PRIORITY:
			r.Metric = ad.Uint32()
		case unix.RTA_TABLE:
			r.Table = ad.Uint32()
		case unix.RTA_VIA:
			r.Gateway = via(ad.Bytes())
			r.plain = r.plain && r.Gateway.IsValid()
		case unix.RTA_METRICS:
			r.MTU = routeMTU(ad)
		case unix.RTA_MULTIPATH:
			r.plain = false
			r.hops, err = decodeHops(ad.Bytes())
			if err != nil {
				return r, false, err
			}
		case rtaNHID:
			r.plain, r.nexthop = false, ad.Uint32()
		}
	}
	if r.Throw {
		r.Index = 0 // IPv6 says the loopback device
	}
	r.Dst = netip.PrefixFrom(dst, int(header[1])).Masked()
	return r, true, ad.Err()
}

func unspecified(f plan.Family) netip.Addr {
	if f == plan.IPv4 {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}

func encodeRoute(r plan.Route, scope uint8) ([]byte, error) {
	header := make([]byte, unix.SizeofRtMsg)
	header[0], header[1] = addressFamilies[r.Family], uint8(r.Dst.Bits())
	header[5], header[6], header[7] = plan.Protocol, scope, unix.RTN_UNICAST
	if r.Throw {
		header[7] = unix.RTN_THROW
	}
	if r.OnLink {
		binary.NativeEndian.PutUint32(header[8:], unix.RTNH_F_ONLINK)
	}
	ae := netlink.NewAttributeEncoder()
	if r.Dst.Bits() > 0 {
		ae.Bytes(unix.RTA_DST, r.Dst.Addr().AsSlice())
	}
	switch {
	case r.Gateway.IsValid() && plan.FamilyOf(r.Gateway) != r.Family:
		ae.Bytes(unix.RTA_VIA, encodeVia(r.Gateway))
	case r.Gateway.IsValid():
		ae.Bytes(unix.RTA_GATEWAY, r.Gateway.AsSlice())
	}
	if r.Src.IsValid() {
		ae.Bytes(unix.RTA_PREFSRC, r.Src.AsSlice())
	}
	if r.Metric != 0 {
		ae.Uint32(unix.RTA_PRIORITY, r.Metric)
	}
	if r.MTU != 0 {
		ae.Nested(unix.RTA_METRICS, func(metrics *netlink.AttributeEncoder) error {
			metrics.Uint32(unix.RTAX_MTU, r.MTU)
			return nil
		})
	}
	if !r.Throw {
		ae.Uint32(unix.RTA_OIF, uint32(r.Index))
	}
	ae.Uint32(unix.RTA_TABLE, r.Table)
	return join(header, ae)
}

// scope is how far away the destination is: the kernel refuses a gateway for
// one on the link. IPv6 knows no scopes of routes.
func scope(r plan.Route) uint8 {
	if r.Family == plan.IPv4 && !r.Gateway.IsValid() && !r.Throw {
		return unix.RT_SCOPE_LINK
	}
	return unix.RT_SCOPE_UNIVERSE
}

// putRoute adds a route, with Excl, or puts it in the place of the one with the
// same destination and metric, with Replace. The same route already there is
// no error.
//
// Both families answer EEXIST to an exclusive add if a route of that
// destination and metric is there, whoever made it and whatever its gateway
// (fib_table_insert in net/ipv4/fib_trie.c, fib6_add_rt2node in
// net/ipv6/ip6_fib.c). Without Excl, IPv6 would make one multipath route of
// the two.
func (k *Kernel) putRoute(r plan.Route, flag netlink.HeaderFlags) error {
	body, err := encodeRoute(r, scope(r))
	if err != nil {
		return err
	}
	err = k.route.write(unix.RTM_NEWROUTE, netlink.Create|flag, body)
	if !errors.Is(err, unix.EEXIST) {
		return err
	}
	there, dumpErr := k.routes(routeFilter{family: addressFamilies[r.Family], table: r.Table, protocol: plan.Protocol})
	if dumpErr != nil {
		return errors.Join(err, dumpErr)
	}
	want := r
	want.Device = ""
	if slices.ContainsFunc(there, func(t route) bool { return t.plain && t.Route == want }) {
		return nil
	}
	return err
}

// deleteRoute deletes a managed route; one that is gone is no error.
func (k *Kernel) deleteRoute(r plan.Route) error {
	// In a request to delete, IPv4 takes this scope for any.
	body, err := encodeRoute(r, unix.RT_SCOPE_NOWHERE)
	if err != nil {
		return err
	}
	err = k.route.write(unix.RTM_DELROUTE, 0, body)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	return err
}

// OwnTables lists, by family, all tables that hold routes of protocol 77, in
// no particular order. The kernel walks every route of the namespace for it.
func (k *Kernel) OwnTables() ([2][]uint32, error) {
	var tables [2][]uint32
	routes, err := k.routes(routeFilter{protocol: plan.Protocol})
	for _, r := range routes {
		if all := &tables[r.Family]; !slices.Contains(*all, r.Table) {
			*all = append(*all, r.Table)
		}
	}
	return tables, err
}
