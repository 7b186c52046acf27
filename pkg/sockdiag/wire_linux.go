// SPDX-License-Identifier: Apache-2.0

package sockdiag

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Messages and attributes: include/uapi/linux/sock_diag.h and inet_diag.h.
const (
	sockDiagByFamily = 20

	reqLen          = 56 // struct inet_diag_req_v2
	reqAttrProtocol = 3  // INET_DIAG_REQ_PROTOCOL

	msgLen      = 72 // struct inet_diag_msg
	attrInfo    = 2  // INET_DIAG_INFO
	attrUlpInfo = 19 // INET_DIAG_ULP_INFO

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

// decodeConnection reads a reply of the MPTCP dump.
func decodeConnection(b []byte) (Connection, error) {
	m, attrs, err := decodeMsg(b)
	if err != nil {
		return Connection{}, err
	}
	ad, err := netlink.NewAttributeDecoder(attrs)
	if err != nil {
		return Connection{}, err
	}
	var info record
	for ad.Next() {
		if ad.Type() == attrInfo {
			info = ad.Bytes()
		}
	}
	if err := ad.Err(); err != nil {
		return Connection{}, err
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
	}, nil
}

// decodeSubflow reads a reply of the TCP dump. Its second result is false for a
// socket that is no subflow.
func decodeSubflow(b []byte) (Subflow, bool, error) {
	m, attrs, err := decodeMsg(b)
	if err != nil {
		return Subflow{}, false, err
	}
	ad, err := netlink.NewAttributeDecoder(attrs)
	if err != nil {
		return Subflow{}, false, err
	}
	s := Subflow{Cookie: m.cookie, Local: m.local, Remote: m.remote, IfIndex: m.ifIndex, State: m.state}
	var found bool
	for ad.Next() {
		switch ad.Type() {
		case attrInfo:
			s.TCP = decodeTCPInfo(ad.Bytes())
		case attrUlpInfo:
			ad.Nested(func(nad *netlink.AttributeDecoder) error {
				found = decodeULP(nad, &s)
				return nil
			})
		}
	}
	if err := ad.Err(); err != nil {
		return Subflow{}, false, err
	}
	return s, found, nil
}

// decodeULP reads the upper layer's part and tells whether that is MPTCP.
func decodeULP(ad *netlink.AttributeDecoder, s *Subflow) bool {
	var name string
	var token bool
	for ad.Next() {
		switch ad.Type() {
		case ulpName:
			name = ad.String()
		case ulpMPTCP:
			ad.Nested(func(nad *netlink.AttributeDecoder) error {
				for nad.Next() {
					switch nad.Type() {
					case subflowTokenLoc:
						s.Token, token = nad.Uint32(), true
					case subflowFlags:
						s.Flags = SubflowFlags(nad.Uint32())
					case subflowIDRem:
						s.RemoteID = nad.Uint8()
					case subflowIDLoc:
						s.LocalID = nad.Uint8()
					}
				}
				return nil
			})
		}
	}
	return name == "mptcp" && token
}

// decodeTCPInfo reads struct tcp_info (include/uapi/linux/tcp.h), which grows
// at its end.
func decodeTCPInfo(r record) TCPInfo {
	return TCPInfo{
		RTT:           time.Duration(r.u32(68)) * time.Microsecond,
		Cwnd:          r.u32(80),
		Retrans:       r.u32(100),
		BytesAcked:    r.u64(120),
		BytesReceived: r.u64(128),
		BytesSent:     r.u64(200),
	}
}

// record is a structure of the kernel of which only the beginning may be there.
// What lies beyond its end reads as zero.
type record []byte

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
