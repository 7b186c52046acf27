// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"encoding/binary"
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

// message is one of a batch.
func message(typ uint16, words ...uint32) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+4*len(words)))
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = append(b, make([]byte, unix.SizeofNlMsghdr-len(b))...)
	for _, w := range words {
		b = binary.NativeEndian.AppendUint32(b, w)
	}
	return b
}

func TestSplit(t *testing.T) {
	const failed = ^uint32(unix.EINVAL) + 1
	object := message(unix.RTM_NEWROUTE, failed, MaxLen+1, 0, 0, 0)
	for name, tt := range map[string]struct {
		batch []byte
		want  int
		err   string
	}{
		"two messages":                        {append(message(77, 1), object...), 2, ""},
		"a refusal without a request":         {message(unix.NLMSG_ERROR, failed), 1, ""},
		"a refusal of a request as long":      {message(unix.NLMSG_ERROR, failed, MaxLen, 0, 0, 0), 1, ""},
		"a refusal of a longer request":       {message(unix.NLMSG_ERROR, failed, MaxLen+1, 0, 0, 0), 0, "malformed batch: a refusal of a request longer than a batch"},
		"one behind another message":          {append(object, message(unix.NLMSG_ERROR, failed, MaxLen+1, 0, 0, 0)...), 0, "malformed batch: a refusal of a request longer than a batch"},
		"a message longer than its batch":     {message(77, 1)[:16], 0, "malformed batch: invalid argument"},
		"a message shorter than its own head": {make([]byte, 16), 0, "malformed batch: invalid argument"},
	} {
		t.Run(name, func(t *testing.T) {
			msgs, err := Split(tt.batch)
			if len(msgs) != tt.want || err == nil && tt.err != "" || err != nil && err.Error() != tt.err {
				t.Errorf("%d messages, error %v, want %d, %q", len(msgs), err, tt.want, tt.err)
			}
		})
	}
}
