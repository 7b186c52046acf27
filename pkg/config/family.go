// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"

	"github.com/mptcpctl/mptcpctl/pkg/uci"
)

// Families says which address families a section may have. A section of which
// nothing is known may have both.
type Families struct{ IPv4, IPv6 bool }

// Overlap reports whether the two have a family in common.
func (f Families) Overlap(other Families) bool {
	return f.IPv4 && other.IPv4 || f.IPv6 && other.IPv6
}

// same reports whether both have one family only, and the same.
func (f Families) same(other Families) bool { return f == other && f.IPv4 != f.IPv6 }

// The protocols that have one family only, by their handlers (/lib/netifd/proto of
// OpenWrt). The IPv6 of PPPoE is an interface of its own, which netifd makes.
var (
	protocolsIPv4 = []string{"dhcp", "pppoe", "dslite", "map", "464xlat"}
	protocolsIPv6 = []string{"dhcpv6", "6in4", "6rd", "6to4"}
)

// ProtocolFamilies are the families of a protocol of netifd. An unknown or empty one
// may have both.
func ProtocolFamilies(protocol string) Families {
	return Families{
		IPv4: !slices.Contains(protocolsIPv6, protocol),
		IPv6: !slices.Contains(protocolsIPv4, protocol),
	}
}

// sectionFamilies are the families of a section: by its protocol, or, of a static one,
// by the addresses that it sets. One that sets none counts as IPv4.
func sectionFamilies(s uci.Section, protocol string) Families {
	if protocol != "static" {
		return ProtocolFamilies(protocol)
	}
	sets := func(option string) bool {
		word, ok := s.Get(option)
		return ok && word != ""
	}
	f := Families{IPv4: sets("ipaddr"), IPv6: sets("ip6addr") || sets("ip6assign") || sets("ip6prefix")}
	f.IPv4 = f.IPv4 || !f.IPv6
	return f
}

// MakesChildren reports whether netifd makes further interfaces on top of one of this
// protocol ("wan_6" for the IPv6 of PPPoE; "wwan_4" and "wwan_6" of a modem), unless
// its section says otherwise (ppp.sh, qmi.sh and the like of OpenWrt).
func MakesChildren(protocol string) bool {
	return slices.Contains(linkProtocols[addressProtocols:], protocol)
}

// linkProtocols are the protocols of netifd that set up a provider's line. Any other
// one is a tunnel over a line, or left to another program ("none").
var linkProtocols = []string{
	"static", "dhcp", "dhcpv6", "pppoe", "pppoa", "ppp", "3g", "qmi", "ncm", "mbim", "modemmanager", "wwan",
}

// addressProtocols is how many of them, at the beginning, do no more than set
// addresses.
const addressProtocols = 3

// TunnelProtocol reports whether a protocol is that of a tunnel, or "none". The empty
// word is not: nothing is known then.
func TunnelProtocol(protocol string) bool {
	return protocol != "" && !slices.Contains(linkProtocols, protocol)
}
