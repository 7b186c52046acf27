// SPDX-License-Identifier: Apache-2.0

package mptcp

import (
	"encoding/binary"
	"errors"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// strangeKernel answers requests with batches of bytes that no real one sends.
type strangeKernel struct {
	batches  [][]byte
	header   netlink.Header // of the last request
	deadline time.Time
}

func (s *strangeKernel) Send(m netlink.Message) error             { s.header = m.Header; return nil }
func (s *strangeKernel) SendMessages([]netlink.Message) error     { return errors.ErrUnsupported }
func (s *strangeKernel) Close() error                             { return nil }
func (s *strangeKernel) SetDeadline(time.Time) error              { return errors.ErrUnsupported }
func (s *strangeKernel) SetWriteDeadline(time.Time) error         { return errors.ErrUnsupported }
func (s *strangeKernel) SetReadDeadline(deadline time.Time) error { s.deadline = deadline; return nil }

// Receive is what the library's own socket does with a batch. When there is none
// left, nothing is heard until the deadline.
func (s *strangeKernel) Receive() ([]netlink.Message, error) {
	if len(s.batches) == 0 {
		if s.deadline.IsZero() {
			panic("waits for ever")
		}
		return nil, os.ErrDeadlineExceeded
	}
	raw, err := syscall.ParseNetlinkMessage(s.batches[0])
	s.batches = s.batches[1:]
	if err != nil {
		return nil, err
	}
	var all []netlink.Message
	for _, m := range raw {
		all = append(all, netlink.Message{Data: m.Data, Header: netlink.Header{
			Length: m.Header.Len, Type: netlink.HeaderType(m.Header.Type), Flags: netlink.HeaderFlags(m.Header.Flags),
			// All else than these is refused by the library.
			Sequence: s.header.Sequence, PID: s.header.PID,
		}})
	}
	return all, nil
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
