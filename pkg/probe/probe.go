// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"encoding/binary"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/config"
)

// Prober sends the probes of one line in one family. Each has a socket of its own, which
// is bound to the device and to the address: one that is bound to the device alone may
// leave with the address of another line (tried on 6.18). It is used by one goroutine
// at a time.
type Prober struct {
	Device string
	Source netip.Addr
	// Beyond reports whether an address is beyond the line's own network: an error that
	// comes from within is no sign of life.
	Beyond func(netip.Addr) bool

	sent []query
}

// Answer is what came back for a probe, and after which time.
type Answer struct {
	Seq uint16
	RTT time.Duration
}

// query is a probe without an answer yet.
type query struct {
	fd   int
	kind config.TargetKind
	seq  uint16
	at   time.Time
}

const (
	dnsPort = 53 // RFC 1035 section 4.2.1
	// hopPort is where traceroute begins, and hopTTL lets a packet pass the modem only.
	hopPort = 33434
	hopTTL  = 2

	lifetime = 5 * time.Second // of a socket
	most     = 32              // sockets at a time
)

// Hop is the target that stands for the next router beyond the modem. Its address, that
// of a root name server, which has a route everywhere, is never reached.
func Hop(ipv6 bool) config.Target {
	if ipv6 {
		return config.Target{Kind: config.TargetHop, Addr: netip.MustParseAddr("2001:503:ba3e::2:30")}
	}
	return config.Target{Kind: config.TargetHop, Addr: netip.MustParseAddr("198.41.0.4")}
}

// Send sends a probe. An error means that none has left.
func (p *Prober) Send(t config.Target, seq uint16) error {
	p.expire()
	if len(p.sent) >= most {
		p.drop(0)
	}
	fd, err := p.open(t)
	if err != nil {
		return err
	}
	q := query{fd, t.Kind, seq, time.Now()}
	switch t.Kind {
	case config.TargetDNS:
		_, err = unix.Write(fd, question(seq))
	case config.TargetPing:
		_, err = unix.Write(fd, echo(t.Addr, seq))
	case config.TargetHop:
		_, err = unix.Write(fd, nil)
	}
	if err != nil {
		unix.Close(fd)
		return os.NewSyscallError("send", err)
	}
	p.sent = append(p.sent, q)
	return nil
}

// open makes the socket, bound and connected.
func (p *Prober) open(t config.Target) (fd int, err error) {
	family, icmp := unix.AF_INET, unix.IPPROTO_ICMP
	if t.Addr.Is6() {
		family, icmp = unix.AF_INET6, unix.IPPROTO_ICMPV6
	}
	kind, protocol, port := unix.SOCK_DGRAM, 0, uint16(dnsPort)
	switch t.Kind {
	case config.TargetTCP:
		kind, port = unix.SOCK_STREAM, t.Port
	case config.TargetPing:
		protocol, port = icmp, 0
	case config.TargetHop:
		port = hopPort
	}
	fd, err = unix.Socket(family, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	err = unix.SetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE, p.Device)
	if err == nil {
		err = unix.Bind(fd, sockaddr(p.Source, 0))
	}
	if err == nil && t.Kind == config.TargetHop {
		err = hopOptions(fd, family)
	}
	if err == nil && t.Kind == config.TargetTCP {
		// It is closed by a reset: the peer has to answer nothing more.
		err = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	if err == nil {
		if err = unix.Connect(fd, sockaddr(t.Addr, port)); err == unix.EINPROGRESS {
			err = nil
		}
	}
	if err != nil {
		unix.Close(fd)
		return -1, os.NewSyscallError("probe", err)
	}
	return fd, nil
}

func hopOptions(fd, family int) error {
	level, ttl, errors := unix.IPPROTO_IP, unix.IP_TTL, unix.IP_RECVERR
	if family == unix.AF_INET6 {
		level, ttl, errors = unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, unix.IPV6_RECVERR
	}
	if err := unix.SetsockoptInt(fd, level, ttl, hopTTL); err != nil {
		return err
	}
	return unix.SetsockoptInt(fd, level, errors, 1)
}

func sockaddr(a netip.Addr, port uint16) unix.Sockaddr {
	if a.Is4() {
		return &unix.SockaddrInet4{Addr: a.As4(), Port: int(port)}
	}
	return &unix.SockaddrInet6{Addr: a.As16(), Port: int(port)}
}

// question asks for the name servers of the root, which a forwarder passes on (RFC 1035
// section 4.1).
func question(id uint16) []byte {
	return []byte{
		byte(id >> 8), byte(id), 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, // recursion desired, one question
		0, 0, 2, 0, 1, // the root, type NS, class IN
	}
}

// echo is an echo request (RFC 792, RFC 4443 section 4.1). The kernel fills in the
// identifier and the checksum (ping_v4_sendmsg in net/ipv4/ping.c).
func echo(to netip.Addr, seq uint16) []byte {
	b := []byte{8, 0, 0, 0, 0, 0, 0, 0}
	if to.Is6() {
		b[0] = 128
	}
	binary.BigEndian.PutUint16(b[6:], seq)
	return b
}

// Waits reports whether an answer is still to come for a probe that was sent a moment ago.
func (p *Prober) Waits() bool {
	return len(p.sent) > 0 && time.Since(p.sent[len(p.sent)-1].at) < moment
}

const moment = 150 * time.Millisecond

// Answers are those that have come since the last call.
func (p *Prober) Answers() (all []Answer) {
	p.expire()
	for i := 0; i < len(p.sent); {
		q := p.sent[i]
		life, done := p.look(q)
		if life {
			all = append(all, Answer{q.seq, time.Since(q.at)})
		}
		if done {
			p.drop(i)
		} else {
			i++
		}
	}
	return all
}

func (p *Prober) expire() {
	for len(p.sent) > 0 && time.Since(p.sent[0].at) > lifetime {
		p.drop(0)
	}
}

func (p *Prober) drop(i int) {
	unix.Close(p.sent[i].fd)
	p.sent = append(p.sent[:i], p.sent[i+1:]...)
}

// Close ends all that waits.
func (p *Prober) Close() {
	for len(p.sent) > 0 {
		p.drop(0)
	}
}

// look reports whether an answer came that is a sign of life, and whether nothing more is
// to come.
func (p *Prober) look(q query) (life, done bool) {
	if q.kind == config.TargetTCP {
		return connected(q.fd)
	}
	if q.kind == config.TargetHop {
		if life, done = p.hop(q.fd); done {
			return life, done
		}
	}
	var b [512]byte
	n, err := unix.Read(q.fd, b[:])
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
		return false, false
	case err != nil:
		// Port unreachable: whoever says that is the target, or near it.
		return err == unix.ECONNREFUSED, true
	case q.kind == config.TargetDNS:
		return answered(b[:n], q.seq)
	case q.kind == config.TargetPing:
		return n > 0 && (b[0] == 0 || b[0] == 129), true
	}
	return true, true
}

// connected reports how a connection attempt ended: established and refused are both an
// answer of the peer.
func connected(fd int) (life, done bool) {
	poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
	if n, err := unix.Poll(poll, 0); err != nil || n == 0 {
		return false, false
	}
	code, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	return err == nil && (code == 0 || code == int(unix.ECONNREFUSED)), true
}

// The answers of a forwarder that cannot reach anybody (RFC 1035 section 4.1.1).
const (
	rcodeServerFailure = 2
	rcodeRefused       = 5
)

func answered(b []byte, id uint16) (life, done bool) {
	if len(b) < 12 || binary.BigEndian.Uint16(b) != id || b[2]&0x80 == 0 {
		return false, false
	}
	rcode := b[3] & 15
	return rcode != rcodeServerFailure && rcode != rcodeRefused, true
}

// hop reads the error that a router has sent (struct sock_extended_err and SO_EE_OFFENDER
// of include/uapi/linux/errqueue.h): it is a sign of life if the router is beyond the
// line's own network.
func (p *Prober) hop(fd int) (life, done bool) {
	var data [64]byte
	var control [256]byte
	_, n, _, _, err := unix.Recvmsg(fd, data[:], control[:], unix.MSG_ERRQUEUE)
	if err != nil {
		return false, false
	}
	messages, err := unix.ParseSocketControlMessage(control[:n])
	if err != nil {
		return false, true
	}
	for _, m := range messages {
		if from, ok := offender(m.Data); ok && p.Beyond(from) {
			return true, true
		}
	}
	return false, true
}

// Origins of an error (SO_EE_ORIGIN_ICMP, SO_EE_ORIGIN_ICMP6).
const (
	originICMP  = 2
	originICMP6 = 3
)

func offender(b []byte) (netip.Addr, bool) {
	const size = 16 // of struct sock_extended_err; a sockaddr follows
	if len(b) < size+8 || b[4] != originICMP && b[4] != originICMP6 {
		return netip.Addr{}, false
	}
	switch family := binary.NativeEndian.Uint16(b[size:]); {
	case family == unix.AF_INET:
		return netip.AddrFrom4([4]byte(b[size+4 : size+8])), true
	case family == unix.AF_INET6 && len(b) >= size+24:
		return netip.AddrFrom16([16]byte(b[size+8 : size+24])), true
	}
	return netip.Addr{}, false
}
