// SPDX-License-Identifier: Apache-2.0

// Package strange answers netlink requests with what no real kernel does, for tests
// of what reads the answers.
package strange

import (
	"encoding/binary"
	"os"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/batch"
)

// Dial opens a socket that lasts as long as the test. answer is called with every
// request: what it writes to far, a batch at a time, is to be read from the
// socket. hurry divides the time for which an answer is waited for.
func Dial(t testing.TB, hurry time.Duration, answer func(request netlink.Header, far *os.File)) *batch.Socket {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = unix.SetNonblock(fds[1], true)
	}
	if err != nil {
		t.Fatal(err)
	}
	far := os.NewFile(uintptr(fds[1]), "far")
	s, err := batch.On(fds[0], batch.Timeout/hurry)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for request := make([]byte, batch.MaxLen); ; {
			n, err := far.Read(request)
			if err != nil || n < unix.SizeofNlMsghdr {
				return
			}
			answer(netlink.Header{
				Length: binary.NativeEndian.Uint32(request), Type: netlink.HeaderType(binary.NativeEndian.Uint16(request[4:])),
				Flags:    netlink.HeaderFlags(binary.NativeEndian.Uint16(request[6:])),
				Sequence: binary.NativeEndian.Uint32(request[8:]), PID: binary.NativeEndian.Uint32(request[12:]),
			}, far)
		}
	}()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := far.Close(); err != nil {
			t.Error(err)
		}
		<-done
	})
	return s
}
