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

// routeMTU is the MTU among the metrics of a route, 0 where there is none.
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

// via reads struct rtvia: a gateway of another family
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

// decodeHops reads the list of struct rtnexthop, each with its attributes behind
// it, of a route with several nexthops.
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

// nexthops are where a route leads: by its own nexthop, by several, or by those of
// the nexthop object that it names.
func (k *Kernel) nexthops(r *route) ([]plan.Hop, error) {
	switch {
	case len(r.hops) > 0:
		return r.hops, nil
	case r.Index == 0 && r.nexthop != 0:
		// net.ipv4.nexthop_compat_mode is 0: the route names the object only.
		return k.nexthopObject(r.nexthop, maxGroupDepth)
	case r.Index == 0:
		return nil, nil // a blackhole
	}
	return []plan.Hop{{Index: r.Index, Gateway: r.Gateway}}, nil
}

// maxGroupDepth bounds groups of groups, which the kernel does not have
// (valid_group_nh in net/ipv4/nexthop.c).
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

// nexthopObject asks for a nexthop object. One that is gone leads nowhere.
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
