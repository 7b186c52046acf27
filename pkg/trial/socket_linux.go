// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/kernel"
)

// socket is one that does not block.
type socket int

func open(protocol int, family netip.Addr) (socket, error) {
	return openAs(unix.SOCK_STREAM, protocol, family)
}

func openAs(typ, protocol int, family netip.Addr) (socket, error) {
	domain := unix.AF_INET6
	if family.Is4() {
		domain = unix.AF_INET
	}
	fd, err := unix.Socket(domain, typ|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, protocol)
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

func sockaddr(a netip.Addr, port uint16) unix.Sockaddr {
	if a.Is4() {
		return &unix.SockaddrInet4{Port: int(port), Addr: a.As4()}
	}
	return &unix.SockaddrInet6{Port: int(port), Addr: a.As16()}
}

// connect connects from the address of a line. It returns ETIMEDOUT when the patience has
// come to its end.
func (t *Test) connect(s socket, l *Line) error {
	err := unix.Bind(int(s), sockaddr(l.Source, 0))
	if err == nil {
		err = unix.Connect(int(s), sockaddr(t.To.Addr(), t.To.Port()))
	}
	if err != unix.EINPROGRESS {
		return err
	}
	if !s.await(&t.clock, unix.POLLOUT, t.until()) {
		return unix.ETIMEDOUT
	}
	errno, err := unix.GetsockoptInt(int(s), unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && errno != 0 {
		err = unix.Errno(errno)
	}
	if err == nil {
		// Of a subflow that ended with its endpoint there is no error.
		_, err = unix.Getpeername(int(s))
	}
	return err
}

// pollSlice is after how many ms at most the end of a context is noticed.
const pollSlice = 50

// await waits for events, and reports whether one has come in time.
func (s socket) await(c *clock, events int16, until int) bool {
	fds := [1]unix.PollFd{{Fd: int32(s), Events: events}}
	for c.ctx.Err() == nil {
		left := until - c.now()
		if left <= 0 {
			break
		}
		if n, _ := unix.Poll(fds[:], min(left, pollSlice)); n > 0 {
			return true
		}
	}
	return false
}

// Level and options of MPTCP sockets (include/uapi/linux/mptcp.h; SOL_MPTCP stands in
// include/linux/socket.h).
const (
	solMPTCP     = 284
	mptcpInfo    = 1
	mptcpTCPInfo = 2
	mptcpAddrs   = 3
)

func (s socket) option(level, name int, b []byte) error {
	length := uint32(len(b))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(s), uintptr(level), uintptr(name),
		uintptr(unsafe.Pointer(&b[0])), uintptr(unsafe.Pointer(&length)), 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// rtt is the round trip of the handshake in microseconds: tcpi_rtt of struct tcp_info
// (include/uapi/linux/tcp.h). MPTCP answers with that of its first subflow.
func (s socket) rtt() uint32 {
	const at = 68
	b := make([]byte, at+4)
	_ = s.option(unix.IPPROTO_TCP, unix.TCP_INFO, b) // it stays zero
	return binary.NativeEndian.Uint32(b[at:])
}

// multipath reports whether a socket is MPTCP. One that has fallen back is asked as a TCP
// socket, which has no such option (net/mptcp/sockopt.c, mptcp_getsockopt), as one is that a
// listener accepts without MPTCP.
func (s socket) multipath() bool {
	return s.option(solMPTCP, mptcpInfo, make([]byte, 8)) == nil
}

// Lengths of struct mptcp_subflow_data, of struct mptcp_subflow_addrs and its half, and of
// as much of struct tcp_info as has its state, the first byte; how many subflows are asked
// for.
const (
	dataLen    = 16
	addrLen    = 128
	addrsLen   = 2 * addrLen
	infoLen    = 8
	maxAnswers = 64
)

// established is TCP_ESTABLISHED (include/net/tcp_states.h).
const established = 1

// subflows calls fn with those that are there, and those that are being opened. That needs
// no privilege.
func (s socket) subflows(fn func(local, remote netip.Addr, isEstablished bool)) error {
	addrs, err := s.perSubflow(mptcpAddrs, addrsLen)
	if err != nil {
		return err
	}
	states, err := s.perSubflow(mptcpTCPInfo, infoLen)
	if err != nil {
		return err
	}
	// They are asked for apart: one more or less is seen the next time.
	for len(addrs) > 0 && len(states) > 0 {
		fn(address(addrs), address(addrs[addrLen:]), states[0] == established)
		addrs, states = addrs[addrsLen:], states[infoLen:]
	}
	return nil
}

// perSubflow asks for an array with one element for each subflow.
func (s socket) perSubflow(name, length int) ([]byte, error) {
	b := make([]byte, dataLen+maxAnswers*length)
	binary.NativeEndian.PutUint32(b, dataLen)
	binary.NativeEndian.PutUint32(b[12:], uint32(length))
	if err := s.option(solMPTCP, name, b); err != nil {
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

// synPatience is for how many ms a connection waits for an answer: half a second less than
// until the first SYN without MPTCP. The kernel sends one after as many lost
// retransmissions as the setting says, which Linux before 6.15 does not have, a second apart
// (from 6.5 on, net.ipv4.tcp_syn_linear_timeouts; the pauses doubled before).
func synPatience() int {
	const most = 2
	text, _, _ := kernel.Sysctl("net/mptcp/syn_retrans_before_tcp_fallback")
	n, err := strconv.Atoi(text)
	if err != nil || n > most {
		n = most
	}
	return n*1000 + 500
}
