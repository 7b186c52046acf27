// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/mptcpctl/mptcpctl/pkg/uci"
)

// Option names of interface sections.
const (
	OptionMultipath = "multipath"
	optionTable     = "multipath_table"
)

// ReservedTable reports whether no line may use a table number: 0
// (RT_TABLE_UNSPEC), 1, which is the user's VPN's, and 253 to 255
// (RT_TABLE_DEFAULT, MAIN and LOCAL of include/uapi/linux/rtnetlink.h).
func ReservedTable(table uint32) bool { return table < 2 || table >= 253 && table <= 255 }

var (
	trueWords  = []string{"1", "on", "true", "yes", "enabled"}
	falseWords = []string{"0", "off", "false", "no", "disabled"}
)

// Parse reads the sections of the package "network". file names it in
// messages. A bad value of an interface is a Problem of the result; the error
// is a Problem too when a bad value in "globals" makes the whole unusable, or
// ErrNoInterfaces, or ErrUnconfigured.
func Parse(file string, pkg *uci.Package) (Config, error) {
	p := parser{file: file}
	for _, s := range pkg.Sections {
		switch s.Type {
		case "interface":
			p.iface(s)
		case "route", "route6":
			p.route(s)
		}
	}
	if len(pkg.Sections) == 0 && len(pkg.Warnings) == 0 {
		return Config{}, fmt.Errorf("%s: %w", file, ErrUnconfigured)
	}
	if len(p.cfg.Interfaces) == 0 {
		return Config{}, fmt.Errorf("%s: %w", file, ErrNoInterfaces)
	}
	if s, ok := globalsSection(pkg); ok {
		if err := p.globals(s); err != nil {
			return Config{}, err
		}
	}
	p.sharedTables()
	p.cfg.inherit()
	p.cfg.inheritChecks()
	return p.cfg, nil
}

type parser struct {
	file string
	cfg  Config
}

func globalsSection(pkg *uci.Package) (uci.Section, bool) {
	i := slices.IndexFunc(pkg.Sections, func(s uci.Section) bool { return s.Name == "globals" })
	if i < 0 {
		i = slices.IndexFunc(pkg.Sections, func(s uci.Section) bool { return s.Type == "globals" })
	}
	if i < 0 {
		return uci.Section{}, false
	}
	return pkg.Sections[i], true
}

func (p *parser) problem(section, option, value, accepted string) Problem {
	return Problem{File: p.file, Section: section, Option: option, Value: value, Accepted: accepted}
}

// refused is the problem of a value that the table of options does not accept.
// kind is the type that counts: what makes "globals" is its name.
func (p *parser) refused(s uci.Section, kind, name, value string) Problem {
	return p.problem(s.Name, name, value, option(kind, name).Accepted())
}

func (p *parser) iface(s uci.Section) {
	i := Interface{Name: s.Name, Position: len(p.cfg.Interfaces) + 1}
	if word, ok := s.Get(OptionMultipath); ok && word != "" {
		i.Own = true
		if i.Mode, ok = ParseMode(word); !ok {
			i.Frozen = true
			p.cfg.Problems = append(p.cfg.Problems, p.refused(s, sectionInterface, OptionMultipath, word))
		}
	}
	if word, ok := s.Get(optionTable); ok && word != "" {
		n, err := strconv.ParseUint(word, 10, 32)
		if err != nil || ReservedTable(uint32(n)) {
			i.Frozen = true
			p.cfg.Problems = append(p.cfg.Problems, p.refused(s, sectionInterface, optionTable, word))
		} else {
			i.Table = uint32(n)
		}
	}
	i.Check = p.check(s)
	i.Frozen = i.Frozen || i.Check.Bad
	i.Device = device(s)
	i.Proto, _ = s.Get("proto")
	i.Families = sectionFamilies(s, i.Proto)
	word, _ := s.Get("defaultroute")
	i.NoDefaultRoute = slices.Contains(falseWords, word)
	i.Addresses = addresses(s)
	i.IP4Table, i.IP6Table = tableNumber(s, "ip4table"), tableNumber(s, "ip6table")
	i.Gateway = p.gateway(s, "gateway", &i, "an IPv4 address", netip.Addr.Is4)
	i.IP6Gateway = p.gateway(s, "ip6gw", &i, "an IPv6 address", netip.Addr.Is6)
	p.cfg.Interfaces = append(p.cfg.Interfaces, i)
}

func device(s uci.Section) string {
	for _, option := range []string{"device", "ifname"} {
		if word, ok := s.Get(option); ok {
			if fields := strings.Fields(word); len(fields) > 0 {
				return fields[0]
			}
		}
	}
	return ""
}

// tableNumber reads a number as netifd does, with strtoul's bases
// (system_resolve_rt_table in system-linux.c); a name is none.
func tableNumber(s uci.Section, option string) uint32 {
	word, _ := s.Get(option)
	n, err := strconv.ParseUint(word, 0, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}

// addresses are those that the section itself sets, as far as they can be read.
func addresses(s uci.Section) []netip.Addr {
	var all []netip.Addr
	for _, option := range []string{"ipaddr", "ip6addr"} {
		for _, word := range s.Values(option) {
			for _, field := range strings.Fields(word) {
				bare, _, _ := strings.Cut(field, "/")
				if a, err := netip.ParseAddr(bare); err == nil {
					all = append(all, a)
				}
			}
		}
	}
	return all
}

// gateway reads the gateway of a section. What is no address is netifd's affair,
// and one warning; what no gateway can have is a bad value, where the section
// takes part.
func (p *parser) gateway(s uci.Section, option string, i *Interface, accepted string, fits func(netip.Addr) bool) netip.Addr {
	word, ok := s.Get(option)
	if !ok || word == "" {
		return netip.Addr{}
	}
	a, err := netip.ParseAddr(word)
	if err != nil || !fits(a) {
		p.cfg.Warnings = append(p.cfg.Warnings, p.problem(s.Name, option, word, accepted).Error()+"; ignored")
		return netip.Addr{}
	}
	if !Gateway(a) && i.Own && (i.Mode != Off || i.Frozen) {
		i.Frozen = true
		p.cfg.Problems = append(p.cfg.Problems, p.problem(s.Name, option, word, accepted+" of a router"))
	}
	return a
}

// Gateway reports whether an address can be that of a router. Loopback, multicast and
// broadcast addresses cannot: the kernel refuses a route by them (fib_check_nh_v4_gw in
// net/ipv4/fib_semantics.c, ip6_validate_gw in net/ipv6/route.c). Nor can those of
// "this network" (0.0.0.0/8, RFC 1122 section 3.2.1.3), though the kernel takes them
// with onlink. The unspecified address stands for a route without gateway.
func Gateway(a netip.Addr) bool {
	if a.IsUnspecified() {
		return true
	}
	thisNetwork := a.Is4() && a.As4()[0] == 0
	return !a.IsLoopback() && !a.IsMulticast() && !thisNetwork && a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// route notes a table that gets a default route: netifd takes a section
// without target, with target 0.0.0.0 and netmask 0.0.0.0, or with a /0
// prefix for one (netifd interface-ip.c, interface_ip_add_route).
func (p *parser) route(s uci.Section) {
	table := tableNumber(s, "table")
	if disabled, ok := s.Get("disabled"); table == 0 || (ok && slices.Contains(trueWords, disabled)) {
		return
	}
	target, ok := s.Get("target")
	mask, _ := s.Get("netmask")
	if !ok || strings.HasSuffix(target, "/0") || (target == "0.0.0.0" && mask == "0.0.0.0") {
		p.cfg.DefaultTables = append(p.cfg.DefaultTables, table)
	}
}

// sharedTables finds sections that fix one table number: none of them may
// have it, for any choice would take the other's traffic along.
func (p *parser) sharedTables() {
	first, second := make(map[uint32]string), make(map[uint32]string) // sections by the tables that they use
	for i := range p.cfg.Interfaces {
		one := &p.cfg.Interfaces[i]
		for _, table := range [...]uint32{one.Table, one.IP4Table, one.IP6Table} {
			if table != 0 && first[table] == "" {
				first[table] = one.Name
			}
			if table != 0 && first[table] != one.Name && second[table] == "" {
				second[table] = one.Name
			}
		}
	}
	for i := range p.cfg.Interfaces {
		one := &p.cfg.Interfaces[i]
		other := first[one.Table]
		if other == one.Name {
			other = second[one.Table]
		}
		if other != "" {
			one.Frozen = true
			p.cfg.Problems = append(p.cfg.Problems, p.problem(one.Name, optionTable, strconv.FormatUint(uint64(one.Table), 10),
				fmt.Sprintf("a number that no other section has ('%s' has it)", Shown(other))))
		}
	}
}

func orList(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
