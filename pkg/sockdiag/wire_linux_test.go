// SPDX-License-Identifier: Apache-2.0

package sockdiag

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func u16(v uint16) []byte { return binary.NativeEndian.AppendUint16(nil, v) }
func u64(v uint64) []byte { return binary.NativeEndian.AppendUint64(nil, v) }
func u32(v uint32) []byte { return binary.NativeEndian.AppendUint32(nil, v) }

func join(parts ...[]byte) []byte {
	var b []byte
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// attr returns one netlink attribute, padded to four bytes.
func attr(typ uint16, data ...byte) []byte {
	b := join(u16(uint16(4+len(data))), u16(typ), data)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// message returns the fixed part of a reply with port 0x1234 to port 443.
func message(family, state byte, local, remote string) []byte {
	b := make([]byte, msgLen)
	b[0], b[1] = family, state
	copy(b[4:], []byte{0x12, 0x34, 0x01, 0xbb})
	copy(b[8:], netip.MustParseAddr(local).AsSlice())
	copy(b[24:], netip.MustParseAddr(remote).AsSlice())
	copy(b[40:], u32(7))
	copy(b[44:], u32(0x55))
	copy(b[48:], u32(0x66))
	return b
}

// ulp returns the attribute that makes a TCP socket a subflow.
func ulp(name string, attrs ...[]byte) []byte {
	return attr(attrUlpInfo, join(attr(ulpName, append([]byte(name), 0)...), attr(ulpMPTCP, join(attrs...)...))...)
}

var subflowAttrs = join(attr(1, u32(0xaaaa)...), attr(subflowTokenLoc, u32(0xbbbb)...),
	attr(subflowFlags, u32(0xec)...), attr(subflowIDRem, 3), attr(subflowIDLoc, 4))

func TestEncodeRequest(t *testing.T) {
	tcp := make([]byte, 56)
	tcp[0], tcp[1], tcp[2] = 2, 6, 2
	copy(tcp[4:], u32(1<<1|1<<4))
	mptcp := make([]byte, 56)
	mptcp[0], mptcp[1], mptcp[2] = 10, 6, 2
	copy(mptcp[4:], u32(0xb3e))
	tests := []struct {
		name string
		got  []byte
		want []byte
	}{
		{"TCP fits into the request", encodeRequest(unix.AF_INET, unix.IPPROTO_TCP, 1<<Established|1<<FinWait1), tcp},
		{"MPTCP goes into an attribute", encodeRequest(unix.AF_INET6, unix.IPPROTO_MPTCP, anyState), join(mptcp, attr(3, u32(262)...))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, tt.got); diff != "" {
				t.Errorf("wire (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeSubflow(t *testing.T) {
	info := make([]byte, 216)
	info[2], info[7] = 3, 1
	if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 {
		info[7] = 1 << 7
	}
	copy(info[44:], u32(40))
	copy(info[52:], u32(50))
	copy(info[68:], u32(1500))
	copy(info[80:], u32(10))
	copy(info[100:], u32(2))
	copy(info[120:], u64(1000))
	copy(info[128:], u64(2000))
	copy(info[160:], u64(4000))
	copy(info[200:], u64(3000))
	copy(info[208:], u64(500))
	want := Subflow{
		Token: 0xbbbb, Cookie: 0x6600000055, IfIndex: 7, State: Established, LocalID: 4, RemoteID: 3,
		Local:  netip.MustParseAddrPort("10.0.0.1:4660"),
		Remote: netip.MustParseAddrPort("10.0.0.2:443"),
		Flags:  JoinRemote | JoinLocal | BackupLocal | FullyEstablished | Connected,
	}
	withInfo := want
	withInfo.TCP = TCPInfo{
		RTT: 1500 * time.Microsecond, Cwnd: 10, Retrans: 2, Timeouts: 3, BytesAcked: 1000, BytesReceived: 2000, BytesSent: 3000, BytesRetrans: 500,
		DeliveryRate: 4000, AppLimited: true, LastSent: 40 * time.Millisecond, LastReceived: 50 * time.Millisecond,
	}
	oldKernel := withInfo
	oldKernel.TCP.BytesSent, oldKernel.TCP.BytesRetrans, oldKernel.TCP.BytesReceived, oldKernel.TCP.DeliveryRate = 0, 0, 0, 0
	v6 := want
	v6.State = FinWait2
	v6.Local, v6.Remote = netip.MustParseAddrPort("[2001:db8::1]:4660"), netip.MustParseAddrPort("[fe80::1]:443")

	v4 := message(unix.AF_INET, 1, "10.0.0.1", "10.0.0.2")
	tests := []struct {
		name string
		in   []byte
		ok   bool
		want Subflow
	}{
		{"without TCP info", join(v4, ulp("mptcp", subflowAttrs)), true, want},
		{"with TCP info", join(v4, attr(attrInfo, info...), ulp("mptcp", subflowAttrs)), true, withInfo},
		{"the TCP info of an old kernel ends early", join(v4, attr(attrInfo, info[:135]...), ulp("mptcp", subflowAttrs)), true, oldKernel},
		{"attributes that are not known yet", join(v4, attr(90, 1), ulp("mptcp", subflowAttrs, attr(77, 1, 2))), true, want},
		{"IPv6", join(message(unix.AF_INET6, 5, "2001:db8::1", "fe80::1"), ulp("mptcp", subflowAttrs)), true, v6},
		{"mapped IPv4", join(message(unix.AF_INET6, 1, "::ffff:10.0.0.1", "::ffff:10.0.0.2"), ulp("mptcp", subflowAttrs)), true, want},
		{"plain TCP", join(v4, attr(attrInfo, info...)), false, Subflow{}},
		{"another upper layer", join(v4, ulp("tls", subflowAttrs)), false, Subflow{}},
		{"a subflow that is already detached", join(v4, attr(attrUlpInfo, attr(ulpName, []byte("mptcp\x00")...)...)), false, Subflow{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok, err := decodeSubflow(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if ok != tt.ok {
				t.Fatalf("is a subflow: %v, want %v", ok, tt.ok)
			}
			if ok && (got.Socket[0] != tt.in[0] || !bytes.Equal(got.Socket[1:], tt.in[msgID:msgID+idLen])) {
				t.Errorf("its name is %x, in %x", got.Socket, tt.in)
			}
			got.Socket = Socket{}
			if ok && got != tt.want {
				t.Errorf("subflow (-want +got):\n%s", cmp.Diff(tt.want, got, comparable))
			}
		})
	}
}

func TestDecodeConnection(t *testing.T) {
	info := make([]byte, 96)
	info[0], info[1], info[2], info[3] = 1, 2, 3, 8
	copy(info[8:], u32(3))
	copy(info[12:], u32(0xbbbb))
	info[42], info[80] = 1, 2
	copy(info[44:], u32(1000))
	for i, offset := range []int{48, 56, 64, 72} {
		copy(info[offset:], u64(uint64(1000*(i+2))))
	}
	counts := MPTCPInfo{Subflows: 1, AddAddrSignal: 2, AddAddrAccepted: 3, SubflowsMax: 8, SubflowsTotal: -1}
	linux59, linux65 := counts, counts
	linux65.Checksum, linux65.Counted, linux65.Retransmits = true, true, 1000
	linux65.BytesRetrans, linux65.BytesSent, linux65.BytesReceived, linux65.BytesAcked = 2000, 3000, 4000, 5000
	linux68 := linux65
	linux68.SubflowsTotal = 2
	v4 := message(unix.AF_INET, 8, "10.0.0.1", "10.0.0.2")
	for _, tt := range []struct {
		name   string
		length int
		want   MPTCPInfo
	}{
		{"a recent kernel", 96, linux68}, {"Linux 6.8", 84, linux68}, {"Linux 6.5", 80, linux65},
		{"Linux 5.9", 40, linux59}, {"the least", 16, linux59},
	} {
		got, err := decodeConnection(join(v4, attr(8, 0), attr(attrInfo, info[:tt.length]...)))
		if err != nil {
			t.Fatal(err)
		}
		want := Connection{
			Token: 0xbbbb, State: CloseWait, Fallback: true, MPTCP: tt.want,
			Local:  netip.MustParseAddrPort("10.0.0.1:4660"),
			Remote: netip.MustParseAddrPort("10.0.0.2:443"),
		}
		if diff := cmp.Diff(want, got, comparable); diff != "" {
			t.Errorf("%s: connection (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestDecodeErrors(t *testing.T) {
	v4 := message(unix.AF_INET, 1, "10.0.0.1", "10.0.0.2")
	tests := []struct {
		name string
		in   []byte
	}{
		{"nothing", nil},
		{"a short fixed part", v4[:71]},
		{"a family that is neither", message(unix.AF_UNIX, 1, "10.0.0.1", "10.0.0.2")},
		{"an attribute beyond the end", join(v4, u16(40), u16(attrInfo))},
		{"an attribute of three bytes", join(v4, u16(3), u16(attrInfo))},
		{"a cut upper layer", join(v4, attr(attrUlpInfo, 9, 0, 1, 0))},
		{"an id of two bytes", join(v4, ulp("mptcp", subflowAttrs, attr(subflowIDLoc, 1, 2)))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if s, ok, err := decodeSubflow(tt.in); err == nil {
				t.Errorf("subflow %+v, %v, want an error", s, ok)
			}
			if c, err := decodeConnection(tt.in); err == nil {
				t.Errorf("connection %+v, want an error", c)
			}
		})
	}
	if c, err := decodeConnection(join(v4, attr(attrInfo, make([]byte, 15)...))); err == nil {
		t.Errorf("connection %+v out of 15 bytes of information, want an error", c)
	}
}

// batchOf returns one netlink message.
func batchOf(typ uint16, seq uint32, data ...byte) []byte {
	b := join(u32(uint32(16+len(data))), u16(typ), u16(unix.NLM_F_MULTI), u32(seq), u32(0), data)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

func TestDecodeBatch(t *testing.T) {
	failed := errors.New("failed")
	errno := func(e unix.Errno) []byte { return u32(-uint32(e)) }
	tests := []struct {
		name  string
		in    []byte
		calls int
		done  bool
		err   error
	}{
		{"replies without the end", join(batchOf(20, 9, 1), batchOf(20, 9, 2)), 2, false, nil},
		{"the end", join(batchOf(20, 9, 1), batchOf(unix.NLMSG_DONE, 9, u32(0)...)), 1, true, nil},
		{"an end without data", batchOf(unix.NLMSG_DONE, 9), 0, true, nil},
		{"another request's replies are not ours", join(batchOf(20, 8, 1), batchOf(unix.NLMSG_DONE, 8, u32(0)...)), 0, false, nil},
		{"an error in the end", batchOf(unix.NLMSG_DONE, 9, errno(unix.ENOENT)...), 0, true, ErrNoMPTCPDiag},
		{"an error message", batchOf(unix.NLMSG_ERROR, 9, errno(unix.EBUSY)...), 0, true, unix.EBUSY},
		{"a failing function", join(batchOf(20, 9, 0xff), batchOf(20, 9, 1)), 1, false, failed},
		{"a length beyond the end", append(u32(99), batchOf(20, 9, 1)[4:]...), 0, false, unix.EINVAL},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			calls := 0
			done, err := decodeBatch(tt.in, 9, unix.IPPROTO_MPTCP, func(b []byte) error {
				calls++
				if b[0] == 0xff {
					return failed
				}
				return nil
			})
			if calls != tt.calls || done != tt.done || !errors.Is(err, tt.err) {
				t.Errorf("%d calls, done %v, error %v, want %d, %v, %v", calls, done, err, tt.calls, tt.done, tt.err)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	v4 := message(unix.AF_INET, 1, "10.0.0.1", "10.0.0.2")
	v6 := message(unix.AF_INET6, 1, "::ffff:10.0.0.1", "fe80::1")
	f.Add(batchOf(20, 9, join(v4, attr(attrInfo, make([]byte, 240)...), ulp("mptcp", subflowAttrs))...))
	f.Add(join(batchOf(20, 9, join(v6, attr(attrInfo, make([]byte, 96)...))...), batchOf(unix.NLMSG_DONE, 9, u32(0)...)))
	f.Add(batchOf(unix.NLMSG_ERROR, 9, u32(0xfffffffe)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		calls := 0
		_, err := decodeBatch(b, 9, unix.IPPROTO_TCP, func(body []byte) error {
			calls++
			if s, ok, err := decodeSubflow(body); err == nil && ok && (!s.Local.IsValid() || s.Remote.Addr().Is4In6()) {
				t.Errorf("subflow %+v", s)
			}
			if c, err := decodeConnection(body); err == nil && (!c.Local.IsValid() || c.Remote.Addr().Is4In6()) {
				t.Errorf("connection %+v", c)
			}
			return nil
		})
		if err == nil && calls > len(b)/16 {
			t.Errorf("%d replies out of %d bytes", calls, len(b))
		}
	})
}

func TestStateString(t *testing.T) {
	for state, want := range map[State]string{0: "STATE-0", Established: "ESTABLISHED", FinWait1: "FIN-WAIT-1", 6: "STATE-6", Closing: "CLOSING", 200: "STATE-200"} {
		if got := state.String(); got != want {
			t.Errorf("State(%d).String() = %q, want %q", uint8(state), got, want)
		}
	}
}
