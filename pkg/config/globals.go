// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"
	"strconv"

	"github.com/mptcpctl/mptcpctl/pkg/uci"
)

func (p *parser) globals(s uci.Section) error {
	g := &p.cfg.Globals
	var err error
	if g.Multipath, err = p.boolean(s, OptionMultipath); err != nil {
		return err
	}
	if g.Watch, err = p.boolean(s, "mptcp_watch"); err != nil {
		return err
	}
	if g.Check, err = p.boolean(s, "mptcp_check"); err != nil {
		return err
	}
	g.Watch = g.Watch || g.Check // it is the watch service that checks
	if word, _ := s.Get(optionLaminar); word == "" {
		g.Laminar = true
	} else if g.Laminar, err = p.boolean(s, optionLaminar); err != nil {
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
		p.cfg.Warnings = append(p.cfg.Warnings, p.refused(s, sectionGlobals, "mptcp_path_manager", word).Error()+"; ignored")
	}
	for _, o := range options {
		if o.Sysctl == "" {
			continue
		}
		if value, ok := s.Get(o.Name); ok && value != "" {
			g.Sysctls = append(g.Sysctls, Sysctl{Option: o.Name, Key: o.Sysctl, Value: sysctlValue(o, value)})
		}
	}
	return nil
}

// boolean reads an option whose words are those of a UCI boolean, with enable and
// disable or without.
func (p *parser) boolean(s uci.Section, name string) (bool, error) {
	word, ok := s.Get(name)
	switch {
	case !ok, word == "":
		return false, nil
	case !slices.Contains(option(sectionGlobals, name).Words, word):
		return false, p.refused(s, sectionGlobals, name, word)
	}
	return trueWord(word), nil
}

func trueWord(word string) bool { return word == "enable" || slices.Contains(trueWords, word) }

// limit reads a limit. Which of the values that can be ones the kernel accepts, it
// says when it is asked.
func (p *parser) limit(s uci.Section, option string) (*uint32, error) {
	word, ok := s.Get(option)
	if !ok || word == "" {
		return nil, nil
	}
	n, err := strconv.ParseUint(word, 10, 8)
	if err != nil {
		return nil, p.refused(s, sectionGlobals, option, word)
	}
	limit := uint32(n)
	return &limit, nil
}

// sysctlValue spells the words of an on-off setting as the kernel does; what the
// kernel refuses is said when it refuses.
func sysctlValue(o Option, value string) string {
	switch {
	case !slices.Contains(o.Words, value):
		return value
	case trueWord(value):
		return "1"
	}
	return "0"
}
