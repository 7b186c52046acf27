// SPDX-License-Identifier: Apache-2.0

package mptcp

import (
	"errors"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/batch"
)

// maxAnswer bounds an answer, in bytes: ten times as much as the endpoints take, of
// which there cannot be more than ids (MPTCP_PM_MAX_ADDR_ID in
// net/mptcp/protocol.h, 255).
const maxAnswer = 256 << 10

var errEndless = errors.New("an endless answer")

// socket is a netlink socket that gives up an endless answer, of which the
// library would keep everything, and keeps from it what no kernel sends.
type socket struct {
	*batch.Socket
	left int // bytes, of the answer to the last request
}

// open opens a generic netlink socket that asks.
func open() (*netlink.Conn, error) {
	s, err := batch.Dial(unix.NETLINK_GENERIC, false)
	if err != nil {
		return nil, fmt.Errorf("generic netlink: %w", err)
	}
	return netlink.NewConn(&socket{Socket: s}, s.Port()), nil
}

// Send sends a request; the connection sees to it that its answer is read before
// the next one is sent.
func (s *socket) Send(m netlink.Message) error {
	b, err := m.MarshalBinary()
	if err != nil {
		return err
	}
	s.left = maxAnswer
	return s.Socket.Send(b)
}

// SendMessages is part of the library's interface, and not used.
func (s *socket) SendMessages([]netlink.Message) error { return errors.ErrUnsupported }

// Receive reads one batch of messages.
func (s *socket) Receive() ([]netlink.Message, error) {
	b, err := s.Socket.Receive()
	if err != nil {
		return nil, err
	}
	if s.left -= len(b); s.left < 0 {
		return nil, errEndless
	}
	return parse(append([]byte(nil), b...))
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
