// SPDX-License-Identifier: Apache-2.0

package sockdiag

import (
	"errors"

	"golang.org/x/sys/unix"
)

// sockDestroy is SOCK_DESTROY (include/uapi/linux/sock_diag.h).
const sockDestroy = 21

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
	request := encodeRequest(s[0], unix.IPPROTO_TCP, anyState)
	copy(request[reqID:], s[1:])
	err := k.ask(sockDestroy, unix.NLM_F_ACK, request, 0, func([]byte) error { return nil })
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ESTALE): // inet_diag_find_one_icsk, net/ipv4/inet_diag.c
		return nil
	case errors.Is(err, unix.EOPNOTSUPP):
		return ErrNoDestroy
	}
	return err
}
