// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"slices"
	"strings"

	"github.com/mptcpctl/mptcpctl/pkg/uci"
)

// kept are the options that package config reads, by the type of their
// section. Whatever else stands there is nobody's business: passwords, keys,
// names of users.
var kept = map[string]string{
	"interface": "multipath multipath_table device ifname ip4table ip6table gateway ip6gw",
	"route":     "table disabled target netmask",
	"route6":    "table disabled target netmask",
	"globals": "multipath mptcp_watch mptcp_subflows mptcp_add_addr_accepted mptcp_path_manager mptcp_scheduler " +
		"mptcp_checksum mptcp_add_addr_timeout mptcp_stale_loss_cnt mptcp_allow_join_initial_addr_port " +
		"mptcp_close_timeout mptcp_blackhole_timeout congestion",
}

// Complaint is what was to say about a line that could not be read, without
// what it quotes: half of a key that somebody broke in two, for one.
func Complaint(text string) string {
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
		words, ok := kept[s.Type]
		if !ok {
			continue
		}
		names := strings.Fields(words)
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
