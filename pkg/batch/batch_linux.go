// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// MaxLen is the most that the kernel puts into one batch of a dump
// (netlink_dump and netlink_recvmsg in net/netlink/af_netlink.c).
const MaxLen = 32 << 10

var errQuoted = errors.New("a refusal of a request longer than a batch")

// Split splits a batch into its messages, which share its memory. A refusal
// (NLMSG_ERROR) quotes the request that it refuses, and no request is longer than a
// batch: what no kernel sends is an error here. (On 32 bits mdlayher/netlink v1.9.0
// panics on some of it.)
func Split(b []byte) ([]syscall.NetlinkMessage, error) {
	msgs, err := syscall.ParseNetlinkMessage(b)
	if err != nil {
		return nil, fmt.Errorf("malformed batch: %w", err)
	}
	for i := range msgs {
		const errno = 4 // bytes before the quoted request
		m := &msgs[i]
		if m.Header.Type == unix.NLMSG_ERROR && len(m.Data) >= errno+unix.SizeofNlMsghdr &&
			binary.NativeEndian.Uint32(m.Data[errno:]) > MaxLen {
			return nil, fmt.Errorf("malformed batch: %w", errQuoted)
		}
	}
	return msgs, nil
}
