// SPDX-License-Identifier: Apache-2.0

package mptcp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/batch"
	"github.com/mptcpctl/mptcpctl/pkg/netlab/strange"
)

// strangeKernel answers requests with batches of bytes that no real one sends.
type strangeKernel struct {
	batches [][]byte
	header  netlink.Header // of the last request
}

func (s *strangeKernel) Send(m netlink.Message) error         { s.header = m.Header; return nil }
func (s *strangeKernel) SendMessages([]netlink.Message) error { return errors.ErrUnsupported }
func (s *strangeKernel) Close() error                         { return nil }

// Receive is what a socket does with a batch. When there is none
// left, nothing is heard until the timeout.
func (s *strangeKernel) Receive() ([]netlink.Message, error) {
	if len(s.batches) == 0 {
		return nil, os.ErrDeadlineExceeded
	}
	all, err := parse(s.batches[0])
	s.batches = s.batches[1:]
	for i := range all {
		// All else than these is refused by the library.
		all[i].Header.Sequence, all[i].Header.PID = s.header.Sequence, s.header.PID
	}
	return all, err
}

// reply is one message of the family, with or without another one to come.
func reply(flags uint16, typ uint16, data ...byte) []byte {
	b := join(u32(uint32(16+len(data))), u16(typ), u16(flags), u32(0), u32(0), data)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// FuzzReplies lets a kernel answer anything, and nothing more after that.
func FuzzReplies(f *testing.F) {
	lead := func(b []byte) []byte { return join(u16(uint16(len(b))), b) }
	endpoint := join([]byte{3, 1, 0, 0}, addrAttr(attr(1, u16(2)...), attr(2, 9), attr(3, 10, 0, 1, 2), attr(6, u32(6)...)))
	limits := join([]byte{6, 1, 0, 0}, attr(2, u32(1)...), attr(3, u32(8)...))
	failed := join(u32(^uint32(unix.EINVAL)+1), make([]byte, 16), attr(1, []byte("no such id\x00")...))
	f.Add(join(lead(reply(unix.NLM_F_MULTI, 77, endpoint...)), lead(reply(unix.NLM_F_MULTI, unix.NLMSG_DONE, u32(0)...))))
	f.Add(lead(join(reply(unix.NLM_F_MULTI, 77, endpoint...), reply(unix.NLM_F_MULTI|unix.NLM_F_DUMP_INTR, 77, endpoint...))))
	f.Add(lead(reply(0, 77, limits...)))
	f.Add(lead(reply(unix.NLM_F_CAPPED|unix.NLM_F_ACK_TLVS, unix.NLMSG_ERROR, failed...)))
	f.Add(lead(reply(0, unix.NLMSG_ERROR)))
	f.Add(lead(reply(unix.NLM_F_MULTI, 77, endpoint[:11]...)))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, ask := range []func(*Client) (int, error){
			func(c *Client) (int, error) { all, err := c.Endpoints(); return len(all), err },
			func(c *Client) (int, error) { _, err := c.Limits(); return 0, err },
			func(c *Client) (int, error) { return 0, c.SetLimits(Limits{}) },
			func(c *Client) (int, error) { return 0, c.Delete(1) },
		} {
			k := &strangeKernel{}
			for rest := data; len(rest) >= 2; {
				n := min(int(binary.NativeEndian.Uint16(rest)), len(rest)-2)
				k.batches = append(k.batches, rest[2:2+n])
				rest = rest[2+n:]
			}
			count, err := ask(&Client{conn: netlink.NewConn(k, 1), family: 77})
			if count > len(data)/16 {
				t.Errorf("%d endpoints out of %d bytes", count, len(data))
			}
			if err != nil && err.Error() == "" {
				t.Error("an error without words")
			}
		}
	})
}

func TestSilentKernel(t *testing.T) {
	c := &Client{conn: netlink.NewConn(&strangeKernel{}, 1), family: 77}
	if _, err := c.Endpoints(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("error %v, want that of a deadline", err)
	}
}

// TestARefusalOfWhatNobodySent is given to no library: batch.Split says why.
func TestARefusalOfWhatNobodySent(t *testing.T) {
	refusal := func(length uint32) *strangeKernel {
		data := join(u32(^uint32(unix.EINVAL)+1), u32(length), make([]byte, 12), attr(1, []byte("no such id\x00")...))
		return &strangeKernel{batches: [][]byte{reply(unix.NLM_F_ACK_TLVS, unix.NLMSG_ERROR, data...)}}
	}
	for length, want := range map[uint32]string{
		16:               "endpoint id 9: no such id: invalid argument",
		batch.MaxLen + 1: "endpoint id 9: malformed batch: a refusal of a request longer than a batch",
	} {
		c := &Client{conn: netlink.NewConn(refusal(length), 1), family: 77}
		if err := c.Delete(9); err == nil || err.Error() != want {
			t.Errorf("a request of %d bytes: error %v, want %s", length, err, want)
		}
	}
}

// TestAnswerWithoutEnd is one of endpoints.
func TestAnswerWithoutEnd(t *testing.T) {
	far := strange.Dial(t, 1, func(request netlink.Header, far *os.File) {
		endpoint := join([]byte{3, 1, 0, 0}, addrAttr(attr(1, u16(2)...), attr(2, 9), attr(3, 10, 0, 1, 2), attr(6, u32(6)...)))
		one := reply(unix.NLM_F_MULTI, 77, endpoint...)
		binary.NativeEndian.PutUint32(one[8:], request.Sequence)
		binary.NativeEndian.PutUint32(one[12:], request.PID)
		// One at a time, a slow machine would come to the deadline before the bound.
		many := bytes.Repeat(one, 64)
		go func() {
			for {
				if _, err := far.Write(many); err != nil {
					return // the test has closed it
				}
			}
		}()
	})
	c := &Client{conn: netlink.NewConn(&socket{Socket: far}, 1), family: 77}
	if all, err := c.Endpoints(); !errors.Is(err, errEndless) {
		t.Errorf("%d endpoints, error %v, want %v", len(all), err, errEndless)
	}
}
