// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// MaxLen is the most that the kernel puts into one batch of a dump
// (netlink_dump and netlink_recvmsg in net/netlink/af_netlink.c).
const MaxLen = 32 << 10

// Receive waits for one batch, until the deadline of the connection, and reads it
// into buffer. One that is longer is an error.
func Receive(raw syscall.RawConn, buffer []byte) (n int, err error) {
	waitErr := raw.Read(func(fd uintptr) bool {
		// After EINTR the message is still there, and nothing new would end a wait.
		for err = unix.EINTR; err == unix.EINTR; {
			n, _, err = unix.Recvfrom(int(fd), buffer, unix.MSG_DONTWAIT|unix.MSG_TRUNC)
		}
		return err != unix.EAGAIN
	})
	switch {
	case waitErr != nil:
		return 0, waitErr
	case err != nil:
		return 0, fmt.Errorf("receive: %w", err)
	case n > len(buffer):
		return 0, fmt.Errorf("receive: batch of %d bytes", n)
	}
	return n, nil
}
