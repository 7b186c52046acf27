// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"testing"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

func TestReasons(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change      func(*plan.LineUse)
		mode, table string
	}{
		"its own option": {func(*plan.LineUse) {}, "its own option multipath", "interface number 2 in the file, plus 1"},
		"chosen":         {func(l *plan.LineUse) { l.Chosen = true }, "set at run time, until the next reboot", ""},
		"frozen":         {func(l *plan.LineUse) { l.Frozen = true }, "a bad value in its own section or in its parent's", ""},
		"none":           {func(l *plan.LineUse) { l.Own, l.Tables[plan.IPv4] = false, 0 }, "no option multipath, and no mode to take over", "it takes no part, and 3 is taken by vpn"},
		"an alias": {func(l *plan.LineUse) { l.Interface.Device, l.Own, l.From = "@wan1", false, "wan1" },
			"alias of wan1, whose mode it takes over", ""},
		"dynamic": {func(l *plan.LineUse) { l.Own, l.From, l.Netifd.Dynamic = false, "wan1", true },
			"made by netifd from wan1, whose mode it takes over", "that of wan1: interface number 2 in the file, plus 1"},
		"on a device":    {func(l *plan.LineUse) { l.Own, l.From = false, "wan1" }, "on the device of wan1, whose mode it takes over", ""},
		"fixed":          {func(l *plan.LineUse) { l.Table, l.Tables[plan.IPv4] = 77, 77 }, "", "option multipath_table"},
		"moved by a VPN": {func(l *plan.LineUse) { l.Tables[plan.IPv4] = 1000 }, "", "3 is taken by vpn: the first free one from 1000 up"},
		"moved by a route": {func(l *plan.LineUse) { l.Position, l.Tables[plan.IPv4] = 8, 1000 }, "",
			"9 is taken by a route section of the configuration: the first free one from 1000 up"},
		"moved by the kernel": {func(l *plan.LineUse) { l.Position, l.Tables[plan.IPv4] = 252, 1000 }, "",
			"253 is the kernel's: the first free one from 1000 up"},
	} {
		f := world()
		f.Config = &config.Config{DefaultTables: []uint32{9}}
		vpn := line(7, config.Off)
		vpn.Name, vpn.Table = "vpn", 3
		f.Result.Lines = append(f.Result.Lines, vpn)
		l := &f.Result.Lines[1]
		c.change(l)
		got := New(f).line(l)
		if c.mode != "" {
			same(t, name+": mode", c.mode, got.ModeReason)
		}
		if c.table != "" {
			same(t, name+": table", c.table, got.TableReasons[plan.IPv4])
		}
	}
}
