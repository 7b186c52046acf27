// SPDX-License-Identifier: Apache-2.0

package mptcp

import (
	"errors"
	"fmt"
	"math"
	"syscall"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/batch"
)

// maxAnswer bounds an answer, in bytes: ten times as much as the endpoints take, of
// which there cannot be more than ids (MPTCP_PM_MAX_ADDR_ID in
// net/mptcp/protocol.h, 255).
const maxAnswer = 256 << 10

var errEndless = errors.New("an endless answer")

// unbounded is for events, which never end.
const unbounded = math.MaxInt64

// socket is a netlink socket that gives up an endless answer, of which the
// library would keep everything, and keeps from it what no kernel sends.
type socket struct {
	*netlink.Conn
	raw    syscall.RawConn
	buffer []byte
	most   int64 // bytes, of an answer
	left   int64 // of the answer to the last request
}

// open opens a generic netlink socket for answers of that many bytes.
func open(most int64) (*netlink.Conn, error) {
	// Without the strict option the kernel sends no extended acknowledgement.
	conn, err := netlink.Dial(unix.NETLINK_GENERIC, &netlink.Config{Strict: true})
	if err != nil {
		return nil, fmt.Errorf("generic netlink: %w", err)
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return netlink.NewConn(&socket{Conn: conn, raw: raw, buffer: make([]byte, batch.MaxLen), most: most}, conn.PID()), nil
}

// Send sends a request; the connection sees to it that its answer is read before
// the next one is sent.
func (s *socket) Send(m netlink.Message) error {
	s.left = s.most
	_, err := s.Conn.Send(m)
	return err
}

// SendMessages is part of the library's interface, and not used.
func (s *socket) SendMessages([]netlink.Message) error { return errors.ErrUnsupported }

// Receive reads one batch of messages.
func (s *socket) Receive() ([]netlink.Message, error) {
	n, err := batch.Receive(s.raw, s.buffer)
	if err != nil {
		return nil, err
	}
	if s.left -= int64(n); s.left < 0 {
		return nil, errEndless
	}
	return parse(append([]byte(nil), s.buffer[:n]...))
}

// parse splits a batch.
func parse(b []byte) ([]netlink.Message, error) {
	raw, err := batch.Split(b)
	if err != nil {
		return nil, err
	}
	msgs := make([]netlink.Message, len(raw))
	for i, m := range raw {
		msgs[i] = netlink.Message{Data: m.Data, Header: netlink.Header{
			Length: m.Header.Len, Type: netlink.HeaderType(m.Header.Type), Flags: netlink.HeaderFlags(m.Header.Flags),
			Sequence: m.Header.Seq, PID: m.Header.Pid,
		}}
	}
	return msgs, nil
}
