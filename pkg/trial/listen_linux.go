// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"context"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// greeting is what Listen sends to each client: that MPTCP is spoken here.
const greeting = "mptcpctl test: this server speaks MPTCP\n"

// greeted reads what the server says first, and reports whether it is the greeting.
func (s socket) greeted(ctx context.Context, until time.Time) bool {
	var b [len(greeting)]byte
	for n := 0; s.await(ctx, unix.POLLIN, until); {
		more, err := unix.Read(int(s), b[n:])
		if more <= 0 || err != nil {
			return false
		}
		if n += more; n == len(b) {
			return string(b[:]) == greeting
		}
	}
	return false
}

// Visit is a connection that Listen has had.
type Visit struct {
	From      netip.AddrPort
	Multipath bool
	// Subflows are the addresses from which subflows came, the first one first.
	Subflows []netip.Addr
}

// How Listen treats a client: it stays until the client goes, and not longer than a
// test lasts.
const (
	visitPoll = 20 * time.Millisecond
	maxVisit  = time.Minute
	maxVisits = 64 // at the same time
	backlog   = 128
)

// Listen is the far side of a test: it takes connections, and calls ended with each when it
// has ended, until that returns false, or ctx ends.
func Listen(ctx context.Context, at netip.AddrPort, ended func(Visit) bool) error {
	s, err := open(unix.IPPROTO_MPTCP, at.Addr())
	if err != nil {
		return err
	}
	defer s.close()
	if err := unix.SetsockoptInt(int(s), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return err
	}
	if err := unix.Bind(int(s), sockaddr(at)); err != nil {
		return err
	}
	if err := unix.Listen(int(s), backlog); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	visits, places := make(chan Visit), make(chan struct{}, maxVisits)
	failed := make(chan error, 1)
	go func() {
		for {
			places <- struct{}{}
			guest, from, err := s.accept(ctx)
			if err != nil || ctx.Err() != nil {
				failed <- err
				return
			}
			go func() {
				v := guest.visit(ctx, from)
				guest.close()
				<-places
				select {
				case visits <- v:
				case <-ctx.Done():
				}
			}()
		}
	}()
	for {
		select {
		case v := <-visits:
			if !ended(v) {
				return nil
			}
		case err := <-failed:
			return err
		}
	}
}

// accept waits for a client. At the end of ctx there is none, and no error.
func (s socket) accept(ctx context.Context) (socket, netip.AddrPort, error) {
	for ctx.Err() == nil {
		if !s.await(ctx, unix.POLLIN, time.Now().Add(time.Hour)) {
			continue
		}
		fd, from, err := unix.Accept4(int(s), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch err {
		case nil:
			return socket(fd), addrPort(from), nil
		case unix.EAGAIN, unix.EINTR, unix.ECONNABORTED:
		default:
			return -1, netip.AddrPort{}, err
		}
	}
	return -1, netip.AddrPort{}, nil
}

func addrPort(sa unix.Sockaddr) netip.AddrPort {
	switch a := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), uint16(a.Port))
	}
	return netip.AddrPort{}
}

// visit greets a client, and looks at its subflows until it goes.
func (s socket) visit(ctx context.Context, from netip.AddrPort) Visit {
	v := Visit{From: from, Multipath: s.multipath()}
	_, _ = unix.Write(int(s), []byte(greeting)) // a client that is gone shows below
	for end := time.Now().Add(maxVisit); ctx.Err() == nil && time.Now().Before(end); {
		if v.Multipath {
			all, _ := s.subflows()
			for _, f := range all {
				if f.established {
					v.Subflows = unique(v.Subflows, f.remote)
				}
			}
		}
		if !s.await(ctx, unix.POLLIN, time.Now().Add(visitPoll)) {
			continue
		}
		var b [512]byte
		if n, err := unix.Read(int(s), b[:]); n <= 0 && err != unix.EAGAIN && err != unix.EINTR {
			break
		}
	}
	return v
}
