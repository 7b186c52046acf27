// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// routeMTU is the MTU, in bytes, among the metrics of a route (RTAX_MTU), 0 if there is
// none.
func routeMTU(ad *netlink.AttributeDecoder) (mtu uint32) {
	ad.Nested(func(metrics *netlink.AttributeDecoder) error {
		for metrics.Next() {
			if metrics.Type() == unix.RTAX_MTU {
				mtu = metrics.Uint32()
			}
		}
		return nil
	})
	return mtu
}

// via reads struct rtvia, a gateway of the other family
// (include/uapi/linux/rtnetlink.h). One that is no IP address is the zero Addr.
func via(b []byte) netip.Addr {
	if len(b) < 2 {
		return netip.Addr{}
	}
	a, _ := netip.AddrFromSlice(b[2:])
	return a
}

func encodeVia(gateway netip.Addr) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(addressFamilies[plan.FamilyOf(gateway)]))
	return append(b, gateway.AsSlice()...)
}

// decodeHops reads the nexthops of a multipath route: a list of struct rtnexthop
// (include/uapi/linux/rtnetlink.h), each followed by its attributes.
func decodeHops(b []byte) ([]plan.Hop, error) {
	var hops []plan.Hop
	for len(b) >= unix.SizeofRtNexthop {
		length := int(binary.NativeEndian.Uint16(b))
		if length < unix.SizeofRtNexthop || length > len(b) {
			return nil, fmt.Errorf("nexthop of %d bytes in %d", length, len(b))
		}
		hop := plan.Hop{Index: int(binary.NativeEndian.Uint32(b[4:]))}
		ad, err := netlink.NewAttributeDecoder(b[unix.SizeofRtNexthop:length])
		if err != nil {
			return nil, err
		}
		for ad.Next() {
			switch ad.Type() {
			case unix.RTA_GATEWAY:
				hop.Gateway = address(ad)
			case unix.RTA_VIA:
				hop.Gateway = via(ad.Bytes())
			}
		}
		if err := ad.Err(); err != nil {
			return nil, err
		}
		hops = append(hops, hop)
		b = b[min((length+3)&^3, len(b)):]
	}
	return hops, nil
}

// nexthops are the nexthops of a route: its only one, the several of a multipath route,
// or those of the nexthop object that it names.
func (k *Kernel) nexthops(r *route) ([]plan.Hop, error) {
	switch {
	case len(r.hops) > 0:
		return r.hops, nil
	case r.Index == 0 && r.nexthop != 0:
		// With net.ipv4.nexthop_compat_mode 0 the route names the object alone.
		return k.nexthopObject(r.nexthop, maxGroupDepth)
	case r.Index == 0:
		return nil, nil // a blackhole
	}
	return []plan.Hop{{Index: r.Index, Gateway: r.Gateway}}, nil
}

// maxGroupDepth is how deep nexthop objects nest: a group has members, which are no
// groups (valid_group_nh in net/ipv4/nexthop.c).
const maxGroupDepth = 2

// Attributes of a nexthop object, and the size of struct nexthop_grp
// (include/uapi/linux/nexthop.h).
const (
	nhaID            = 1
	nhaGroup         = 2
	nhaOIF           = 5
	nhaGateway       = 6
	sizeofNhmsg      = 8
	sizeofNexthopGrp = 8
)

// nexthopObject reads the nexthops of a nexthop object, of a group those of its
// members. One that is gone has none.
func (k *Kernel) nexthopObject(id uint32, depth int) ([]plan.Hop, error) {
	if depth == 0 {
		return nil, nil
	}
	ae := netlink.NewAttributeEncoder()
	ae.Uint32(nhaID, id)
	body, err := join(make([]byte, sizeofNhmsg), ae)
	if err != nil {
		return nil, err
	}
	var hop plan.Hop
	var members []uint32
	err = k.route.get(unix.RTM_GETNEXTHOP, body, func(b []byte) error {
		_, ad, err := split(b, sizeofNhmsg)
		if err != nil {
			return err
		}
		for ad.Next() {
			switch ad.Type() {
			case nhaOIF:
				hop.Index = int(ad.Uint32())
			case nhaGateway:
				hop.Gateway = address(ad)
			case nhaGroup:
				for group := ad.Bytes(); len(group) >= sizeofNexthopGrp; group = group[sizeofNexthopGrp:] {
					members = append(members, binary.NativeEndian.Uint32(group))
				}
			}
		}
		return ad.Err()
	})
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.EOPNOTSUPP):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("nexthop %d: %w", id, err)
	case hop.Index != 0:
		return []plan.Hop{hop}, nil
	}
	var hops []plan.Hop
	for _, member := range members {
		more, err := k.nexthopObject(member, depth-1)
		if err != nil {
			return nil, err
		}
		hops = append(hops, more...)
	}
	return hops, nil
}
