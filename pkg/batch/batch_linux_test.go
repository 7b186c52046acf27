// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"errors"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestReceive(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	near, far := os.NewFile(uintptr(fds[0]), "near"), os.NewFile(uintptr(fds[1]), "far")
	defer near.Close()
	defer far.Close()
	raw, err := near.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	for _, sent := range []string{"12345678", "123456789", "1"} {
		if _, err := far.WriteString(sent); err != nil {
			t.Fatal(err)
		}
	}
	buffer := make([]byte, 8)
	for _, want := range []struct {
		got, err string
	}{{"12345678", ""}, {"", "receive: batch of 9 bytes"}, {"1", ""}} {
		n, err := Receive(raw, buffer)
		if got := string(buffer[:n]); got != want.got || err == nil && want.err != "" || err != nil && err.Error() != want.err {
			t.Errorf("%q, error %v, want %q, %q", got, err, want.got, want.err)
		}
	}
	if err := near.SetReadDeadline(time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := Receive(raw, buffer); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("error %v where there is nothing, want that of the deadline", err)
	}
	if err := near.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Receive(raw, buffer); err == nil {
		t.Error("a closed socket gives no error")
	}
}
