// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mptcpctl/mptcpctl/pkg/netifd"
)

// public moves the addresses of the laboratory to where they need a mask.
var public = strings.NewReplacer(
	"10.0.1.", "81.2.69.", "10.0.2.", "81.2.68.", "10.0.3.", "9.9.9.", "10.0.4.", "223.255.255.",
	"fd00:1:", "2a02:8109:1:", "fd00:2:", "2001:4860:2:", "fd00:3:", "fdab:cdef:3:",
)

func TestThePlanOfAMaskedSnapshotIsTheMaskedPlan(t *testing.T) {
	t.Parallel()
	for name, data := range fixtures(t) {
		s, err := Decode([]byte(public.Replace(string(data))))
		if err != nil {
			t.Fatal(name, err)
		}
		plain, err := operations(&s)
		if err != nil {
			t.Fatal(name, err)
		}
		m, err := s.redact()
		if err != nil {
			t.Fatal(name, err)
		}
		masked, err := operations(&s)
		if err != nil {
			t.Fatal(name, err)
		}
		if diff := cmp.Diff(m.text(plain), masked); diff != "" {
			t.Errorf("%s (-masked plan +plan of the masked):\n%s", name, diff)
		}
		text := string(Encode(&s)) + masked
		for _, secret := range []string{"81.2.", "9.9.9", "223.255", "8109", "4860", "abcd", "cdef", "ff:fe00"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s: %s is still there:\n%s", name, secret, text)
			}
		}
		for _, kept := range []string{"0.0.0.0/0", "::/0", "127.0.0.1/8", "fe80::/64"} {
			if strings.Contains(string(data), `"`+kept+`"`) && !strings.Contains(text, `"`+kept+`"`) {
				t.Errorf("%s: %s is gone", name, kept)
			}
		}
	}
}

func TestRedactTexts(t *testing.T) {
	t.Parallel()
	s := Snapshot{
		File: "/home/someone/network", Config: "option target '81.2.69.0/255.255.255.0'\noption gateway '81.2.69.1/x'\n" +
			"option ip6gw '2a02:8109::1/'\noption ifname 'eth1/2'\n",
	}
	if err := s.Redact(); err != nil {
		t.Fatal(err)
	}
	text := string(Encode(&s))
	for _, secret := range []string{"someone", "81.2.69", "8109"} {
		if strings.Contains(text, secret) {
			t.Errorf("%s is still there: %s", secret, text)
		}
	}
	for _, kept := range []string{"/255.255.255.0'", "eth1/2", `"network"`} {
		if !strings.Contains(text, kept) {
			t.Errorf("%s is gone: %s", kept, text)
		}
	}
}

func TestWarningQuotesNothing(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`line 3: unknown command "se\"cret"...`:         `line 3: unknown command "..."`,
		`line 3: the option name "a b" has a character`: `line 3: the option name "..." has a character`,
		`line 3: an argument is missing`:                `line 3: an argument is missing`,
	} {
		if got := Warning(text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// place is a network, or an address of this machine in it.
type place struct {
	netip.Prefix
	local bool
}

// relation says how two places lie to each other.
func relation(a, b place) string {
	return fmt.Sprint(a.Masked() == b.Masked(), a.Overlaps(b.Prefix), b.local && a.Contains(b.Addr()), a.local && b.local && a.Addr() == b.Addr())
}

func randomPlace(r *rand.Rand) place {
	// Few values for each byte, so that many have a beginning in common.
	bytes := func(n int, first ...byte) []byte {
		for len(first) < n {
			first = append(first, []byte{0, 1, 3, 128, 255}[r.IntN(5)])
		}
		return first
	}
	var b []byte
	low := 12
	switch r.IntN(5) {
	case 0, 1:
		b = bytes(4, []byte{5, 81, 203}[r.IntN(3)])
	case 2:
		b = bytes(16, 0x2a, []byte{1, 2}[r.IntN(2)], 0, 1)
		low = 32
	case 3:
		b = bytes(16, 0xfd, 7)
		low = 16
	default:
		b = bytes(16, 0xfe, 0x80, 0, 0, 0, 0, 0, 0)
		low = 100
	}
	a, _ := netip.AddrFromSlice(b)
	p := netip.PrefixFrom(a, low+r.IntN(len(b)*8-low+1))
	if r.IntN(2) == 0 {
		return place{p.Masked(), false}
	}
	return place{p, true}
}

func TestMaskingKeepsWhatLiesInWhat(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		var s Snapshot
		var before, after []place
		for range 12 {
			p := randomPlace(r)
			before = append(before, p)
			one := netifd.Interface{Prefixes: []netip.Prefix{p.Prefix}}
			if p.local {
				one = netifd.Interface{Addresses: []netifd.Address{{Prefix: p.Prefix}}}
			}
			s.Interfaces = append(s.Interfaces, one)
		}
		if err := s.Redact(); err != nil {
			t.Fatal(seed, err)
		}
		for i, p := range before {
			if p.local {
				p.Prefix = s.Interfaces[i].Addresses[0].Prefix
			} else {
				p.Prefix = s.Interfaces[i].Prefixes[0]
			}
			after = append(after, p)
			if p == before[i] && p.Addr().IsGlobalUnicast() {
				t.Errorf("seed %d: %s is not masked", seed, p)
			}
		}
		for i := range before {
			for j := range before {
				if want, got := relation(before[i], before[j]), relation(after[i], after[j]); want != got {
					t.Fatalf("seed %d: %s and %s became %s and %s: %s, want %s", seed, before[i], before[j], after[i], after[j], got, want)
				}
			}
		}
	}
}

func TestWhatStaysUnmasked(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "::/0", "2000::/3", "fc00::/7", "fe80::/64", "10.1.2.3/8", "192.168.1.1/24",
		"172.16.5.4/12", "100.64.0.1/10", "127.0.0.1/8", "169.254.1.1/16", "192.0.2.1/32", "224.0.0.1/32", "::1/128",
		"2001:db8::1/64", "ff02::1/128",
	} {
		p := netip.MustParsePrefix(text)
		s := Snapshot{Interfaces: []netifd.Interface{{Prefixes: []netip.Prefix{p}, Addresses: []netifd.Address{{Prefix: p}}}}}
		if p == p.Masked() {
			s.Interfaces[0].Addresses = nil
		}
		if err := s.Redact(); err != nil {
			t.Fatal(err)
		}
		if got := s.Interfaces[0].Prefixes[0]; got != p || len(s.Interfaces[0].Addresses) > 0 && s.Interfaces[0].Addresses[0].Prefix != p {
			t.Errorf("%s became %s", p, got)
		}
	}
}

func TestTextIsMaskedWhereAddressesStandAlone(t *testing.T) {
	t.Parallel()
	s := Snapshot{Config: "option gateway '81.2.69.1'\n", Interfaces: []netifd.Interface{{
		Prefixes: []netip.Prefix{netip.MustParsePrefix("81.2.69.0/24"), netip.MustParsePrefix("2a02::/64")},
	}}}
	m, err := s.redact()
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"81.2.69.1":                      "240.0.1.1",
		"via 81.2.69.1: no.":             "via 240.0.1.1: no.",
		"81.2.69.0/24, 2a02::/64.":       "240.0.1.0/24, 3fff:0:0:1::/64.",
		"net.ipv4.conf.eth0.81.2.69.1":   "net.ipv4.conf.eth0.81.2.69.1",
		"wan-81.2.69.1":                  "wan-81.2.69.1",
		"dead:beef":                      "dead:beef",
		"'dns:81.2.69.1'":                "'dns:240.0.1.1'",
		"tcp:81.2.69.1:443 ping:2a02::1": "tcp:240.0.1.1:443 ping:3fff:0:0:1::1",
		"tcp:[2a02::1]:443":              "tcp:[3fff:0:0:1::1]:443",
	} {
		if got := m.text(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

func TestTooManyNetworksAreRefused(t *testing.T) {
	t.Parallel()
	var s Snapshot
	for n := range byte(20) {
		s.Interfaces = append(s.Interfaces, netifd.Interface{Prefixes: []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{20 + n}), 8)}})
	}
	if err := s.Redact(); err != errNoRoom {
		t.Errorf("got %v", err)
	}
}
