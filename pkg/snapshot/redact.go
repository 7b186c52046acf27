// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"errors"
	"net/netip"
	"path"
	"strings"

	"github.com/mptcpctl/mptcpctl/pkg/config"
)

// errNoRoom says that there are not enough addresses to stand in.
var errNoRoom = errors.New("too many networks to mask")

// area is a part of the address space, and where its addresses go. Prefixes
// that are not longer than keep belong to no network and stay.
type area struct {
	from, to netip.Prefix
	keep     int
	next     netip.Addr // the first that no network has yet
}

// areas are asked in order. Who an address belongs to is told by a public one,
// by the random part of a unique local one (RFC 4193), and by the interface part
// of a link-local one, which may hold the hardware's address. Reserved IPv4
// addresses (RFC 1112 section 4) and those for IPv6 documentation (RFC 9637)
// stand in. What comes after is private, shared, for documentation or of special
// use, and stays.
func areas() []area {
	list := []area{}
	for _, a := range []struct {
		from, to string
		keep     int
	}{
		{"0.0.0.0/8", "", 0}, {"10.0.0.0/8", "", 0}, {"100.64.0.0/10", "", 0}, {"127.0.0.0/8", "", 0}, {"169.254.0.0/16", "", 0},
		{"172.16.0.0/12", "", 0}, {"192.0.2.0/24", "", 0}, {"192.168.0.0/16", "", 0}, {"198.18.0.0/15", "", 0},
		{"198.51.100.0/24", "", 0}, {"203.0.113.0/24", "", 0}, {"224.0.0.0/4", "", 0}, {"0.0.0.0/0", "240.0.0.0/4", 7},
		{"::/127", "", 0}, {"ff00::/8", "", 0}, {"2001:db8::/32", "", 0},
		{"fe80::/10", "fe80::/64", 64}, {"fc00::/7", "fd00::/8", 8}, {"::/0", "3fff::/20", 20},
	} {
		one := area{from: netip.MustParsePrefix(a.from), keep: a.keep}
		if a.to != "" {
			one.to = netip.MustParsePrefix(a.to)
			// The first one is left out: its host part would be zero.
			one.next = one.to.Addr().Next()
		}
		list = append(list, one)
	}
	return list
}

// masker gives each address another one. It keeps which prefixes lie in which,
// and nothing else: the networks get theirs by size and order of appearance, and
// so do the parts of a network.
type masker struct {
	areas []area
	// seen are the prefixes to mask, while collecting.
	collecting bool
	seen       []netip.Prefix
	networks   []network
	// first is the bit that came first behind each prefix.
	first map[netip.Prefix]bool
}

// network is a prefix that lies in no other, and what stands in for it.
type network struct{ from, to netip.Prefix }

// Redact masks the addresses: the same one by the same mask everywhere, and
// what was in one network stays in one network. The plan has the same
// operations in the same order, with masked addresses. Private IPv4 addresses
// stay, and names of interfaces and devices do; of the configuration's file the
// last name is left.
func (s *Snapshot) Redact() error {
	s.File = path.Base(s.File)
	_, err := s.redact()
	return err
}

func (s *Snapshot) redact() (*masker, error) {
	m := &masker{areas: areas(), collecting: true, first: make(map[netip.Prefix]bool)}
	(&codec{mask: m}).snapshot(s)
	m.collecting = false
	if err := m.allocate(); err != nil {
		return nil, err
	}
	(&codec{mask: m}).snapshot(s)
	return m, nil
}

// areaOf is where an address lies, or nil where it stays as it is.
func (m *masker) areaOf(a netip.Addr) *area {
	for i := range m.areas {
		if m.areas[i].from.Contains(a) {
			if !m.areas[i].to.IsValid() {
				return nil
			}
			return &m.areas[i]
		}
	}
	return nil
}

// allocate gives the networks theirs, the largest first.
func (m *masker) allocate() error {
	for bits := range 128 + 1 {
		for _, p := range m.seen {
			if p.Bits() != bits {
				continue
			}
			if err := m.replace(p); err != nil {
				return err
			}
		}
	}
	return nil
}

// replace gives a network the next one that is free in its area, if it is not within
// one that has its own already.
func (m *masker) replace(p netip.Prefix) error {
	if _, inside := m.network(p.Addr()); inside {
		return nil
	}
	a := m.areaOf(p.Addr())
	to := netip.PrefixFrom(a.next, p.Bits())
	if to.Masked() != to {
		to = netip.PrefixFrom(last(to).Next(), p.Bits())
	}
	if !a.to.Contains(to.Addr()) || p.Bits() < a.to.Bits() {
		return errNoRoom
	}
	a.next = last(to).Next()
	m.networks = append(m.networks, network{p, to})
	return nil
}

// last is the last address of a prefix.
func last(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

func (m *masker) network(a netip.Addr) (network, bool) {
	for _, n := range m.networks {
		if n.from.Contains(a) {
			return n, true
		}
	}
	return network{}, false
}

func (m *masker) addr(a netip.Addr) netip.Addr {
	return m.local(netip.PrefixFrom(a, a.BitLen())).Addr()
}

// prefix masks a network, whose host part stays zero.
func (m *masker) prefix(p netip.Prefix) netip.Prefix {
	a := m.areaOf(p.Addr())
	switch {
	case p != p.Masked():
		return m.local(p)
	case a == nil || p.Bits() <= a.keep:
	case m.collecting:
		m.seen = append(m.seen, p)
	default:
		return netip.PrefixFrom(m.bits(p.Addr(), p.Bits()), p.Bits())
	}
	return p
}

// local masks an address with the length of its prefix.
func (m *masker) local(p netip.Prefix) netip.Prefix {
	a := m.areaOf(p.Addr())
	switch {
	case a == nil:
	case !m.collecting:
		return netip.PrefixFrom(m.bits(p.Addr(), p.Addr().BitLen()), p.Bits())
	case p.Bits() > a.keep:
		m.seen = append(m.seen, p.Masked())
	default:
		m.seen = append(m.seen, netip.PrefixFrom(p.Addr(), p.Addr().BitLen()))
	}
	return p
}

// bits masks the beginning of an address; what is behind it becomes zero. A
// branch of the tree of all addresses that is seen first gets the bit 0, and 1
// at its end, so that addresses look like the first ones of their network.
func (m *masker) bits(a netip.Addr, length int) netip.Addr {
	n, ok := m.network(a)
	if !ok {
		return a
	}
	from, to := a.AsSlice(), n.to.Addr().AsSlice()
	for i := n.from.Bits(); i < length; i++ {
		bit := from[i/8]&(0x80>>(i%8)) != 0
		node := netip.PrefixFrom(a, i).Masked()
		first, known := m.first[node]
		if !known {
			m.first[node], first = bit, bit
		}
		if (bit != first) != (i == a.BitLen()-1) {
			to[i/8] |= 0x80 >> (i % 8)
		}
	}
	masked, _ := netip.AddrFromSlice(to)
	return masked
}

// text masks the addresses and prefixes that stand in a text.
func (m *masker) text(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		n := strings.IndexFunc(s, inWord)
		if n < 0 {
			n = len(s)
		}
		b.WriteString(s[:n])
		s = s[n:]
		end := strings.IndexFunc(s, func(r rune) bool { return !inWord(r) })
		if end < 0 {
			end = len(s)
		}
		b.WriteString(m.token(s[:end]))
		s = s[end:]
	}
	return b.String()
}

// inWord is for all that can stand in an address or beside it in a name.
func inWord(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || strings.ContainsRune(".:/_-", r)
}

func (m *masker) token(word string) string {
	core := strings.TrimRight(word, ".:")
	for _, w := range []string{word, core} {
		if p, err := netip.ParsePrefix(w); err == nil {
			return m.prefix(p).String() + word[len(w):]
		}
		if a, err := netip.ParseAddr(w); err == nil {
			return m.addr(a).String() + word[len(w):]
		}
	}
	if t, ok := config.ParseTarget(word); ok { // of option mptcp_check_host
		t.Addr = m.addr(t.Addr)
		return t.String()
	}
	// With a netmask, or whatever else was meant.
	if text, rest, ok := strings.Cut(word, "/"); ok {
		return m.token(text) + "/" + rest
	}
	return word
}
