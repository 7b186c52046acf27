// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/mptcpctl/mptcpctl/pkg/uci"
)

// globalSysctls are the options of "globals" that are sysctls of the same
// meaning (Documentation/networking/mptcp-sysctl.rst; ip-sysctl.rst for
// congestion).
var globalSysctls = []Sysctl{
	{Option: "mptcp_scheduler", Key: "net.mptcp.scheduler"},
	{Option: "mptcp_checksum", Key: "net.mptcp.checksum_enabled"},
	{Option: "mptcp_add_addr_timeout", Key: "net.mptcp.add_addr_timeout"},
	{Option: "mptcp_stale_loss_cnt", Key: "net.mptcp.stale_loss_cnt"},
	{Option: "mptcp_allow_join_initial_addr_port", Key: "net.mptcp.allow_join_initial_addr_port"},
	{Option: "mptcp_close_timeout", Key: "net.mptcp.close_timeout"},
	{Option: "mptcp_blackhole_timeout", Key: "net.mptcp.blackhole_timeout"},
	{Option: "congestion", Key: "net.ipv4.tcp_congestion_control"},
}

func (p *parser) globals(s uci.Section) error {
	g := &p.cfg.Globals
	var err error
	if g.Multipath, err = p.boolean(s, OptionMultipath, "enable", "disable"); err != nil {
		return err
	}
	if g.Watch, err = p.boolean(s, "mptcp_watch", "", ""); err != nil {
		return err
	}
	if g.Subflows, err = p.limit(s, "mptcp_subflows"); err != nil {
		return err
	}
	if g.AddAddrAccepted, err = p.limit(s, "mptcp_add_addr_accepted"); err != nil {
		return err
	}
	switch word, _ := s.Get("mptcp_path_manager"); word {
	case "fullmesh":
		g.Fullmesh = true
	case "", "default":
	default:
		p.cfg.Warnings = append(p.cfg.Warnings, p.problem(s.Name, "mptcp_path_manager", word, "fullmesh or default").Error()+"; ignored")
	}
	for _, known := range globalSysctls {
		if value, ok := s.Get(known.Option); ok && value != "" {
			known.Value = sysctlValue(known.Option, value)
			g.Sysctls = append(g.Sysctls, known)
		}
	}
	return nil
}

// boolean reads a UCI boolean; on and off are further words for its values.
func (p *parser) boolean(s uci.Section, option, on, off string) (bool, error) {
	word, ok := s.Get(option)
	switch {
	case !ok, word == "", word == off, slices.Contains(falseWords, word):
		return false, nil
	case word == on, slices.Contains(trueWords, word):
		return true, nil
	}
	words := append(slices.Clone(trueWords), falseWords...)
	if on != "" {
		words = append([]string{on, off}, words...)
	}
	return false, p.problem(s.Name, option, word, orList(words))
}

func (p *parser) limit(s uci.Section, option string) (*uint32, error) {
	word, ok := s.Get(option)
	if !ok || word == "" {
		return nil, nil
	}
	n, err := strconv.ParseUint(word, 10, 32)
	if err != nil || n > uint64(p.maxLimit) {
		return nil, p.problem(s.Name, option, word, fmt.Sprintf("0 to %d", p.maxLimit))
	}
	limit := uint32(n)
	return &limit, nil
}

// sysctlValue spells the UCI booleans of the two on-off settings as the
// kernel does; what the kernel refuses is said when it refuses.
func sysctlValue(option, value string) string {
	if option != "mptcp_checksum" && option != "mptcp_allow_join_initial_addr_port" {
		return value
	}
	switch {
	case value == "enable", slices.Contains(trueWords, value):
		return "1"
	case value == "disable", slices.Contains(falseWords, value):
		return "0"
	}
	return value
}
