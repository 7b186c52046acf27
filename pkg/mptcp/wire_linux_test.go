// SPDX-License-Identifier: Apache-2.0

package mptcp

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// attr returns one netlink attribute, padded to four bytes.
func attr(typ uint16, data ...byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(4+len(data)))
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = append(b, data...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

func join(parts ...[]byte) []byte {
	var b []byte
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

func u16(v uint16) []byte { return binary.NativeEndian.AppendUint16(nil, v) }
func u32(v uint32) []byte { return binary.NativeEndian.AppendUint32(nil, v) }

// addrAttr returns the nested address attribute as a request carries it.
func addrAttr(parts ...[]byte) []byte {
	return attr(1|unix.NLA_F_NESTED, join(parts...)...)
}

var (
	v6     = netip.MustParseAddr("2001:db8::7")
	v6Wire = []byte{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7}
)

func TestEncodeEndpoint(t *testing.T) {
	tests := []struct {
		name string
		in   Endpoint
		want []byte
	}{
		{
			name: "id 0 has no id attribute, so that the kernel chooses",
			in:   Endpoint{Addr: netip.MustParseAddr("10.0.1.2"), Flags: FlagSubflow},
			want: addrAttr(attr(1, u16(2)...), attr(3, 10, 0, 1, 2), attr(6, u32(2)...)),
		},
		{
			name: "an IPv6 address goes into its own attribute",
			in:   Endpoint{Addr: v6, ID: 255, Flags: FlagSubflow | FlagBackup, IfIndex: 70000},
			want: addrAttr(attr(1, u16(10)...), attr(4, v6Wire...), attr(2, 255), attr(7, u32(70000)...), attr(6, u32(6)...)),
		},
		{
			name: "the port is in host order",
			in:   Endpoint{Addr: netip.MustParseAddr("10.0.1.2"), ID: 1, Port: 0x1234, Flags: FlagSignal},
			want: addrAttr(attr(1, u16(2)...), attr(3, 10, 0, 1, 2), attr(2, 1), attr(5, u16(0x1234)...), attr(6, u32(1)...)),
		},
		{
			name: "a mapped IPv4 address is sent as IPv4",
			in:   Endpoint{Addr: netip.MustParseAddr("::ffff:10.0.1.2")},
			want: addrAttr(attr(1, u16(2)...), attr(3, 10, 0, 1, 2), attr(6, u32(0)...)),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := encodeEndpoint(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("wire (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEncodeEndpointRefusesAnAddressThatTheKernelCannotHave(t *testing.T) {
	for _, addr := range []netip.Addr{{}, netip.MustParseAddr("fe80::1%eth0")} {
		if _, err := encodeEndpoint(Endpoint{Addr: addr}); !errors.Is(err, unix.EINVAL) {
			t.Errorf("address %v: error %v, want EINVAL", addr, err)
		}
	}
}

func TestEncodeByID(t *testing.T) {
	tests := []struct {
		name   string
		encode func() ([]byte, error)
		want   []byte
	}{
		{
			name:   "a delete has the id and neither family nor address",
			encode: func() ([]byte, error) { return encodeID(7) },
			want:   addrAttr(attr(2, 7)),
		},
		{
			name:   "a change of flags has no family, so that the kernel looks up the id",
			encode: func() ([]byte, error) { return encodeFlags(7, FlagBackup) },
			want:   addrAttr(attr(2, 7), attr(6, u32(4)...)),
		},
		{
			name:   "limits are not nested",
			encode: func() ([]byte, error) { return encodeLimits(Limits{Subflows: 8, AddAddrAccepted: 3}) },
			want:   join(attr(2, u32(3)...), attr(3, u32(8)...)),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.encode()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("wire (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeEndpoint(t *testing.T) {
	tests := []struct {
		name string
		in   []byte
		want Endpoint
	}{
		{
			name: "an IPv4 endpoint with all attributes",
			in: attr(1, join(attr(1, u16(2)...), attr(2, 9), attr(3, 10, 0, 1, 2), attr(5, u16(4433)...),
				attr(6, u32(5)...), attr(7, u32(3)...))...),
			want: Endpoint{ID: 9, Addr: netip.MustParseAddr("10.0.1.2"), Port: 4433, Flags: FlagSignal | FlagBackup, IfIndex: 3},
		},
		{
			name: "an IPv6 endpoint, nested flag set",
			in:   addrAttr(attr(1, u16(10)...), attr(2, 1), attr(4, v6Wire...)),
			want: Endpoint{ID: 1, Addr: v6},
		},
		{
			name: "attributes and flags that are not known yet",
			in:   join(attr(77, 1), addrAttr(attr(1, u16(2)...), attr(3, 10, 0, 1, 2), attr(6, u32(0x8002)...), attr(99, 1, 2, 3))),
			want: Endpoint{Addr: netip.MustParseAddr("10.0.1.2"), Flags: FlagSubflow | 0x8000},
		},
		{
			name: "a mapped IPv4 address",
			in:   addrAttr(attr(1, u16(10)...), attr(4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 1, 2)),
			want: Endpoint{Addr: netip.MustParseAddr("10.0.1.2")},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := decodeEndpoint(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if got != tt.want {
				t.Errorf("endpoint %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestDecodeEndpointErrors(t *testing.T) {
	whole := addrAttr(attr(1, u16(2)...), attr(2, 9), attr(3, 10, 0, 1, 2))
	tests := []struct {
		name string
		in   []byte
	}{
		{"no attribute at all", nil},
		{"no address attribute", attr(3, u32(1)...)},
		{"an empty address attribute", addrAttr()},
		{"no address", addrAttr(attr(1, u16(2)...), attr(2, 9))},
		{"no family", addrAttr(attr(2, 9), attr(3, 10, 0, 1, 2))},
		{"an address of three bytes", addrAttr(attr(1, u16(2)...), attr(3, 10, 0, 1))},
		{"an address of the other family", addrAttr(attr(1, u16(10)...), attr(3, 10, 0, 1, 2))},
		{"a family that is neither", addrAttr(attr(1, u16(1)...), attr(3, 10, 0, 1, 2))},
		{"an id of two bytes", addrAttr(attr(1, u16(2)...), attr(2, 9, 9), attr(3, 10, 0, 1, 2))},
		{"a length beyond the end", append(u16(200), whole[2:]...)},
		{"a length of three", join(u16(3), u16(1))},
		{"cut in the middle", whole[:len(whole)-5]},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if e, err := decodeEndpoint(tt.in); err == nil {
				t.Errorf("endpoint %+v, want an error", e)
			}
		})
	}
}

func TestDecodeLimits(t *testing.T) {
	got, err := decodeLimits(join(attr(2, u32(1)...), attr(9, 1), attr(3, u32(64)...)))
	if want := (Limits{Subflows: 64, AddAddrAccepted: 1}); err != nil || got != want {
		t.Errorf("limits %+v, %v, want %+v", got, err, want)
	}
	for name, in := range map[string][]byte{
		"nothing":          nil,
		"one limit only":   attr(2, u32(1)...),
		"a limit too wide": join(attr(2, u32(1)...), attr(3, 1, 2, 3, 4, 5, 6, 7, 8)),
		"a broken length":  join(u16(1), u16(2)),
	} {
		if l, err := decodeLimits(in); err == nil {
			t.Errorf("%s: limits %+v, want an error", name, l)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(addrAttr(attr(1, u16(2)...), attr(2, 9), attr(3, 10, 0, 1, 2), attr(6, u32(6)...)))
	f.Add(addrAttr(attr(1, u16(10)...), attr(4, v6Wire...), attr(7, u32(3)...)))
	f.Add(join(attr(2, u32(1)...), attr(3, u32(8)...)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, err := decodeEndpoint(b); err == nil {
			if !e.Addr.IsValid() || e.Addr.Is4In6() {
				t.Errorf("address %v of a decoded endpoint", e.Addr)
			}
			again, err := encodeEndpoint(e)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := decodeEndpoint(again); err != nil || got != e {
				t.Errorf("%+v came back as %+v, %v", e, got, err)
			}
		}
		if l, err := decodeLimits(b); err == nil {
			again, err := encodeLimits(l)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := decodeLimits(again); err != nil || got != l {
				t.Errorf("%+v came back as %+v, %v", l, got, err)
			}
		}
		if data, err := payload(netlink.Message{Data: b}); err == nil && len(data) > len(b) {
			t.Errorf("payload of %d bytes out of %d", len(data), len(b))
		}
	})
}

func TestRetryRepeatsAnInterruptedDump(t *testing.T) {
	whole := []netlink.Message{{Header: netlink.Header{Flags: netlink.Multi}}}
	torn := append(whole, netlink.Message{Header: netlink.Header{Flags: netlink.Multi | netlink.DumpInterrupted}})
	tests := []struct {
		name    string
		torn    int
		wantRun int
		wantErr error
	}{
		{"a whole dump is taken", 0, 1, nil},
		{"two torn ones are repeated", 2, 3, nil},
		{"it gives up", 1000, maxDumps, unix.EINTR},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			runs := 0
			msgs, err := retry(func() ([]netlink.Message, error) {
				runs++
				if runs <= tt.torn {
					return torn, nil
				}
				return whole, nil
			})
			if !errors.Is(err, tt.wantErr) || runs != tt.wantRun {
				t.Errorf("%d runs, error %v, want %d and %v", runs, err, tt.wantRun, tt.wantErr)
			}
			if err == nil && len(msgs) != len(whole) {
				t.Errorf("%d messages, want those of the whole dump", len(msgs))
			}
		})
	}
}

func TestKernelErrorKeepsErrnoAndMessage(t *testing.T) {
	err := kernelError(&netlink.OpError{Op: "receive", Err: unix.EINVAL, Message: "address not found", Offset: 24})
	if !errors.Is(err, unix.EINVAL) || !strings.Contains(err.Error(), "address not found") {
		t.Errorf("error %v", err)
	}
	if err := kernelError(&netlink.OpError{Op: "receive", Err: unix.EPERM}); err != unix.EPERM {
		t.Errorf("error %v, want the errno alone", err)
	}
}
