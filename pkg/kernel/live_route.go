// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// Exception is a route of the main table. Type is its rtnetlink type
// (include/uapi/linux/rtnetlink.h).
type Exception struct {
	plan.Route
	Type uint8
}

// MainExceptions reads the routes of the main table that change where most of a
// family, or a single host, is reached: those that refuse all or half of the family, and
// those to a host of protocol static, which is what netifd uses.
func (k *Kernel) MainExceptions(f plan.Family) (all []Exception, err error) {
	wide := func(r *route) bool { return r.Dst.Bits() <= 1 }
	host := func(r *route) bool { return r.Dst.IsSingleIP() }
	filter := routeFilter{table: plan.Main}
	for _, typ := range []uint8{unix.RTN_BLACKHOLE, unix.RTN_UNREACHABLE, unix.RTN_PROHIBIT, unix.RTN_UNICAST} {
		wanted := wide
		if typ == unix.RTN_UNICAST {
			filter.protocol, wanted = unix.RTPROT_STATIC, host
		}
		routes, err := k.liveRoutes(f, filter, typ, wanted)
		for i := 0; i < len(routes) && err == nil; i++ {
			r := &routes[i]
			r.Device, err = k.DeviceName(r.Index)
			all = append(all, Exception{Route: r.Route, Type: typ})
		}
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// LeadsEverywhere reports whether a table has routes that take everything: a default
// route, or those by which a VPN covers a family in parts. Those of a device without a
// carrier do not count.
func (k *Kernel) LeadsEverywhere(f plan.Family, table uint32) (bool, error) {
	routes, err := k.liveRoutes(f, routeFilter{table: table}, 0, func(r *route) bool { return r.Dst.Bits() <= plan.DefaultLikeBits })
	return len(routes) > 0, err
}

// liveRoutes lists some routes, of one type unless that is 0, without those whose device has no
// carrier. The kernel itself leaves out all others by their table, type and protocol
// (ip_valid_fib_dump_req in net/ipv4/fib_frontend.c), so that a long table is walked
// but not sent.
func (k *Kernel) liveRoutes(f plan.Family, filter routeFilter, typ uint8, wanted func(*route) bool) ([]route, error) {
	header := make([]byte, unix.SizeofRtMsg)
	header[0], header[5], header[7] = addressFamilies[f], filter.protocol, typ
	ae := netlink.NewAttributeEncoder()
	ae.Uint32(unix.RTA_TABLE, filter.table)
	body, err := join(header, ae)
	if err != nil {
		return nil, err
	}
	more := 0 // than anybody needs
	routes, err := dump(k.route, unix.RTM_GETROUTE, body, &more, func(b []byte) (route, bool, error) {
		r, ok, err := decodeRoute(b)
		return r, ok && r.Family == f && r.Table == filter.table && (filter.protocol == 0 || r.protocol == filter.protocol) && (typ == 0 || b[7] == typ) &&
			binary.NativeEndian.Uint32(b[8:])&(unix.RTNH_F_DEAD|unix.RTNH_F_LINKDOWN) == 0 && wanted(&r), err
	})
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return nil, fmt.Errorf("%s routes of table %d: %w", f, filter.table, err)
	}
	return routes, nil
}
