// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

// checkedLine is one interface as DESIGN sees it, from the configuration's text
// and what the laboratory's netifd knows.
type checkedLine struct {
	name, mode string
	saved      string // the mode in the file, below a runtime choice
	hasMode    bool
	own        bool // the mode is its own, not taken over
	bad        bool // a value that cannot be, its own or of the one it follows
	position   int  // of its section among those of interfaces, from 1; 0: none
	parent     *checkedLine
	options    map[string]string // of its section
	device     string
	tables     [2]uint32
	fixed      [3]uint32 // multipath_table, ip4table, ip6table
	netlab.Interface
}

func (l *checkedLine) takesPart() bool { return !l.bad && l.mode != "off" }

// checkedConfig is the configuration.
type checkedConfig struct {
	lines                     []*checkedLine
	on, badGlobals            bool
	watch, fullmesh, problems bool
	laminar                   bool
	subflows, accepted        int // -1: unset
}

// uciText is a section of the files that the laboratory and the walk write.
type uciText struct {
	kind, name string
	options    map[string]string
}

func parseUCI(text string) (sections []*uciText) {
	for line := range strings.Lines(text) {
		words := strings.SplitN(strings.TrimSpace(line), " ", 3)
		if len(words) < 2 {
			continue
		}
		value := ""
		if len(words) == 3 {
			value = strings.Trim(words[2], "'")
		}
		switch words[0] {
		case "config":
			sections = append(sections, &uciText{words[1], value, map[string]string{}})
		case "option", "list":
			sections[len(sections)-1].options[words[1]] = value
		}
	}
	return sections
}

// readChecked reads the configuration, the runtime choices and netifd's record.
func (s *script) readChecked() (*checkedConfig, error) {
	text, err := os.ReadFile(filepath.Join(s.ConfigDir(), "network"))
	if err != nil {
		return nil, err
	}
	sections := parseUCI(string(text))
	delta, err := os.ReadFile(filepath.Join(s.StateDir(), "network"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for line := range strings.Lines(string(delta)) {
		tuple, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		words := strings.Split(tuple, ".")
		for _, section := range sections {
			if len(words) == 3 && section.name == words[1] {
				if _, twice := section.options["saved"]; words[2] == "multipath" && !twice {
					section.options["saved"] = section.options["multipath"]
				}
				section.options[words[2]] = strings.Trim(value, "'")
			}
		}
	}
	interfaces, err := s.Interfaces()
	if err != nil {
		return nil, err
	}
	return newCheckedConfig(sections, interfaces), nil
}

func newCheckedConfig(sections []*uciText, interfaces []netlab.Interface) *checkedConfig {
	c := &checkedConfig{subflows: -1, accepted: -1}
	for _, section := range sections {
		switch section.kind {
		case "globals":
			c.globals(section.options)
		case "interface":
			c.lines = append(c.lines, newCheckedLine(section))
			c.lines[len(c.lines)-1].position = len(c.lines)
		}
	}
	slices.SortFunc(interfaces, func(a, b netlab.Interface) int { return strings.Compare(a.Name, b.Name) })
	for _, i := range interfaces {
		l := c.named(i.Name)
		if l == nil {
			l = c.withoutSection(i)
		}
		l.Interface = i
	}
	for _, l := range c.lines {
		for _, other := range c.lines {
			if l != other && l.parent == nil && other.parent == nil && l.fixed[0] != 0 && slices.Contains(other.fixed[:], l.fixed[0]) {
				l.bad = true
			}
		}
	}
	for _, l := range c.lines {
		c.problems = c.problems || l.bad
	}
	c.inherit()
	for _, l := range c.lines {
		if !strings.HasPrefix(l.device, "@") {
			l.device = cmp.Or(l.L3Device, l.Device, l.device)
		} else if l.Up {
			l.device = cmp.Or(l.L3Device, l.Device)
		}
	}
	c.number()
	return c
}

func (c *checkedConfig) globals(options map[string]string) {
	switch word := options["multipath"]; word {
	case "enable", "1", "on", "true", "yes", "enabled":
		c.on = true
	case "", "disable", "0", "off", "false", "no", "disabled":
	default:
		c.badGlobals = true
	}
	c.watch = options["mptcp_watch"] == "1"
	c.fullmesh = options["mptcp_path_manager"] == "fullmesh"
	c.laminar = options["mptcp_laminar"] != "0"
	for option, limit := range map[string]*int{"mptcp_subflows": &c.subflows, "mptcp_add_addr_accepted": &c.accepted} {
		if word := options[option]; word != "" {
			n, err := strconv.Atoi(word)
			c.badGlobals = c.badGlobals || err != nil || n > 8
			*limit = n
		}
	}
}

func newCheckedLine(section *uciText) *checkedLine {
	l := &checkedLine{name: section.name, mode: cmp.Or(section.options["multipath"], "off"), device: section.options["device"], options: section.options}
	l.saved = section.options["saved"]
	if !slices.Contains([]string{"on", "master", "backup", "handover", "signal"}, l.saved) {
		l.saved = ""
	}
	l.hasMode = section.options["multipath"] != ""
	l.own = l.hasMode
	l.bad = !slices.Contains([]string{"off", "on", "master", "backup", "handover", "signal"}, l.mode)
	for i, option := range []string{"multipath_table", "ip4table", "ip6table"} {
		word := section.options[option]
		if word == "" {
			continue
		}
		n, err := strconv.ParseUint(word, 10, 32)
		if i == 0 && (err != nil || n < 2 || n >= 253 && n <= 255) {
			l.bad = true
			continue
		}
		l.fixed[i] = uint32(n)
	}
	return l
}

// number gives the table numbers of section 3. Those of ip4table and ip6table are
// netifd's.
func (c *checkedConfig) number() {
	for f := range 2 {
		taken := func(table uint32, by *checkedLine) bool {
			return slices.ContainsFunc(c.lines, func(l *checkedLine) bool {
				return l.parent == nil && (l != by && l.fixed[0] == table || l.fixed[1] == table || l.fixed[2] == table)
			})
		}
		next := uint32(1000)
		free := func() uint32 {
			for taken(next, nil) {
				next++
			}
			next++
			return next - 1
		}
		used := make(map[*checkedLine]bool) // an interface of the family has the number
		for _, l := range c.lines {
			if l.parent != nil {
				continue
			}
			used[l] = l.reports(f)
			l.tables[f] = l.fixed[0]
			if l.tables[f] == 0 && l.position > 0 && !taken(uint32(l.position)+1, l) {
				l.tables[f] = uint32(l.position) + 1
			}
			if l.tables[f] == 0 && l.mode != "off" {
				l.tables[f] = free()
			}
		}
		for _, l := range c.lines {
			switch {
			case l.parent == nil:
			case !used[l.parent] || !l.reports(f):
				l.tables[f], used[l.parent] = l.parent.tables[f], used[l.parent] || l.reports(f)
			case l.mode != "off":
				l.tables[f] = free()
			}
		}
	}
}

// checkedUse is a line in one family, after a look at the kernel.
type checkedUse struct {
	usable, ready bool // ready: the carrier left aside
	carries       bool // it has a carrier
	index         int
	address       dumpedAddress   // that stands for the line; zero: none
	addresses     []dumpedAddress // netifd's that the kernel has
	prefixes      []netip.Prefix
	gateway       netip.Addr
}

func familyIndex(a netip.Addr) int {
	if a.Is4() {
		return 0
	}
	return 1
}

// use says whether a line is usable in a family (section 2).
func (c *checkedConfig) use(l *checkedLine, f int, d *kernelDump) (u checkedUse) {
	link, there := d.link(l.device)
	if !l.Up || !there || !slices.Contains(link.Flags, "UP") {
		return u
	}
	u.index = link.Index
	for _, wanted := range l.Addresses {
		for _, a := range link.Addresses {
			if familyIndex(wanted.Addr()) == f && a.Local == wanted.Addr() && a.counts() {
				u.addresses = append(u.addresses, a)
			}
		}
	}
	if f == 1 && l.Prefix.IsValid() {
		u.prefixes = append(u.prefixes, l.Prefix.Masked())
	}
	for _, g := range slices.Backward(l.Gateways) {
		if familyIndex(g) == f {
			u.gateway = g
		}
	}
	u.ready = c.on && l.takesPart() && len(u.addresses)+len(u.prefixes) > 0 && u.gateway.IsValid()
	u.usable = u.ready && (!c.watch || slices.Contains(link.Flags, "LOWER_UP"))
	u.carries = slices.Contains(link.Flags, "LOWER_UP")
	u.address = u.standsFor(l)
	return u
}

// counts reports whether an address may stand for a line.
func (a dumpedAddress) counts() bool {
	return a.Scope == "0" && !a.Deprecated && !a.Failed && !a.Temporary && !ula.Contains(a.Local) && !a.Local.IsLinkLocalUnicast()
}

// ula is where unique local addresses are (RFC 4193, section 3.1).
var ula = netip.MustParsePrefix("fc00::/7")

// standsFor is the line's address: netifd's source of the default route, which a
// lease has, else the one in whose network the gateway is, else the first. In IPv6
// it is the first.
func (u *checkedUse) standsFor(l *checkedLine) (best dumpedAddress) {
	if len(u.addresses) == 0 {
		return best
	}
	best = u.addresses[0]
	if best.Local.Is6() {
		return best
	}
	for _, a := range slices.Backward(u.addresses) {
		if a.connected().IsValid() && a.connected().Contains(u.gateway) {
			best = a
		}
	}
	for _, first := range l.Addresses {
		if !first.Addr().Is4() || l.Proto != "dhcp" {
			continue
		}
		if at := slices.IndexFunc(u.addresses, func(a dumpedAddress) bool { return a.Local == first.Addr() }); at >= 0 {
			return u.addresses[at]
		}
		break
	}
	return best
}

// source is the address as the source of a route, empty while it is tentative.
func (a dumpedAddress) source() string {
	if a.Tentative {
		return ""
	}
	return a.Local.String()
}

// connected is the network of an address: its peer's, where it has one, and none
// where the kernel makes no route of it.
func (a dumpedAddress) connected() netip.Prefix {
	if a.Peer.IsValid() {
		return netip.PrefixFrom(a.Peer, a.Bits).Masked()
	}
	if a.NoPrefix || a.Bits == a.Local.BitLen() {
		return netip.Prefix{}
	}
	return netip.PrefixFrom(a.Local, a.Bits).Masked()
}

func (c *checkedConfig) String() string {
	var b strings.Builder
	for _, l := range c.lines {
		fmt.Fprintf(&b, "%s mode %s bad %v device %s tables %v up %v\n", l.name, l.mode, l.bad, l.device, l.tables, l.Up)
	}
	return b.String()
}
