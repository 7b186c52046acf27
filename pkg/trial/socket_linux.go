// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"context"
	"encoding/binary"
	"errors"
	"net/netip"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/kernel"
)

// socket is a TCP or MPTCP socket that does not block.
type socket int

func open(protocol int, family netip.Addr) (socket, error) {
	domain := unix.AF_INET6
	if family.Is4() {
		domain = unix.AF_INET
	}
	fd, err := unix.Socket(domain, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, protocol)
	return socket(fd), err
}

// Available says why no MPTCP connection to an address can be tried on this machine.
func Available(to netip.Addr) error {
	s, err := open(unix.IPPROTO_MPTCP, to)
	switch err {
	case nil:
		s.close()
	case unix.ENOPROTOOPT:
		return errors.New("MPTCP is switched off (net.mptcp.enabled)")
	case unix.EPROTONOSUPPORT:
		return errors.New("this kernel does not support Multipath TCP")
	}
	return err
}

func (s socket) close() { _ = unix.Close(int(s)) }

// bindDevice binds the socket to the device of a line; a user may do that too, from Linux
// 5.7 on. Beside an address it is needed: a rule of another program could send the packets
// elsewhere.
func (s socket) bindDevice(device string) error {
	return unix.SetsockoptString(int(s), unix.SOL_SOCKET, unix.SO_BINDTODEVICE, device)
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

// connect returns ETIMEDOUT at the deadline and at the end of ctx.
func (s socket) connect(ctx context.Context, from netip.Addr, to netip.AddrPort, deadline time.Time) error {
	if err := unix.Bind(int(s), sockaddr(netip.AddrPortFrom(from, 0))); err != nil {
		return err
	}
	err := unix.Connect(int(s), sockaddr(to))
	if err != unix.EINPROGRESS {
		return err
	}
	if !s.await(ctx, unix.POLLOUT, deadline) {
		return unix.ETIMEDOUT
	}
	errno, err := unix.GetsockoptInt(int(s), unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && errno != 0 {
		err = unix.Errno(errno)
	}
	return err
}

// pollSlice is after how much time at most the end of a context is noticed.
const pollSlice = 50 * time.Millisecond

// await waits for events, and reports whether one has come in time.
func (s socket) await(ctx context.Context, events int16, deadline time.Time) bool {
	for ctx.Err() == nil {
		left := time.Until(deadline)
		if left <= 0 {
			return false
		}
		fds := [1]unix.PollFd{{Fd: int32(s), Events: events}}
		n, err := unix.Poll(fds[:], int(min(left, pollSlice)/time.Millisecond)+1)
		if n > 0 || err != nil && err != unix.EINTR {
			return n > 0
		}
	}
	return false
}

// rtt is the round trip of the handshake: tcpi_rtt of struct tcp_info
// (include/uapi/linux/tcp.h), in microseconds. MPTCP answers with that of its first subflow.
func (s socket) rtt() time.Duration {
	info, err := unix.GetsockoptTCPInfo(int(s), unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return 0
	}
	return time.Duration(info.Rtt) * time.Microsecond
}

// Level and options of MPTCP sockets (include/uapi/linux/mptcp.h; SOL_MPTCP stands in
// include/linux/socket.h).
const (
	solMPTCP     = 284
	mptcpInfo    = 1
	mptcpTCPInfo = 2
	mptcpAddrs   = 3
)

// multipath reports whether an MPTCP socket has not fallen back. One that has is asked as a
// TCP socket, which has no such option (net/mptcp/sockopt.c, mptcp_getsockopt).
func (s socket) multipath() bool {
	protocol, err := unix.GetsockoptInt(int(s), unix.SOL_SOCKET, unix.SO_PROTOCOL)
	if err != nil || protocol != unix.IPPROTO_MPTCP {
		return false // as those are which a listener accepts without MPTCP
	}
	var info [8]byte
	_, err = s.option(mptcpInfo, info[:])
	return err == nil
}

func (s socket) option(name int, b []byte) (int, error) {
	length := uint32(len(b))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(s), solMPTCP, uintptr(name),
		uintptr(unsafe.Pointer(&b[0])), uintptr(unsafe.Pointer(&length)), 0)
	if errno != 0 {
		return 0, errno
	}
	return int(length), nil
}

// subflow is one of an MPTCP socket.
type subflow struct {
	local, remote netip.Addr
	established   bool
}

// Lengths of struct mptcp_subflow_data, of struct mptcp_subflow_addrs with its two halves,
// and of as much of struct tcp_info as has its state, the first byte; how many subflows are
// asked for.
const (
	dataLen    = 16
	addrLen    = 128
	infoLen    = 8
	maxAnswers = 64
)

// established is TCP_ESTABLISHED (include/net/tcp_states.h).
const established = 1

// subflows lists those that are there and those that are being opened, which needs no
// privilege. States and addresses are asked for apart: between the questions nothing may
// have changed.
func (s socket) subflows() ([]subflow, error) {
	for {
		before, err := s.perSubflow(mptcpAddrs, 2*addrLen)
		if err != nil {
			return nil, err
		}
		states, err := s.perSubflow(mptcpTCPInfo, infoLen)
		if err != nil {
			return nil, err
		}
		after, err := s.perSubflow(mptcpAddrs, 2*addrLen)
		if err != nil {
			return nil, err
		}
		if string(before) != string(after) || len(states)/infoLen != len(after)/(2*addrLen) {
			continue
		}
		all := make([]subflow, len(states)/infoLen)
		for i := range all {
			pair := after[i*2*addrLen:]
			all[i] = subflow{address(pair), address(pair[addrLen:]), states[i*infoLen] == established}
		}
		return all, nil
	}
}

// perSubflow asks for an array with one element for each subflow.
func (s socket) perSubflow(name, length int) ([]byte, error) {
	b := make([]byte, dataLen+maxAnswers*length)
	binary.NativeEndian.PutUint32(b, dataLen)
	binary.NativeEndian.PutUint32(b[12:], uint32(length))
	if _, err := s.option(name, b); err != nil {
		return nil, err
	}
	count := min(int(binary.NativeEndian.Uint32(b[4:])), maxAnswers)
	return b[dataLen : dataLen+count*length], nil
}

// address reads a struct sockaddr_in or sockaddr_in6.
func address(b []byte) netip.Addr {
	if binary.NativeEndian.Uint16(b) == unix.AF_INET {
		return netip.AddrFrom4([4]byte(b[4:8]))
	}
	return netip.AddrFrom16([16]byte(b[8:24])).Unmap()
}

// synPatience is how long a connection waits for an answer: half a second less than until
// the first SYN without MPTCP. The kernel sends one after as many lost retransmissions as
// the setting says, which Linux before 6.15 does not have, a second apart (from 6.5 on,
// net.ipv4.tcp_syn_linear_timeouts; the pauses doubled before).
func synPatience() time.Duration {
	const most = 2
	retransmissions := most
	if text, ok, err := kernel.Sysctl("net/mptcp/syn_retrans_before_tcp_fallback"); ok && err == nil {
		if n, err := strconv.Atoi(text); err == nil {
			retransmissions = min(n, most)
		}
	}
	return time.Duration(retransmissions)*time.Second + time.Second/2
}
