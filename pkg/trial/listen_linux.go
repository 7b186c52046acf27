// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"context"
	"net/netip"
	"slices"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// greeting is what Listen sends to a client that has come without MPTCP: that it is spoken
// here.
const greeting = "mptcpctl test: this server speaks MPTCP\n"

// greeted reads what the server says first, and reports whether it is the greeting.
func (s socket) greeted(c *clock, until int) bool {
	b := make([]byte, len(greeting))
	for n := 0; s.await(c, unix.POLLIN, until); {
		more, err := unix.Read(int(s), b[n:])
		if more <= 0 || err != nil {
			return false
		}
		if n += more; n == len(b) {
			return string(b) == greeting
		}
	}
	return false
}

// Visit is a connection that Listen has had.
type Visit struct {
	From      string
	Multipath bool
	// Subflows are the addresses from which subflows came, the first one first.
	Subflows []string

	socket socket
	end    int
}

// How Listen treats its clients: each may stay for as long as a test could last, in ms, and
// more than so many wait. Their subflows are looked at every visitPoll ms.
const (
	visitPoll = 20
	maxVisit  = 60_000
	maxVisits = 64
	backlog   = 128
)

// Listen is the far side of a test: it takes connections, and calls ended with each when it
// has ended, until that returns false, or ctx ends.
func Listen(ctx context.Context, at netip.AddrPort, ended func(*Visit) bool) error {
	s, err := open(unix.IPPROTO_MPTCP, at.Addr())
	if err != nil {
		return err
	}
	defer s.close()
	err = unix.SetsockoptInt(int(s), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	if err == nil {
		err = unix.Bind(int(s), sockaddr(at.Addr(), at.Port()))
	}
	if err == nil {
		err = unix.Listen(int(s), backlog)
	}
	c := &clock{ctx, time.Now()}
	var visits []*Visit
	for err == nil && ctx.Err() == nil {
		until := c.now() + visitPoll
		if len(visits) == 0 {
			until += maxVisit
		}
		if len(visits) >= maxVisits {
			time.Sleep(visitPoll * time.Millisecond)
		} else if s.await(c, unix.POLLIN, until) {
			visits, err = s.accept(c, visits)
		}
		stay := visits[:0]
		for _, v := range visits {
			switch {
			case !v.goes(c):
				stay = append(stay, v)
			case err == nil && !ended(v):
				err = errEnough
			}
		}
		visits = stay
	}
	for _, v := range visits {
		v.socket.close()
	}
	if err == errEnough {
		return nil
	}
	return err
}

// errEnough ends Listen without an error.
const errEnough = unix.ECANCELED

// accept takes a client, if it is still there.
func (s socket) accept(c *clock, visits []*Visit) ([]*Visit, error) {
	from, length := make([]byte, addrLen), uint32(addrLen)
	fd, _, err := unix.Syscall6(unix.SYS_ACCEPT4, uintptr(s), uintptr(unsafe.Pointer(&from[0])), uintptr(unsafe.Pointer(&length)),
		unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	switch err {
	case 0:
	case unix.EAGAIN, unix.EINTR, unix.ECONNABORTED:
		return visits, nil
	default:
		return visits, err
	}
	v := &Visit{socket: socket(fd), end: c.now() + maxVisit}
	v.Multipath = v.socket.multipath()
	v.From = address(from).String()
	// With data an MPTCP client would open further subflows, and it needs no greeting.
	if !v.Multipath {
		_, _ = unix.Write(int(fd), []byte(greeting)) // a client that is gone shows when it is read from
	}
	return append(visits, v), nil
}

// goes looks at the subflows of a client, and closes its connection when it has done so.
func (v *Visit) goes(c *clock) bool {
	if v.Multipath {
		_ = v.socket.subflows(func(_, remote netip.Addr, isEstablished bool) {
			if a := remote.String(); isEstablished && !slices.Contains(v.Subflows, a) {
				v.Subflows = append(v.Subflows, a)
			}
		}) // of a connection that is closing they may not be told
	}
	n, err := unix.Read(int(v.socket), make([]byte, 512))
	if (n > 0 || err == unix.EAGAIN) && c.now() < v.end {
		return false
	}
	v.socket.close()
	return true
}
