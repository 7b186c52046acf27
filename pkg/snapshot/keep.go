// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"slices"
	"strings"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/uci"
)

// netifds are the options of netifd's that package config reads, by the type of
// their section. Whatever is neither among them nor an option of
// mptcpctl's is private: passwords, keys, names of users.
var netifds = map[string]string{
	"interface": "proto device ifname ip4table ip6table gateway ip6gw defaultroute ipaddr ip6addr ip6assign ip6prefix",
	"route":     "table disabled target netmask",
	"route6":    "table disabled target netmask",
	"globals":   "",
}

// kept are the names of the options to keep in sections of a type; ok is false
// for sections that nothing is kept of.
func kept(kind string) (names []string, ok bool) {
	words, ok := netifds[kind]
	return append(strings.Fields(words), config.Names(kind)...), ok
}

// Warning is a warning about a line that could not be read, without
// what it quotes: half of a key that was broken in two, for one.
func Warning(text string) string {
	first, last := strings.IndexByte(text, '"'), strings.LastIndexByte(text, '"')
	if first == last {
		return text
	}
	return text[:first] + `"..."` + strings.TrimPrefix(text[last+1:], "...")
}

// Keep is the text of the part of a package that a plan is made from, in the
// form of "uci export". Every interface keeps its place in the order.
func Keep(pkg *uci.Package) string {
	part := uci.Package{Name: pkg.Name}
	for _, s := range pkg.Sections {
		if s.Name == "globals" && s.Type != "interface" && s.Type != "route" && s.Type != "route6" {
			s.Type = "globals" // the name alone makes it what it is
		}
		names, ok := kept(s.Type)
		if !ok {
			continue
		}
		var options []uci.Option
		for _, o := range s.Options {
			if slices.Contains(names, o.Name) {
				options = append(options, o)
			}
		}
		s.Options = options
		part.Sections = append(part.Sections, s)
	}
	return part.String()
}
