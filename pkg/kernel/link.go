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

// skipStats keeps the counters of a link out of the reply
// (RTEXT_FILTER_SKIP_STATS, include/uapi/linux/rtnetlink.h).
const skipStats = 1 << 3

// altNameSize bounds the alternative names of a link (ALTIFNAMSIZ,
// include/uapi/linux/if.h).
const altNameSize = 128

// DeviceName is the name of a link, or empty when there is none.
func (k *Kernel) DeviceName(index int) (string, error) {
	d, _, err := k.deviceByIndex(index)
	return d.Name, err
}

// HasDevice reports whether a link has the name, or has it as an alternative one.
func (k *Kernel) HasDevice(name string) (bool, error) {
	_, there, err := k.deviceByName(name)
	return there, err
}

// deviceByName looks a link up by its name or an alternative one; ok is false when
// there is none.
func (k *Kernel) deviceByName(name string) (d plan.Device, ok bool, err error) {
	if name == "" || len(name) >= altNameSize {
		return plan.Device{}, false, nil
	}
	d, ok, err = k.device(0, name)
	if err != nil {
		return d, false, fmt.Errorf("device %s: %w", name, err)
	}
	return d, ok, nil
}

// deviceByIndex looks a link up; ok is false when there is none.
func (k *Kernel) deviceByIndex(index int) (d plan.Device, ok bool, err error) {
	if index <= 0 {
		return plan.Device{}, false, nil
	}
	d, ok, err = k.device(index, "")
	if err != nil {
		return d, false, fmt.Errorf("device number %d: %w", index, err)
	}
	return d, ok, nil
}

func (k *Kernel) device(index int, name string) (d plan.Device, ok bool, err error) {
	header := make([]byte, unix.SizeofIfInfomsg)
	binary.NativeEndian.PutUint32(header[4:], uint32(index))
	ae := netlink.NewAttributeEncoder()
	switch {
	case len(name) >= unix.IFNAMSIZ:
		ae.String(unix.IFLA_ALT_IFNAME, name)
	case name != "":
		ae.String(unix.IFLA_IFNAME, name) // may be an alternative one too
	}
	ae.Uint32(unix.IFLA_EXT_MASK, skipStats)
	body, err := join(header, ae)
	if err != nil {
		return d, false, err
	}
	err = k.route.get(unix.RTM_GETLINK, body, func(b []byte) (err error) {
		d, err = decodeDevice(b)
		return err
	})
	if errors.Is(err, unix.ENODEV) {
		return plan.Device{}, false, nil
	}
	return d, err == nil, err
}

// decodeDevice reads struct ifinfomsg and its attributes.
func decodeDevice(b []byte) (plan.Device, error) {
	header, ad, err := split(b, unix.SizeofIfInfomsg)
	if err != nil {
		return plan.Device{}, err
	}
	flags := binary.NativeEndian.Uint32(header[8:])
	d := plan.Device{
		Index:   int(binary.NativeEndian.Uint32(header[4:])),
		Up:      flags&unix.IFF_UP != 0,
		Carrier: flags&unix.IFF_LOWER_UP != 0,
	}
	for ad.Next() {
		switch ad.Type() {
		case unix.IFLA_IFNAME:
			d.Name = ad.String()
		case unix.IFLA_LINKINFO:
			ad.Nested(func(info *netlink.AttributeDecoder) error {
				for info.Next() {
					if info.Type() == unix.IFLA_INFO_KIND {
						d.Kind = info.String()
					}
				}
				return nil
			})
		}
	}
	return d, ad.Err()
}

// addresses lists the addresses on all links, or on one, those of IPv4 first.
func (k *Kernel) addresses(index int) ([]plan.Address, error) {
	header := make([]byte, unix.SizeofIfAddrmsg)
	binary.NativeEndian.PutUint32(header[4:], uint32(index))
	all, err := dump(k.route, unix.RTM_GETADDR, header, nil, func(b []byte) (plan.Address, bool, error) {
		a, ok, err := decodeAddress(b)
		return a, ok && (index == 0 || a.Index == index), err
	})
	if err != nil {
		return nil, fmt.Errorf("addresses: %w", err)
	}
	return all, nil
}

// decodeAddress reads struct ifaddrmsg and its attributes. ok is false for an address of
// another family.
func decodeAddress(b []byte) (a plan.Address, ok bool, err error) {
	header, ad, err := split(b, unix.SizeofIfAddrmsg)
	if err != nil {
		return a, false, err
	}
	f, ok := familyOf(header)
	if !ok {
		return a, false, nil
	}
	bits, scope := int(header[1]), header[3]
	flags := uint32(header[2])
	var local, peer netip.Addr
	for ad.Next() {
		switch ad.Type() {
		case unix.IFA_ADDRESS:
			peer = address(ad)
		case unix.IFA_LOCAL:
			local = address(ad)
		case unix.IFA_FLAGS:
			flags = ad.Uint32()
		}
	}
	a = plan.Address{
		Index:         int(binary.NativeEndian.Uint32(header[4:])),
		Global:        scope == unix.RT_SCOPE_UNIVERSE || scope == unix.RT_SCOPE_SITE,
		Tentative:     flags&unix.IFA_F_TENTATIVE != 0,
		Deprecated:    flags&unix.IFA_F_DEPRECATED != 0,
		DADFailed:     flags&unix.IFA_F_DADFAILED != 0,
		NoPrefixRoute: flags&unix.IFA_F_NOPREFIXROUTE != 0,
		Temporary:     f == plan.IPv6 && flags&unix.IFA_F_TEMPORARY != 0,
	}
	// IFA_ADDRESS is the peer of a point-to-point address; IFA_LOCAL is
	// missing for other IPv6 ones (include/uapi/linux/if_addr.h).
	switch {
	case !local.IsValid():
		local = peer
	case peer.IsValid() && peer != local:
		a.Peer = netip.PrefixFrom(peer, bits)
	}
	a.Prefix = netip.PrefixFrom(local, bits)
	return a, true, ad.Err()
}
