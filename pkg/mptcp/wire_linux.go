// SPDX-License-Identifier: Apache-2.0

package mptcp

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// The family's name, version and numbers: include/uapi/linux/mptcp_pm.h.
const (
	familyName    = "mptcp_pm"
	familyVersion = 1

	cmdAddAddr   = 1
	cmdDelAddr   = 2
	cmdGetAddr   = 3
	cmdSetLimits = 5
	cmdGetLimits = 6
	cmdSetFlags  = 7

	attrAddr        = 1
	attrRcvAddAddrs = 2
	attrSubflows    = 3

	addrAttrFamily  = 1
	addrAttrID      = 2
	addrAttrAddr4   = 3
	addrAttrAddr6   = 4
	addrAttrPort    = 5
	addrAttrFlags   = 6
	addrAttrIfIndex = 7
)

// nested wraps the attributes that fill writes into the address attribute of a
// request.
func nested(fill func(*netlink.AttributeEncoder)) ([]byte, error) {
	ae := netlink.NewAttributeEncoder()
	ae.Nested(attrAddr, func(nae *netlink.AttributeEncoder) error {
		fill(nae)
		return nil
	})
	return ae.Encode()
}

// plainAddr is an address that an endpoint can have.
func plainAddr(addr netip.Addr) (netip.Addr, error) {
	if !addr.IsValid() || addr.Zone() != "" {
		return addr, fmt.Errorf("address without zone expected: %w", unix.EINVAL)
	}
	return addr.Unmap(), nil
}

func encodeAddr(ae *netlink.AttributeEncoder, addr netip.Addr) {
	if addr.Is4() {
		ae.Uint16(addrAttrFamily, unix.AF_INET)
		ae.Bytes(addrAttrAddr4, addr.AsSlice())
	} else {
		ae.Uint16(addrAttrFamily, unix.AF_INET6)
		ae.Bytes(addrAttrAddr6, addr.AsSlice())
	}
}

func encodeEndpoint(e Endpoint) ([]byte, error) {
	addr, err := plainAddr(e.Addr)
	if err != nil {
		return nil, err
	}
	return nested(func(ae *netlink.AttributeEncoder) {
		encodeAddr(ae, addr)
		// An id attribute of 0 does not make the kernel choose: it adds an
		// endpoint with id 0, which can never be deleted by id.
		if e.ID != 0 {
			ae.Uint8(addrAttrID, e.ID)
		}
		if e.Port != 0 {
			ae.Uint16(addrAttrPort, e.Port)
		}
		if e.IfIndex != 0 {
			ae.Int32(addrAttrIfIndex, int32(e.IfIndex))
		}
		ae.Uint32(addrAttrFlags, uint32(e.Flags))
	})
}

func encodeID(id uint8) ([]byte, error) {
	return nested(func(ae *netlink.AttributeEncoder) {
		ae.Uint8(addrAttrID, id)
	})
}

// encodeZero names an address by the id that it has in connections that began
// from it.
func encodeZero(addr netip.Addr) ([]byte, error) {
	addr, err := plainAddr(addr)
	if err != nil {
		return nil, err
	}
	return nested(func(ae *netlink.AttributeEncoder) {
		encodeAddr(ae, addr)
		ae.Uint8(addrAttrID, 0)
	})
}

func encodeFlags(id uint8, flags Flags) ([]byte, error) {
	return nested(func(ae *netlink.AttributeEncoder) {
		ae.Uint8(addrAttrID, id)
		ae.Uint32(addrAttrFlags, uint32(flags))
	})
}

func encodeLimits(l Limits) ([]byte, error) {
	ae := netlink.NewAttributeEncoder()
	ae.Uint32(attrRcvAddAddrs, l.AddAddrAccepted)
	ae.Uint32(attrSubflows, l.Subflows)
	return ae.Encode()
}

// payload returns the attributes of a reply.
func payload(m netlink.Message) ([]byte, error) {
	var gm genetlink.Message
	if err := gm.UnmarshalBinary(m.Data); err != nil {
		return nil, err
	}
	return gm.Data, nil
}

// decodeEndpoint reads the attributes of one message of an endpoint dump.
func decodeEndpoint(b []byte) (Endpoint, error) {
	ad, err := netlink.NewAttributeDecoder(b)
	if err != nil {
		return Endpoint{}, err
	}
	var (
		e     Endpoint
		found bool
	)
	for ad.Next() {
		if ad.Type() == attrAddr {
			found = true
			ad.Nested(func(nad *netlink.AttributeDecoder) error {
				e, err = decodeAddr(nad)
				return err
			})
		}
	}
	if err := ad.Err(); err != nil {
		return Endpoint{}, err
	}
	if !found {
		return Endpoint{}, errors.New("endpoint message without address attribute")
	}
	return e, nil
}

func decodeAddr(ad *netlink.AttributeDecoder) (Endpoint, error) {
	var (
		e      Endpoint
		family uint16
		raw    []byte
	)
	for ad.Next() {
		switch ad.Type() {
		case addrAttrFamily:
			family = ad.Uint16()
		case addrAttrID:
			e.ID = ad.Uint8()
		case addrAttrAddr4, addrAttrAddr6:
			raw = ad.Bytes()
		case addrAttrPort:
			e.Port = ad.Uint16()
		case addrAttrFlags:
			e.Flags = Flags(ad.Uint32())
		case addrAttrIfIndex:
			e.IfIndex = int(ad.Int32())
		}
	}
	if err := ad.Err(); err != nil {
		return Endpoint{}, err
	}
	addr, _ := netip.AddrFromSlice(raw)
	if addr.Is4() && family != unix.AF_INET || addr.Is6() && family != unix.AF_INET6 || !addr.IsValid() {
		return Endpoint{}, fmt.Errorf("endpoint %d: address of %d bytes in family %d", e.ID, len(raw), family)
	}
	e.Addr = addr.Unmap()
	return e, nil
}

// decodeLimits reads the attributes of the reply to a limits request.
func decodeLimits(b []byte) (Limits, error) {
	ad, err := netlink.NewAttributeDecoder(b)
	if err != nil {
		return Limits{}, err
	}
	var (
		l                Limits
		accept, subflows bool
	)
	for ad.Next() {
		switch ad.Type() {
		case attrRcvAddAddrs:
			l.AddAddrAccepted, accept = ad.Uint32(), true
		case attrSubflows:
			l.Subflows, subflows = ad.Uint32(), true
		}
	}
	if err := ad.Err(); err != nil {
		return Limits{}, err
	}
	if !accept || !subflows {
		return Limits{}, errors.New("limits message lacks a limit")
	}
	return l, nil
}
