// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestValidName(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", maxLabel)
	for name, want := range map[string]bool{
		"example.com": true, "a": true, "x-1._tcp.example": true, long + ".example": true,
		"": false, ".": false, "example.": false, ".example": false, "a..b": false, "a b": false, "a\x1b[31m": false, "ä.example": false,
		long + "a.example": false, strings.Repeat("a.", 127) + "a": false, "a/b": false, "a@b": false, "[": false, "`": false,
	} {
		if got := ValidName(name); got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	}
}

// record makes a resource record. Its name is a pointer to the question.
func record(typ, class byte, data ...byte) string {
	return "\xc0\x0c\x00" + string(typ) + "\x00" + string(class) + "\x00\x00\x00\x3c\x00" + string(byte(len(data))) + string(data)
}

// reply answers a question with a code and records; those behind the first count belong to
// other sections.
func reply(asked []byte, code byte, count byte, records ...string) []byte {
	b := []byte(string(asked))
	b[2], b[3] = b[2]|flagResponse, 0x80|code
	b[7] = count
	return append(b, strings.Join(records, "")...)
}

func TestAnswer(t *testing.T) {
	t.Parallel()
	const name = "www.Example.com"
	q := question([]byte("ab"), name, typeA)
	other := question([]byte("ab"), "other.example", typeA)
	alias := "\x03www\xc0\x10\x00\x05\x00\x01\x00\x00\x00\x3c\x00\x02\xc0\x10"
	tests := []struct {
		name   string
		answer []byte
		want   []string
		ok     bool
	}{
		{"an address", reply(q, 0, 1, record(typeA, 1, 192, 0, 2, 1)), []string{"192.0.2.1"}, true},
		{"an alias before it", reply(q, 0, 2, alias, record(typeA, 1, 192, 0, 2, 1)), []string{"192.0.2.1"}, true},
		{"in capitals", reply(question([]byte("ab"), strings.ToUpper(name), typeA), 0, 1, record(typeA, 1, 192, 0, 2, 1)), []string{"192.0.2.1"}, true},
		{"a record of another section", reply(q, 0, 1, alias, record(typeA, 1, 192, 0, 2, 9)), nil, true},
		{"a record of another class", reply(q, 0, 1, record(typeA, 3, 192, 0, 2, 9)), nil, true},
		{"a record of another type", reply(q, 0, 1, record(16, 1, 192, 0, 2, 9)), nil, true},
		{"a record of another length", reply(q, 0, 1, record(typeA, 1, 192, 0, 2)), nil, true},
		{"no such name", reply(q, noSuchName, 0), nil, true},
		{"no record", reply(q, 0, 0), nil, true},
		{"cut off", reply(q, 0, 1, record(typeA, 1, 192, 0, 2, 1)[:13]), nil, true},
		{"a name without an end", reply(q, 0, 1, "\x3fabc"), nil, true},
		{"more records than there are", reply(q, 0, 255, record(typeA, 1, 192, 0, 2, 1)), []string{"192.0.2.1"}, true},
		{"a failure of the server", reply(q, 2, 0), nil, false},
		{"a refusal", reply(q, 5, 0), nil, false},
		{"the question itself", q, nil, false},
		{"another question's", reply(other, 0, 1, record(typeA, 1, 192, 0, 2, 9)), nil, false},
		{"another number", reply(question([]byte("xy"), name, typeA), 0, 1, record(typeA, 1, 192, 0, 2, 9)), nil, false},
		{"nothing", nil, nil, false},
	}
	for _, tt := range tests {
		got, ok := answer(tt.answer, q)
		if diff := cmp.Diff(tt.want, got); diff != "" || ok != tt.ok {
			t.Errorf("%s: %v (-want +got):\n%s", tt.name, ok, diff)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	q := question([]byte("ab"), "example.com", typeAAAA)
	f.Add(reply(q, 0, 1, record(typeAAAA, 1, make([]byte, 16)...)))
	f.Add(reply(q, 0, 3, "\x03www\xc0\x10\x00\x05\x00\x01\x00\x00\x00\x3c\x00\x02\xc0\x10"))
	f.Fuzz(func(t *testing.T, b []byte) {
		all, ok := answer(b, q)
		if len(all) > 0 && !ok {
			t.Errorf("addresses %v of no answer", all)
		}
		for _, a := range all {
			if _, err := netip.ParseAddr(a); err != nil {
				t.Error(err)
			}
		}
	})
}

// server is a name server on the loopback device, on a port that it shares with others of
// the same test on other addresses.
type server struct {
	net.PacketConn
}

// serve answers questions of a type with what fn gives; nil: not at all.
func serve(t *testing.T, address string, fn func(asked []byte) []byte) server {
	t.Helper()
	conn, err := net.ListenPacket("udp4", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		for b := make([]byte, 512); ; {
			n, from, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			if text := fn(b[:n]); text != nil {
				_, _ = conn.WriteTo(text, from)
			}
		}
	}()
	return server{conn}
}

func (s server) port() uint16 { return uint16(s.LocalAddr().(*net.UDPAddr).Port) }

func TestResolve(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 100)
	full := func(q []byte) []byte {
		asked <- struct{}{}
		if q[len(q)-3] == typeA {
			return reply(q, 0, 2, record(typeA, 1, 192, 0, 2, 1), record(typeA, 1, 192, 0, 2, 2))
		}
		return reply(q, 0, 1, record(typeAAAA, 1, netip.MustParseAddr("2001:db8::1").AsSlice()...))
	}
	lost := 0
	tests := []struct {
		name, hosts, conf string
		fn                func([]byte) []byte
		want              []string
		err               error
		asks              bool
	}{
		{"both families", "", "nameserver 127.0.0.1\n", full, []string{"192.0.2.1", "192.0.2.2", "2001:db8::1"}, nil, true},
		{"no file at all", "", "", full, []string{"192.0.2.1", "192.0.2.2", "2001:db8::1"}, nil, true},
		{"in hosts", "192.0.2.7\tother Example.COM # example.com\n2001:db8::7 example.com\n", "", full, []string{"192.0.2.7", "2001:db8::7"}, nil, false},
		{"only commented out in hosts", "# 192.0.2.7 example.com\n192.0.2.7 other # example.com\n", "", full, []string{"192.0.2.1", "192.0.2.2", "2001:db8::1"}, nil, true},
		{"the second server", "", "nameserver 127.9.9.9\nsearch example\nnameserver 127.0.0.1\n", full, []string{"192.0.2.1", "192.0.2.2", "2001:db8::1"}, nil, true},
		{"a fourth server does not count", "", "nameserver 127.9.9.9\nnameserver 127.9.9.8\nnameserver x\nnameserver 127.0.0.1\n", full, nil, ErrNoServer, false},
		{"no such name", "", "", func(q []byte) []byte { return reply(q, noSuchName, 0) }, nil, ErrNoAddress, false},
		{"a server that fails", "", "", func(q []byte) []byte { return reply(q, 2, 0) }, nil, ErrNoServer, false},
		{"the first question is lost", "", "", func(q []byte) []byte {
			if lost++; lost == 1 {
				return nil
			}
			return full(q)
		}, []string{"192.0.2.1", "192.0.2.2", "2001:db8::1"}, nil, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for file, text := range map[string]string{"hosts": tt.hosts, "resolv.conf": tt.conf} {
				if text == "" {
					continue
				}
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			s := serve(t, "127.0.0.1:0", tt.fn)
			r := Resolver{Dir: dir, Port: s.port()}
			got, err := r.Resolve(t.Context(), "example.com")
			if diff := cmp.Diff(tt.want, got); diff != "" || !errors.Is(err, tt.err) {
				t.Errorf("%v, want %v (-want +got):\n%s", err, tt.err, diff)
			}
			if (len(asked) > 0) != tt.asks {
				t.Errorf("%d questions were answered", len(asked))
			}
			for len(asked) > 0 {
				<-asked
			}
		})
	}
}
