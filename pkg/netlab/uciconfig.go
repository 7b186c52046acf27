// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
)

// WriteConfig writes the UCI package `network` that fits what the stand-in netifd
// knows, with multipath enabled, into ConfigDir. New has done it once already.
func (l *Lab) WriteConfig() error {
	s, err := readState(l.Dir)
	if err != nil {
		return err
	}
	return l.writeConfig(s)
}

func (l *Lab) writeConfig(s *state) error {
	var b strings.Builder
	b.WriteString("\nconfig globals 'globals'\n\toption multipath 'enable'\n")
	for i := range s.Interfaces {
		if !s.Interfaces[i].Dynamic {
			s.Interfaces[i].section(&b)
		}
	}
	return os.WriteFile(filepath.Join(l.ConfigDir(), "network"), []byte(b.String()), 0o644)
}

// section writes the configuration of one interface, as the protocol wants it: what
// a static one has stands in the file, a lease does not.
func (i *Interface) section(b *strings.Builder) {
	fmt.Fprintf(b, "\nconfig interface '%s'\n", i.Name)
	option := func(name, value string) {
		if value != "" {
			fmt.Fprintf(b, "\toption %s '%s'\n", name, value)
		}
	}
	number := func(name string, value uint32) {
		if value != 0 {
			option(name, fmt.Sprint(value))
		}
	}
	option("device", i.Device)
	option("proto", i.Proto)
	if i.Proto == "static" {
		i.addressOptions(option, func(name, value string) { fmt.Fprintf(b, "\tlist %s '%s'\n", name, value) })
	}
	number("metric", uint32(i.Metric))
	number("ip4table", i.IP4Table)
	number("ip6table", i.IP6Table)
	if i.NoDefaultRoute {
		option("defaultroute", "0")
	}
	option("multipath", i.Multipath)
}

// addressOptions writes the addresses and gateways of a static section: several
// addresses of a family are a list, in CIDR notation.
func (i *Interface) addressOptions(option, list func(name, value string)) {
	var ipv4, ipv6 []netip.Prefix
	for _, a := range i.Addresses {
		if a.Addr().Is4() {
			ipv4 = append(ipv4, a)
		} else {
			ipv6 = append(ipv6, a)
		}
	}
	if len(ipv4) == 1 {
		option("ipaddr", ipv4[0].Addr().String())
		option("netmask", net.IP(net.CIDRMask(ipv4[0].Bits(), 32)).String())
		ipv4 = nil
	}
	for _, a := range ipv4 {
		list("ipaddr", a.String())
	}
	for _, a := range ipv6 {
		list("ip6addr", a.String())
	}
	for _, g := range i.Gateways {
		if g.Is4() {
			option("gateway", g.String())
		} else {
			option("ip6gw", g.String())
		}
	}
	if i.Prefix.IsValid() {
		option("ip6prefix", i.Prefix.String())
	}
}
