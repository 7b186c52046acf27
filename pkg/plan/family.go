// SPDX-License-Identifier: Apache-2.0

package plan

import "net/netip"

// Family is an address family; it indexes arrays of two.
type Family uint8

// The two families. Everything is decided for each of them alone.
const (
	IPv4 Family = iota
	IPv6
)

// Families lists both, in the order in which they claim endpoint slots.
var Families = [...]Family{IPv4, IPv6}

// FamilyOf is the family of an address; IPv4-mapped ones count as IPv6.
func FamilyOf(a netip.Addr) Family {
	if a.Is4() {
		return IPv4
	}
	return IPv6
}

// String is "ipv4" or "ipv6", also the directory below /proc/sys/net.
func (f Family) String() string {
	if f == IPv4 {
		return "ipv4"
	}
	return "ipv6"
}

// Name is "IPv4" or "IPv6", for sentences.
func (f Family) Name() string {
	if f == IPv4 {
		return "IPv4"
	}
	return "IPv6"
}

// command is how the ip command is called for the family.
func (f Family) command() string {
	if f == IPv4 {
		return "ip"
	}
	return "ip -6"
}

// everything is the destination of a default route.
func (f Family) everything() netip.Prefix {
	if f == IPv4 {
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	}
	return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
}
