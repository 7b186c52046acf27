// SPDX-License-Identifier: Apache-2.0

package sockdiag

import (
	"encoding/binary"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/batch"
	"github.com/mptcpctl/mptcpctl/pkg/netlab/strange"
)

func newStrangeKernel(t testing.TB, hurry time.Duration, answer func(seq uint32, far *os.File)) *kernel {
	t.Helper()
	return &kernel{strange.Dial(t, hurry, func(request netlink.Header, far *os.File) { answer(request.Sequence, far) })}
}

// batches cuts data into what the kernel hands over at once, each led by its
// length. The sequence numbers are put right, for all else is passed over.
func batches(data []byte, seq uint32) [][]byte {
	var all [][]byte
	for len(data) >= 2 && len(all) < 8 {
		n := min(int(binary.NativeEndian.Uint16(data)), len(data)-2)
		batch := append([]byte(nil), data[2:2+n]...)
		data = data[2+n:]
		for at := 0; at+unix.SizeofNlMsghdr <= len(batch); {
			binary.NativeEndian.PutUint32(batch[at+8:], seq)
			length := int(binary.NativeEndian.Uint32(batch[at:]))
			if length < unix.SizeofNlMsghdr || length > len(batch) {
				break
			}
			at += (length + 3) &^ 3
		}
		all = append(all, batch)
	}
	return all
}

// FuzzReplies lets a kernel answer anything, and nothing more after that: there
// must be an end, and no more results than there were bytes for.
func FuzzReplies(f *testing.F) {
	v4 := message(unix.AF_INET, 1, "10.0.0.1", "10.0.0.2")
	lead := func(b []byte) []byte { return join(u16(uint16(len(b))), b) }
	subflow := batchOf(20, 9, join(v4, attr(attrInfo, make([]byte, 240)...), ulp("mptcp", subflowAttrs))...)
	connection := batchOf(20, 9, join(v4, attr(attrInfo, make([]byte, 96)...))...)
	end := batchOf(unix.NLMSG_DONE, 9, u32(0)...)
	f.Add(lead(join(subflow, subflow)), lead(end), lead(join(connection, end)))
	f.Add(lead(join(subflow, end)), lead(end), lead(connection))
	f.Add(lead(subflow[:40]), lead(nil), lead(batchOf(unix.NLMSG_ERROR, 9, u32(0xfffffffe)...)))
	f.Fuzz(func(t *testing.T, first, second, third []byte) {
		answers := [][]byte{first, second, third}
		sent := 0
		k := newStrangeKernel(t, 1000, func(seq uint32, far *os.File) {
			if len(answers) == 0 {
				return
			}
			for _, b := range batches(answers[0], seq) {
				if len(b) > 0 {
					_, _ = far.Write(b) // it may be too long for a datagram
					sent += len(b)
				}
			}
			answers = answers[1:]
		})
		results := 0
		l := listing{last: make(map[uint32]int32)}
		_ = k.subflows(anyState, func(s Subflow) error { results++; return l.add(s) })
		_ = k.dump(unix.IPPROTO_MPTCP, anyState, func(b []byte) error {
			c, err := decodeConnection(b)
			if err == nil {
				c.Subflows = l.take(c.Token)
				results++
			}
			return err
		})
		if results > sent/msgLen {
			t.Errorf("%d results out of %d bytes", results, sent)
		}
	})
}

func TestSilentKernel(t *testing.T) {
	k := newStrangeKernel(t, 1000, func(uint32, *os.File) {})
	if err := k.subflows(anyState, func(Subflow) error { return nil }); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("error %v, want that of a deadline", err)
	}
}

func TestAnswerWithoutEnd(t *testing.T) {
	body := join(message(unix.AF_INET, 1, "10.0.0.1", "10.0.0.2"), ulp("mptcp", subflowAttrs))
	k := newStrangeKernel(t, 1, func(seq uint32, far *os.File) {
		one := batchOf(20, seq, body...)
		var many []byte
		for len(many)+len(one) < batch.MaxLen {
			many = append(many, one...)
		}
		go func() {
			for {
				if _, err := far.Write(many); err != nil {
					return // the test has closed it
				}
			}
		}()
	})
	e := enumeration{kernel: k, listing: listing{last: make(map[uint32]int32)}, kept: maxKept}
	count, err := e.list(part{})
	if !errors.Is(err, errEndless) || count != maxSubflows {
		t.Errorf("%d subflows, error %v", count, err)
	}
	if kept := len(e.chunks) * chunkLen; kept > maxKept {
		t.Errorf("%d subflows were kept, want at most %d", kept, maxKept)
	}
}

// TestListedTwice lets the kernel list a connection in two batches, as it may when
// others come and go: one whose subflows are all gone, and which waits for another.
func TestListedTwice(t *testing.T) {
	info := make([]byte, 96)
	copy(info[12:], u32(0xbbbb))
	body := join(message(unix.AF_INET, 1, "10.0.0.1", "10.0.0.2"), attr(attrInfo, info...))
	asked := 0
	k := newStrangeKernel(t, 1, func(seq uint32, far *os.File) {
		answers := [][]byte{batchOf(unix.NLMSG_DONE, seq, u32(0)...)}
		if asked++; asked == 3 { // after the subflows of both families
			answers = [][]byte{batchOf(20, seq, body...), batchOf(20, seq, body...), answers[0]}
		}
		for _, b := range answers {
			if _, err := far.Write(b); err != nil {
				t.Error(err)
			}
		}
	})
	var tokens []uint32
	err := k.each(maxKept, func(c Connection) error { tokens = append(tokens, c.Token); return nil }, func() {})
	if err != nil || len(tokens) != 1 || tokens[0] != 0xbbbb {
		t.Errorf("connections %x, error %v, want one", tokens, err)
	}
}

// TestStrangersWithoutEnd has no answer to what was asked among all that comes.
func TestStrangersWithoutEnd(t *testing.T) {
	k := newStrangeKernel(t, 1, func(seq uint32, far *os.File) {
		go func() {
			for one := batchOf(20, seq+1); ; {
				if _, err := far.Write(one); err != nil {
					return // the test has closed it
				}
			}
		}()
	})
	if err := k.subflows(anyState, func(Subflow) error { return nil }); !errors.Is(err, errEndless) {
		t.Errorf("error %v, want %v", err, errEndless)
	}
}
