// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Timeout is how long a socket that asks waits for the next batch of an answer. The
// kernel has it ready when the request is sent, or makes it when it is asked for.
const Timeout = 5 * time.Second

// Socket is a netlink socket. One that asks has no poller: its answers are there when
// the request has been sent, so that a wait in the system call costs nothing, where a
// poller costs an event its three first system calls and a thread. It is used by one
// goroutine at a time; of one that listens, Close may be called by another, and ends a
// Receive.
type Socket struct {
	fd     int
	file   *os.File // of one that listens
	raw    syscall.RawConn
	port   uint32
	seq    uint32
	buffer []byte
}

// Dial opens a socket that asks, in the network namespace of the calling thread. The
// kernel's answers have its extended acknowledgements. With strict it checks the
// requests for dumps and heeds their filters (NETLINK_GET_STRICT_CHK); generic netlink
// and socket diagnosis have no use for that.
func Dial(protocol int, strict bool) (*Socket, error) {
	s, err := open(protocol, 0, 0)
	if err != nil {
		return nil, err
	}
	err = s.option(unix.NETLINK_EXT_ACK, 1)
	if err == nil && strict {
		err = s.option(unix.NETLINK_GET_STRICT_CHK, 1)
	}
	if err == nil {
		err = s.wait(Timeout)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Listen opens a socket that hears the multicast groups of these bits, and waits for
// them without end.
func Listen(protocol int, groups uint32) (*Socket, error) {
	s, err := open(protocol, unix.SOCK_NONBLOCK, groups)
	if err != nil {
		return nil, err
	}
	s.file = os.NewFile(uintptr(s.fd), "netlink")
	if s.raw, err = s.file.SyscallConn(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// On is a socket that asks by a descriptor, which it closes. Tests have a kernel of
// their own at the other end.
func On(fd int, patience time.Duration) (*Socket, error) {
	s := &Socket{fd: fd, buffer: make([]byte, MaxLen)}
	return s, s.wait(patience)
}

func open(protocol, flags int, groups uint32) (*Socket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|flags, protocol)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	s := &Socket{fd: fd, buffer: make([]byte, MaxLen)}
	err = unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups})
	if err == nil {
		err = s.name()
	}
	if err != nil {
		return nil, errors.Join(os.NewSyscallError("bind", err), s.Close())
	}
	return s, nil
}

// name asks for the port that the kernel has chosen.
func (s *Socket) name() error {
	sa, err := unix.Getsockname(s.fd)
	if nl, ok := sa.(*unix.SockaddrNetlink); ok {
		s.port = nl.Pid
	}
	return err
}

func (s *Socket) option(option, value int) error {
	return os.NewSyscallError("setsockopt", unix.SetsockoptInt(s.fd, unix.SOL_NETLINK, option, value))
}

func (s *Socket) wait(patience time.Duration) error {
	tv := unix.NsecToTimeval(patience.Nanoseconds())
	return os.NewSyscallError("setsockopt", unix.SetsockoptTimeval(s.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv))
}

// Port is the socket's number in its namespace, which the kernel puts into the
// notification of what it asked for.
func (s *Socket) Port() uint32 { return s.port }

// Close closes the socket.
func (s *Socket) Close() error {
	if s.file != nil {
		return s.file.Close()
	}
	return os.NewSyscallError("close", unix.Close(s.fd))
}

// Ask sends a request, to whose flags it adds NLM_F_REQUEST. Its answers have the
// sequence number seq.
func (s *Socket) Ask(typ, flags uint16, body []byte) (seq uint32, err error) {
	s.seq++
	b := make([]byte, unix.SizeofNlMsghdr, unix.SizeofNlMsghdr+len(body))
	binary.NativeEndian.PutUint32(b, uint32(cap(b)))
	binary.NativeEndian.PutUint16(b[4:], typ)
	binary.NativeEndian.PutUint16(b[6:], unix.NLM_F_REQUEST|flags)
	binary.NativeEndian.PutUint32(b[8:], s.seq)
	binary.NativeEndian.PutUint32(b[12:], s.port)
	return s.seq, s.Send(append(b, body...))
}

// Send sends a whole message to the kernel, which is where an unconnected socket sends
// to (netlink_sendmsg in net/netlink/af_netlink.c).
func (s *Socket) Send(message []byte) error {
	// What the kernel does for it takes some microseconds. The scheduler would hand the
	// processor to another thread in that time, and the answer would wait for it.
	_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fd), uintptr(unsafe.Pointer(unsafe.SliceData(message))), uintptr(len(message)), 0, 0, 0)
	if errno != 0 {
		return os.NewSyscallError("send", errno)
	}
	return nil
}

// Receive waits for one batch; the next call overwrites it. One that is longer than
// MaxLen is an error. The error is os.ErrDeadlineExceeded after the timeout, and
// ENOBUFS where a socket that listens has missed something.
func (s *Socket) Receive() (batch []byte, err error) {
	var n int
	read := func(fd uintptr) bool {
		// After EINTR the message is still there, and nothing new would end a wait.
		for err = unix.EINTR; err == unix.EINTR; {
			n, _, err = unix.Recvfrom(int(fd), s.buffer, unix.MSG_TRUNC)
		}
		return err != unix.EAGAIN
	}
	if s.file == nil {
		got, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(s.fd), uintptr(unsafe.Pointer(&s.buffer[0])), uintptr(len(s.buffer)),
			unix.MSG_TRUNC|unix.MSG_DONTWAIT, 0, 0)
		switch n = int(got); errno {
		case 0:
		case unix.EAGAIN, unix.EINTR:
			if !read(uintptr(s.fd)) {
				err = os.ErrDeadlineExceeded
			}
		default:
			err = errno
		}
	} else if s.raw.Read(read) != nil {
		err = os.ErrClosed // nothing else ends a wait without a deadline
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("receive: %w", err)
	case n > len(s.buffer):
		return nil, fmt.Errorf("receive: batch of %d bytes", n)
	}
	return s.buffer[:n], nil
}

// Join adds a multicast group, by its number, to those that a socket hears.
func (s *Socket) Join(group uint32) error {
	return s.control(func(fd int) error {
		return os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, int(group)))
	})
}

// SetBuffer sets the size of the receive buffer of a socket that listens, in bytes. With
// CAP_NET_ADMIN net.core.rmem_max is no bound.
func (s *Socket) SetBuffer(bytes int) error {
	return s.control(func(fd int) error {
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, bytes) == nil {
			return nil
		}
		return os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, bytes))
	})
}

// control calls do while the descriptor of a socket that listens cannot be closed.
func (s *Socket) control(do func(fd int) error) (err error) {
	controlErr := s.raw.Control(func(fd uintptr) { err = do(int(fd)) })
	return errors.Join(controlErr, err)
}

// Drops is how many messages a socket that listens has missed so far (SK_MEMINFO_DROPS of
// include/uapi/linux/sock_diag.h), the same number as in the column Drops of
// /proc/net/netlink.
func (s *Socket) Drops() (uint32, error) {
	var info [9]uint32
	size := uint32(unsafe.Sizeof(info))
	err := s.control(func(fd int) error {
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
		if errno != 0 {
			return os.NewSyscallError("getsockopt SO_MEMINFO", errno)
		}
		return nil
	})
	return info[8], err
}
