// SPDX-License-Identifier: Apache-2.0

package sockdiag

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// Messages and attributes: include/uapi/linux/sock_diag.h and inet_diag.h.
const (
	sockDiagByFamily = 20

	reqLen          = 56 // struct inet_diag_req_v2
	reqID           = 8  // its id
	reqCookie       = 48 // its id.idiag_cookie
	reqAttrProtocol = 3  // INET_DIAG_REQ_PROTOCOL

	msgLen      = 72 // struct inet_diag_msg
	msgID       = 4  // its id
	idLen       = 48 // struct inet_diag_sockid
	attrInfo    = 2  // INET_DIAG_INFO
	attrUlpInfo = 19 // INET_DIAG_ULP_INFO

	// NLA_TYPE_MASK, include/uapi/linux/netlink.h
	attrTypeMask = 0x3fff

	ulpName  = 1 // INET_ULP_INFO_NAME
	ulpMPTCP = 3 // INET_ULP_INFO_MPTCP

	// MPTCP_SUBFLOW_ATTR_*, include/uapi/linux/mptcp_pm.h
	subflowTokenLoc = 2
	subflowFlags    = 8
	subflowIDRem    = 9
	subflowIDLoc    = 10

	// MPTCP_INFO_FLAG_FALLBACK, include/uapi/linux/mptcp.h
	infoFallback = 1 << 0
)

// encodeRequest asks for the sockets of a family and a protocol that are in one
// of the states, a set of 1<<State.
func encodeRequest(family uint8, protocol uint32, states uint32) []byte {
	b := make([]byte, reqLen, reqLen+8)
	b[0] = family
	// The field has eight bits. A protocol that does not fit goes into an
	// attribute, which the kernel prefers.
	b[1] = unix.IPPROTO_TCP
	b[2] = 1 << (attrInfo - 1)
	binary.NativeEndian.PutUint32(b[4:], states)
	if protocol <= 0xff {
		b[1] = uint8(protocol)
		return b
	}
	b = binary.NativeEndian.AppendUint16(b, 8)
	b = binary.NativeEndian.AppendUint16(b, reqAttrProtocol)
	return binary.NativeEndian.AppendUint32(b, protocol)
}

// encodeLookup asks for the one MPTCP connection with this token, which takes
// the place of the cookie (mptcp_diag_dump_one in net/mptcp/mptcp_diag.c).
func encodeLookup(token uint32) []byte {
	b := encodeRequest(unix.AF_INET, unix.IPPROTO_MPTCP, anyState)
	binary.NativeEndian.PutUint32(b[reqCookie:], token)
	return b
}

// inetMsg is the part of struct inet_diag_msg that all protocols share.
type inetMsg struct {
	local, remote netip.AddrPort
	state         State
	ifIndex       int
	cookie        uint64
}

// decodeMsg reads the fixed part of a reply and returns its attributes.
func decodeMsg(b []byte) (inetMsg, []byte, error) {
	if len(b) < msgLen {
		return inetMsg{}, nil, fmt.Errorf("socket message of %d bytes", len(b))
	}
	size := 4
	switch b[0] {
	case unix.AF_INET:
	case unix.AF_INET6:
		size = 16
	default:
		return inetMsg{}, nil, fmt.Errorf("socket of family %d", b[0])
	}
	addrPort := func(addr, port []byte) netip.AddrPort {
		a, _ := netip.AddrFromSlice(addr)
		return netip.AddrPortFrom(a.Unmap(), binary.BigEndian.Uint16(port))
	}
	return inetMsg{
		local:   addrPort(b[8:8+size], b[4:]),
		remote:  addrPort(b[24:24+size], b[6:]),
		state:   State(b[1]),
		ifIndex: int(binary.NativeEndian.Uint32(b[40:])),
		cookie:  uint64(binary.NativeEndian.Uint32(b[44:])) | uint64(binary.NativeEndian.Uint32(b[48:]))<<32,
	}, b[msgLen:], nil
}

// nextAttribute takes the first attribute (struct nlattr) off b. The library's
// decoder would allocate for every message.
func nextAttribute(b []byte) (typ uint16, data record, rest []byte, err error) {
	const header = 4
	if len(b) < header {
		return 0, nil, nil, fmt.Errorf("attribute of %d bytes", len(b))
	}
	n := int(binary.NativeEndian.Uint16(b))
	if n < header || n > len(b) {
		return 0, nil, nil, fmt.Errorf("attribute of %d bytes in %d", n, len(b))
	}
	aligned := min((n+3)&^3, len(b))
	return binary.NativeEndian.Uint16(b[2:]) & attrTypeMask, b[header:n], b[aligned:], nil
}

// decodeConnection reads a reply of the MPTCP dump.
func decodeConnection(b []byte) (Connection, error) {
	m, attrs, err := decodeMsg(b)
	if err != nil {
		return Connection{}, err
	}
	var info record
	for len(attrs) > 0 {
		typ, data, rest, err := nextAttribute(attrs)
		if err != nil {
			return Connection{}, err
		}
		if typ == attrInfo {
			info = data
		}
		attrs = rest
	}
	// struct mptcp_info has had the token since it exists, and grows at its end.
	if len(info) < 16 {
		return Connection{}, errors.New("MPTCP socket message without token")
	}
	return Connection{
		Token:    info.u32(12),
		Local:    m.local,
		Remote:   m.remote,
		State:    m.state,
		Fallback: info.u32(8)&infoFallback != 0,
		MPTCP:    decodeMPTCPInfo(info),
	}, nil
}

// decodeMPTCPInfo reads struct mptcp_info (include/uapi/linux/mptcp.h).
func decodeMPTCPInfo(r record) MPTCPInfo {
	i := MPTCPInfo{
		Subflows:        r.u8(0),
		SubflowsMax:     r.u8(3),
		SubflowsTotal:   -1,
		AddAddrSignal:   r.u8(1),
		AddAddrAccepted: r.u8(2),
		Checksum:        r.u8(42) != 0,
		Counted:         len(r) >= 80,
		Retransmits:     r.u32(44),
		BytesRetrans:    r.u64(48),
		BytesSent:       r.u64(56),
		BytesReceived:   r.u64(64),
		BytesAcked:      r.u64(72),
	}
	if len(r) > 80 {
		i.SubflowsTotal = int(r[80])
	}
	return i
}

// decodeSubflow reads a reply of the TCP dump. Its second result is false for a
// socket that is no subflow.
func decodeSubflow(b []byte) (s Subflow, found bool, err error) {
	m, attrs, err := decodeMsg(b)
	if err != nil {
		return Subflow{}, false, err
	}
	var info record
	for len(attrs) > 0 {
		typ, data, rest, err := nextAttribute(attrs)
		if err != nil {
			return Subflow{}, false, err
		}
		switch typ {
		case attrInfo:
			info = data
		case attrUlpInfo:
			if found, err = decodeULP(data, &s); err != nil {
				return Subflow{}, false, err
			}
		}
		attrs = rest
	}
	s.Socket[0] = b[0]
	copy(s.Socket[1:], b[msgID:])
	s.Cookie, s.Local, s.Remote, s.IfIndex, s.State = m.cookie, m.local, m.remote, m.ifIndex, m.state
	if found {
		s.TCP = decodeTCPInfo(info)
	}
	return s, found, nil
}

// decodeULP reads the upper layer's part and tells whether that is MPTCP.
func decodeULP(attrs []byte, s *Subflow) (bool, error) {
	var named, token bool
	for len(attrs) > 0 {
		typ, data, rest, err := nextAttribute(attrs)
		if err != nil {
			return false, err
		}
		switch typ {
		case ulpName:
			named = string(data) == "mptcp\x00"
		case ulpMPTCP:
			if token, err = decodeSubflowInfo(data, s); err != nil {
				return false, err
			}
		}
		attrs = rest
	}
	return named && token, nil
}

// decodeSubflowInfo reads MPTCP_SUBFLOW_ATTR_* and tells whether there is a token.
func decodeSubflowInfo(attrs []byte, s *Subflow) (token bool, err error) {
	for len(attrs) > 0 {
		typ, data, rest, err := nextAttribute(attrs)
		if err != nil {
			return false, err
		}
		want := 4
		switch typ {
		case subflowTokenLoc:
			s.Token, token = data.u32(0), true
		case subflowFlags:
			s.Flags = SubflowFlags(data.u32(0))
		case subflowIDRem:
			s.RemoteID, want = data.u8(0), 1
		case subflowIDLoc:
			s.LocalID, want = data.u8(0), 1
		default:
			want = len(data)
		}
		if len(data) != want {
			return false, fmt.Errorf("subflow attribute %d of %d bytes", typ, len(data))
		}
		attrs = rest
	}
	return token, nil
}

// decodeTCPInfo reads struct tcp_info (include/uapi/linux/tcp.h), which grows
// at its end.
func decodeTCPInfo(r record) TCPInfo {
	// tcpi_delivery_rate_app_limited is the first bit field of its byte: the
	// lowest bit, and the highest on a big-endian machine.
	appLimited := uint8(1)
	if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 {
		appLimited = 1 << 7
	}
	return TCPInfo{
		RTT:           time.Duration(r.u32(68)) * time.Microsecond,
		Cwnd:          r.u32(80),
		Retrans:       r.u32(100),
		Timeouts:      r.u8(2),
		BytesAcked:    r.u64(120),
		BytesReceived: r.u64(128),
		BytesSent:     r.u64(200),
		BytesRetrans:  r.u64(208),
		DeliveryRate:  r.u64(160),
		AppLimited:    r.u8(7)&appLimited != 0,
		LastSent:      time.Duration(r.u32(44)) * time.Millisecond,
		LastReceived:  time.Duration(r.u32(52)) * time.Millisecond,
	}
}

// record is a structure of the kernel of which only the beginning may be there.
// What lies beyond its end reads as zero.
type record []byte

func (r record) u8(offset int) uint8 {
	if len(r) <= offset {
		return 0
	}
	return r[offset]
}

func (r record) u32(offset int) uint32 {
	if len(r) < offset+4 {
		return 0
	}
	return binary.NativeEndian.Uint32(r[offset:])
}

func (r record) u64(offset int) uint64 {
	if len(r) < offset+8 {
		return 0
	}
	return binary.NativeEndian.Uint64(r[offset:])
}
