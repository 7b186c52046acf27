// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mptcpctl/mptcpctl/pkg/uci"
)

func TestTheStandInUciStagesAndCommits(t *testing.T) {
	t.Parallel()
	l := newLab(t, Config{Lines: []LineConfig{{Multipath: "master"}, {Multipath: "on"}}})
	self, err := os.Executable()
	must(t, err)
	must(t, l.InstallTools(self))
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"get network.wan2.multipath", 0, "on\n"},
		{"show network.globals", 0, "network.globals=globals\nnetwork.globals.multipath='enable'\n"},
		{"get network.wan9.multipath", 1, "uci: Entry not found\n"},
		{"-q get network.wan9.multipath", 1, ""},
		{"export nosuch", 1, "uci: Entry not found\n"},
		{"set network.wan9.multipath=on", 1, "uci: Entry not found\n"},
		{"changes network", 0, ""},
		{"set network.wan2.multipath=backup", 0, ""},
		{"changes network", 0, "network.wan2.multipath='backup'\n"},
		{"get network.wan2.multipath", 0, "backup\n"},
		{"revert network.wan2.multipath", 0, ""},
		{"get network.wan2.multipath", 0, "on\n"},
		{"set network.wan2.multipath=backup", 0, ""},
		{"delete network.wan1.multipath", 0, ""},
		{"commit network", 0, ""},
		{"changes", 0, ""},
		{"get network.wan2.multipath", 0, "backup\n"},
		{"get network.wan1.multipath", 1, "uci: Entry not found\n"},
		{"-P " + l.StateDir() + " set network.wan2.multipath=off", 0, ""},
		{"-P " + l.StateDir() + " get network.wan2.multipath", 0, "off\n"},
		{"get network.wan2.multipath", 0, "backup\n"},
		{"dance network", 1, "uci: Invalid argument\n"},
		{"-Z export network", 1, "Usage: uci [<options>] <command> [<arguments>]\n"},
	} {
		out, code := runTool(t, l, "uci", strings.Fields(c.args)...)
		if code != c.code || out != c.want {
			t.Errorf("uci %s: exit code %d, %q; want %d, %q", c.args, code, out, c.code, c.want)
		}
	}
}

// What is wanted here is what the real uci of December 2025 prints.
func TestTheStandInUciKnowsListsAndSectionsWithoutAName(t *testing.T) {
	t.Parallel()
	l := newLab(t, Config{Lines: []LineConfig{{}}})
	self, err := os.Executable()
	must(t, err)
	must(t, l.InstallTools(self))
	must(t, os.WriteFile(filepath.Join(l.ConfigDir(), "network"), []byte(`
config interface 'loopback'
	option device 'lo'

config device
	option name 'br-lan'
	list ports 'lan1'
	list ports 'lan4'
`), 0o644))
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"show network", 0, `network.loopback=interface
network.loopback.device='lo'
network.@device[0]=device
network.@device[0].name='br-lan'
network.@device[0].ports='lan1' 'lan4'
`},
		{"show network.@device[0].ports", 0, "network.cfg020f15.ports='lan1' 'lan4'\n"},
		{"show network.@device[7]", 1, "uci: Entry not found\n"},
		{"get network.@device[-1].name", 0, "br-lan\n"},
		{"get network.@device[1].name", 1, "uci: Entry not found\n"},
		{"del_list network.@device[0].ports=lan4", 0, ""},
		{"add_list network.@device[0].ports=lan5", 0, ""},
		{"add network rule", 0, "cfg0392bd\n"},
		{"set network.@rule[-1].in=lan", 0, ""},
		{"changes network", 0, `network.cfg020f15.ports-='lan4'
network.cfg020f15.ports+='lan5'
network.cfg0392bd='rule'
network.cfg0392bd.in='lan'
`},
		{"commit network", 0, ""},
		{"del_list network.@device[0].ports=lan9", 0, ""},
		{"get network.@device[0].ports", 0, "lan1 lan5\n"},
		{"get network.@rule[0].in", 0, "lan\n"},
		{"del_list network.@device[x].ports=lan1", 1, "uci: Invalid argument\n"},
		{"del_list network.@device[5].ports=lan1", 1, "uci: Entry not found\n"},
	} {
		out, code := runTool(t, l, "uci", strings.Fields(c.args)...)
		if code != c.code || out != c.want {
			t.Errorf("uci %s: exit code %d, %q; want %d, %q", c.args, code, out, c.code, c.want)
		}
	}
}

func TestTheStandInUciExportsWhatTheFileSays(t *testing.T) {
	t.Parallel()
	l := newLab(t, Config{Lines: []LineConfig{{IPv6: true, Multipath: "master"}}})
	self, err := os.Executable()
	must(t, err)
	must(t, l.InstallTools(self))
	out, code := runTool(t, l, "uci", "-q", "-S", "-n", "export", "network")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, out)
	}
	direct, err := uci.Source{ConfigDir: l.ConfigDir()}.Read(context.Background(), "network")
	must(t, err)
	if diff := cmp.Diff(direct.String(), out); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	must(t, os.WriteFile(filepath.Join(l.ConfigDir(), "network"), []byte("config interface 'a'\n\tfoo bar\n"), 0o644))
	if out, code := runTool(t, l, "uci", "export", "network"); code != 1 || !strings.Contains(out, "at line 2") {
		t.Errorf("strict: exit code %d, %q", code, out)
	}
	if out, code := runTool(t, l, "uci", "-S", "export", "network"); code != 0 || !strings.HasSuffix(out, "config interface 'a'\n\n") {
		t.Errorf("not strict: exit code %d, %q", code, out)
	}
}
