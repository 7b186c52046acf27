// SPDX-License-Identifier: Apache-2.0

package mptcp

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
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
	conn   *netlink.Conn
	raw    syscall.RawConn
	family uint16
	lost   uint32 // that were told of already
	closed atomic.Bool
}

// DialEvents hears the events of the network namespace of the calling thread
// from now on. It needs CAP_NET_ADMIN: the error is then compatible with
// errors.Is(err, os.ErrPermission). It returns ErrNotSupported when the kernel
// has no MPTCP.
func DialEvents() (*Events, error) {
	conn, err := open(unbounded)
	if err != nil {
		return nil, err
	}
	e := &Events{conn: conn}
	if err := e.join(); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return e, nil
}

func (e *Events) join() error {
	family, err := lookup(e.conn, familyName)
	if err != nil {
		return err
	}
	e.family = family.ID
	// Events come when they come.
	if err := e.conn.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	if e.raw, err = e.conn.SyscallConn(); err != nil {
		return err
	}
	if err := e.SetBuffer(eventsBuffer); err != nil {
		return err
	}
	return e.joinGroup(family.Groups)
}

func (e *Events) joinGroup(groups []genetlink.MulticastGroup) error {
	for _, g := range groups {
		if g.Name != eventsGroup {
			continue
		}
		if err := e.conn.JoinGroup(g.ID); err != nil {
			return fmt.Errorf("multicast group %s: %w", eventsGroup, kernelError(err))
		}
		return nil
	}
	return ErrNotSupported
}

// SetBuffer sets the size of the receive buffer in bytes, which is 1 MiB
// without it. The kernel doubles it, and gives no less than about 2 kB.
func (e *Events) SetBuffer(bytes int) error {
	// With CAP_NET_ADMIN, net.core.rmem_max is no bound (SO_RCVBUFFORCE).
	if err := e.conn.SetReadBuffer(bytes); err != nil {
		return fmt.Errorf("receive buffer: %w", err)
	}
	return nil
}

// Receive waits for events. With some, it may return a *LostError: others were
// dropped about that time, and Receive can be called again. Every other error
// is final; after Close it is compatible with errors.Is(err, os.ErrClosed).
func (e *Events) Receive() ([]Event, error) {
	msgs, err := e.conn.Receive()
	full := errors.Is(err, unix.ENOBUFS)
	if err != nil && !full {
		if e.closed.Load() {
			err = os.ErrClosed // the library has another error for it
		}
		return nil, fmt.Errorf("events: %w", kernelError(err))
	}
	var events []Event
	for _, m := range msgs {
		if uint16(m.Header.Type) != e.family {
			continue
		}
		event, err := decodeEvent(m.Data)
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
	drops, err := e.drops()
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

// drops is SK_MEMINFO_DROPS (include/uapi/linux/sock_diag.h) of the socket, the
// same number as in the column Drops of /proc/net/netlink.
func (e *Events) drops() (n uint32, err error) {
	var info [9]uint32
	size := uint32(unsafe.Sizeof(info))
	controlErr := e.raw.Control(func(fd uintptr) {
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
		if errno != 0 {
			err = fmt.Errorf("getsockopt SO_MEMINFO: %w", errno)
		}
	})
	return info[8], errors.Join(controlErr, err)
}

// Close ends a waiting Receive.
func (e *Events) Close() error {
	e.closed.Store(true)
	return e.conn.Close()
}
