// SPDX-License-Identifier: Apache-2.0

package sockdiag

import (
	"encoding/binary"
	"errors"
	"net/netip"

	"golang.org/x/sys/unix"
)

// sockDestroy is SOCK_DESTROY (include/uapi/linux/sock_diag.h).
const sockDestroy = 21

// The fields of struct inet_diag_sockid in the request (include/uapi/linux/inet_diag.h).
const (
	reqLocalPort  = 8
	reqRemotePort = 10
	reqLocal      = 12
	reqRemote     = 28
	reqIfIndex    = 44
)

// Destroy ends a subflow as a reset by its peer would: the connection goes on with
// its others, and sends again what was under way. A socket that is gone, or another
// one with its addresses, is left alone. It needs CAP_NET_ADMIN. The error is
// ErrNoDestroy where the kernel cannot do it.
func Destroy(s Socket) error {
	k, err := open()
	if err != nil {
		return err
	}
	defer k.close()
	return k.destroy(s)
}

func (k *kernel) destroy(s Socket) error {
	err := k.ask(sockDestroy, unix.NLM_F_ACK, encodeSocket(s), 0, func([]byte) error { return nil })
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ESTALE): // inet_diag_find_one_icsk, net/ipv4/inet_diag.c
		return nil
	case errors.Is(err, unix.EOPNOTSUPP):
		return ErrNoDestroy
	}
	return err
}

func encodeSocket(s Socket) []byte {
	family := uint8(unix.AF_INET6)
	if s.Local.Addr().Is4() {
		family = unix.AF_INET
	}
	b := encodeRequest(family, unix.IPPROTO_TCP, anyState)
	put := func(port, addr int, a netip.AddrPort) {
		binary.BigEndian.PutUint16(b[port:], a.Port())
		copy(b[addr:addr+16], a.Addr().AsSlice())
	}
	put(reqLocalPort, reqLocal, s.Local)
	put(reqRemotePort, reqRemote, s.Remote)
	binary.NativeEndian.PutUint32(b[reqIfIndex:], uint32(s.IfIndex))
	binary.NativeEndian.PutUint32(b[reqCookie:], uint32(s.Cookie))
	binary.NativeEndian.PutUint32(b[reqCookie+4:], uint32(s.Cookie>>32))
	return b
}
