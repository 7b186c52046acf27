// SPDX-License-Identifier: Apache-2.0

package mptcp

import (
	"errors"
	"fmt"

	"github.com/mdlayher/genetlink"
	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/batch"
)

const (
	// eventsGroup is MPTCP_PM_EV_GRP_NAME of include/uapi/linux/mptcp.h.
	eventsGroup = "mptcp_pm_events"
	// eventsBuffer is the size of the receive buffer. An event takes less than
	// a kilobyte of it.
	eventsBuffer = 1 << 20
)

// Events hears the path manager's events of one network namespace. Close may be
// called at any time, Receive by one goroutine at a time.
type Events struct {
	socket *batch.Socket
	family uint16
	lost   uint32 // that were told of already
}

// DialEvents hears the events of the network namespace of the calling thread
// from now on. It needs CAP_NET_ADMIN: the error is then compatible with
// errors.Is(err, os.ErrPermission). It returns ErrNotSupported when the kernel
// has no MPTCP.
func DialEvents() (*Events, error) {
	conn, err := open()
	if err != nil {
		return nil, err
	}
	family, err := lookup(conn, familyName)
	if err := errors.Join(err, conn.Close()); err != nil {
		return nil, err
	}
	socket, err := batch.Listen(unix.NETLINK_GENERIC, 0)
	if err != nil {
		return nil, fmt.Errorf("generic netlink: %w", err)
	}
	e := &Events{socket: socket, family: family.ID}
	err = e.SetBuffer(eventsBuffer)
	if err == nil {
		err = e.join(family.Groups)
	}
	if err != nil {
		return nil, errors.Join(err, socket.Close())
	}
	return e, nil
}

func (e *Events) join(groups []genetlink.MulticastGroup) error {
	for _, g := range groups {
		if g.Name != eventsGroup {
			continue
		}
		if err := e.socket.Join(g.ID); err != nil {
			return fmt.Errorf("multicast group %s: %w", eventsGroup, err)
		}
		return nil
	}
	return ErrNotSupported
}

// SetBuffer sets the size of the receive buffer in bytes, which is 1 MiB
// without it. The kernel doubles it, and gives no less than about 2 kB.
func (e *Events) SetBuffer(bytes int) error {
	if err := e.socket.SetBuffer(bytes); err != nil {
		return fmt.Errorf("receive buffer: %w", err)
	}
	return nil
}

// Receive waits for events. With some, it may return a *LostError: others were
// dropped about that time, and Receive can be called again. Every other error
// is final; after Close it is compatible with errors.Is(err, os.ErrClosed).
func (e *Events) Receive() ([]Event, error) {
	b, err := e.socket.Receive()
	full := errors.Is(err, unix.ENOBUFS)
	if err != nil && !full {
		return nil, fmt.Errorf("events: %w", err)
	}
	msgs, err := batch.Split(b)
	if err != nil {
		return nil, fmt.Errorf("events: %w", err)
	}
	var events []Event
	for _, m := range msgs {
		if m.Header.Type != e.family {
			continue
		}
		event, err := decodeEvent(append([]byte(nil), m.Data...))
		if err != nil {
			return events, err
		}
		events = append(events, event)
	}
	return events, e.dropped(full)
}

// dropped compares the number of messages that the socket had to drop with that
// of the last time. The kernel says ENOBUFS only at the first one after the
// buffer was empty (netlink_overrun in net/netlink/af_netlink.c).
func (e *Events) dropped(full bool) error {
	drops, err := e.socket.Drops()
	switch {
	case err != nil:
		return fmt.Errorf("events: %w", err)
	case drops != e.lost:
		count := drops - e.lost
		e.lost = drops
		return &LostError{Count: count}
	case full:
		return &LostError{}
	}
	return nil
}

// Close ends a waiting Receive.
func (e *Events) Close() error {
	return e.socket.Close()
}
