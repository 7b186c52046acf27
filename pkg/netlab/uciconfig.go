// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"fmt"
	"net"
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
		s.Interfaces[i].section(&b)
	}
	return os.WriteFile(filepath.Join(l.ConfigDir(), "network"), []byte(b.String()), 0o644)
}

// section writes the configuration of one interface.
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
		for _, a := range i.Addresses {
			if a.Addr().Is4() {
				option("ipaddr", a.Addr().String())
				option("netmask", net.IP(net.CIDRMask(a.Bits(), 32)).String())
			} else {
				option("ip6addr", a.String())
			}
		}
		for _, g := range i.Gateways {
			if g.Is4() {
				option("gateway", g.String())
			} else {
				option("ip6gw", g.String())
			}
		}
	}
	number("metric", uint32(i.Metric))
	number("ip4table", i.IP4Table)
	number("ip6table", i.IP6Table)
	if i.NoDefaultRoute {
		option("defaultroute", "0")
	}
	option("multipath", i.Multipath)
}
