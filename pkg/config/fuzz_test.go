// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"strings"
	"testing"
	"unicode"

	"github.com/mptcpctl/mptcpctl/pkg/uci"
)

// FuzzParse: whatever UCI can hold is read, or refused for a reason that fits a
// line of a terminal and of a log; and what is read keeps to the bounds of
// section 1 and 3 of the design.
func FuzzParse(f *testing.F) {
	f.Add("config globals 'globals'\n option multipath 'enable'\n option mptcp_subflows '8'\n option mptcp_scheduler 'blest'\n" +
		"config interface 'lan'\n option device 'br-lan'\nconfig interface 'wan'\n option device 'eth1'\n option multipath 'master'\n option ip4table '101'\n")
	f.Add("config interface 'wan'\n option multipath 'bakcup'\n option multipath_table '254'\nconfig interface 'wan6'\n option device '@wan'\n")
	f.Add("config interface 'a'\n option multipath_table '7'\nconfig interface 'b'\n option multipath_table '7'\n option gateway '10.0.0.300'\n" +
		"config route\n option target '0.0.0.0/0'\n option table '4'\nconfig rule\n option lookup '4'\n")
	f.Add("config interface 'wan'\n option device '@wan'\n option multipath 'x\ny\x1b[31m'\nconfig globals\n list multipath ''\n option mptcp_close_timeout '-1'\n")
	f.Fuzz(func(t *testing.T, text string) {
		pkg, err := uci.Parse("network", []byte(text))
		if err != nil {
			return
		}
		cfg, err := Parse("/etc/config/network", pkg)
		if err != nil {
			printable(t, err.Error())
			return
		}
		for _, p := range cfg.Problems {
			printable(t, p.Error())
		}
		for _, w := range cfg.Warnings {
			printable(t, w)
		}
		positions := 0
		for _, i := range cfg.Interfaces {
			if i.Position == positions+1 {
				positions++
			}
			if i.Mode.String() == "" || i.Mode != Off && !i.HasMode() || ReservedTable(i.Table) && i.Table != 0 {
				t.Errorf("interface %+v", i)
			}
			if i.From == i.Name && i.Name != "" {
				t.Errorf("%s takes its own mode over", i.Name)
			}
		}
		for _, limit := range []*uint32{cfg.Globals.Subflows, cfg.Globals.AddAddrAccepted} {
			if limit != nil && *limit > 8 {
				t.Errorf("limit %d", *limit)
			}
		}
		if len(cfg.Interfaces) == 0 && !errors.Is(err, ErrNoInterfaces) && !errors.Is(err, ErrUnconfigured) {
			t.Error("no interface and no error")
		}
	})
}

// printable asserts that a text is one line without control characters.
func printable(t *testing.T, text string) {
	t.Helper()
	if strings.ContainsFunc(text, unicode.IsControl) {
		t.Errorf("control characters in %q", text)
	}
}
