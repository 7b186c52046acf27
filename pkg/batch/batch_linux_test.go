// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// ends are the two ends of a socket for datagrams; the near one waits for
// a millisecond.
func ends(t *testing.T) (near *Socket, far *os.File) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	far = os.NewFile(uintptr(fds[1]), "far")
	t.Cleanup(func() { _ = far.Close() })
	if near, err = On(fds[0], time.Millisecond); err != nil {
		t.Fatal(err)
	}
	return near, far
}

func TestReceive(t *testing.T) {
	near, far := ends(t)
	for _, sent := range []int{MaxLen, MaxLen + 1, 1} {
		if _, err := far.Write(make([]byte, sent)); err != nil {
			t.Fatal(err)
		}
		b, err := near.Receive()
		switch {
		case sent <= MaxLen && (err != nil || len(b) != sent):
			t.Errorf("%d bytes, error %v, want %d", len(b), err, sent)
		case sent > MaxLen && (err == nil || err.Error() != "receive: batch of 32769 bytes"):
			t.Errorf("%d bytes, error %v, want an error", len(b), err)
		}
	}
	if _, err := near.Receive(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("error %v where there is nothing, want that of the deadline", err)
	}
	if err := near.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := near.Receive(); !errors.Is(err, unix.EBADF) {
		t.Errorf("error %v of a closed socket", err)
	}
}

// TestAskOfTheKernel has the answer by its sequence number and port, and a refusal with
// the kernel's words.
func TestAskOfTheKernel(t *testing.T) {
	s, err := Dial(unix.NETLINK_ROUTE, true)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for range 2 {
		header := make([]byte, unix.SizeofIfInfomsg)
		binary.NativeEndian.PutUint32(header[4:], 1)
		seq, err := s.Ask(unix.RTM_GETLINK, 0, header)
		if err != nil {
			t.Fatal(err)
		}
		msgs := received(t, s)
		if len(msgs) != 1 || msgs[0].Header.Type != unix.RTM_NEWLINK || msgs[0].Header.Seq != seq || msgs[0].Header.Pid != s.Port() || s.Port() == 0 {
			t.Errorf("%d messages, the first %+v, want a link to %d of port %d", len(msgs), msgs[0].Header, seq, s.Port())
		}
	}
	header := make([]byte, unix.SizeofRtMsg)
	header[0], header[6] = unix.AF_INET, unix.RT_SCOPE_HOST // strict checking wants none
	if _, err := s.Ask(unix.RTM_GETROUTE, 0, header); err != nil {
		t.Fatal(err)
	}
	if m := received(t, s)[0]; m.Header.Type != unix.NLMSG_ERROR || !bytes.Contains(m.Data, []byte("nvalid")) {
		t.Errorf("the answer to a wrong request: %+v %q", m.Header, m.Data)
	}
}

func received(t *testing.T, s *Socket) []syscall.NetlinkMessage {
	t.Helper()
	b, err := s.Receive()
	if err != nil {
		t.Fatal(err)
	}
	msgs, err := Split(b)
	if err != nil || len(msgs) == 0 {
		t.Fatalf("%d messages, error %v", len(msgs), err)
	}
	return msgs
}

// TestCloseEndsListening ends it in another goroutine.
func TestCloseEndsListening(t *testing.T) {
	s, err := Listen(unix.NETLINK_ROUTE, unix.RTMGRP_LINK)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SetBuffer(4096); err != nil {
		t.Error(err)
	}
	if drops, err := s.Drops(); drops != 0 || err != nil {
		t.Errorf("%d dropped, error %v", drops, err)
	}
	ended := make(chan error)
	go func() {
		for {
			if _, err := s.Receive(); err != nil {
				ended <- err
				return
			}
		}
	}()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, os.ErrClosed) {
		t.Errorf("error %v, want that of a closed socket", err)
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
