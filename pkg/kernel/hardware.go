// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"encoding/binary"
	"errors"
	"strings"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// HardwareAddress is the Ethernet address of a link in text, empty for links
// of another kind and for one that is gone.
func (k *Kernel) HardwareAddress(index int) (text string, err error) {
	header := make([]byte, unix.SizeofIfInfomsg)
	binary.NativeEndian.PutUint32(header[4:], uint32(index))
	ae := netlink.NewAttributeEncoder()
	ae.Uint32(unix.IFLA_EXT_MASK, skipStats)
	body, err := join(header, ae)
	if err != nil {
		return "", err
	}
	err = k.route.get(unix.RTM_GETLINK, body, func(b []byte) error {
		header, ad, err := split(b, unix.SizeofIfInfomsg)
		if err != nil {
			return err
		}
		for ad.Next() {
			// ifi_type is the second field (include/uapi/linux/rtnetlink.h).
			if ad.Type() == unix.IFLA_ADDRESS && binary.NativeEndian.Uint16(header[2:]) == unix.ARPHRD_ETHER {
				text = macText(ad.Bytes())
			}
		}
		return ad.Err()
	})
	if errors.Is(err, unix.ENODEV) {
		return "", nil
	}
	return text, err
}

func macText(mac []byte) string {
	const digits = "0123456789abcdef"
	var b strings.Builder
	for i, octet := range mac {
		if i > 0 {
			b.WriteByte(':')
		}
		b.WriteByte(digits[octet>>4])
		b.WriteByte(digits[octet&15])
	}
	return b.String()
}
