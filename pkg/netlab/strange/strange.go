// SPDX-License-Identifier: Apache-2.0

// Package strange answers netlink requests with what no real kernel does, for tests
// of what reads the answers from a file descriptor.
package strange

import (
	"errors"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// kernel is a netlink.Socket of which the kernel's end is in the hands of a test.
type kernel struct {
	near, far *os.File
	hurry     time.Duration
	answer    func(request netlink.Header, far *os.File)
}

// Dial opens a connection that lasts as long as the test. answer is called with every
// request: what it writes to far, a batch at a time, is to be read from the
// descriptor. hurry divides the time for which an answer is waited for.
func Dial(t testing.TB, hurry time.Duration, answer func(request netlink.Header, far *os.File)) (*netlink.Conn, syscall.RawConn) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	k := &kernel{os.NewFile(uintptr(fds[0]), "near"), os.NewFile(uintptr(fds[1]), "far"), hurry, answer}
	conn := netlink.NewConn(k, 1)
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	raw, err := k.near.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	return conn, raw
}

func (k *kernel) Send(m netlink.Message) error         { k.answer(m.Header, k.far); return nil }
func (k *kernel) SendMessages([]netlink.Message) error { return errors.ErrUnsupported }
func (k *kernel) Receive() ([]netlink.Message, error)  { return nil, errors.ErrUnsupported }
func (k *kernel) Close() error                         { return errors.Join(k.near.Close(), k.far.Close()) }
func (k *kernel) SetDeadline(time.Time) error          { return errors.ErrUnsupported }
func (k *kernel) SetWriteDeadline(time.Time) error     { return errors.ErrUnsupported }
func (k *kernel) SetReadDeadline(deadline time.Time) error {
	return k.near.SetReadDeadline(time.Now().Add(time.Until(deadline) / k.hurry))
}
