// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/kernel"
	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
	"github.com/mptcpctl/mptcpctl/pkg/snapshot"
)

// twoLines is the configuration of a machine without netifd.
const twoLines = `config globals 'globals'
	option multipath 'enable'

config interface 'wan1'
	option device 'eth1'
	option proto 'dhcp'
	option multipath 'master'

config interface 'wan2'
	option device 'eth2'
	option proto 'dhcp'
	option multipath 'on'
`

// newRunner makes a namespace with two lines, and a Runner for it.
func newRunner(t *testing.T) *Runner {
	t.Helper()
	inNamespace(t)
	for n := 1; n <= 2; n++ {
		name := fmt.Sprintf("eth%d", n)
		must(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: name}, PeerName: fmt.Sprintf("peer%d", n)}))
		for _, end := range []string{name, fmt.Sprintf("peer%d", n)} {
			link, err := netlink.LinkByName(end)
			must(t, err)
			must(t, netlink.LinkSetUp(link))
		}
		link, err := netlink.LinkByName(name)
		must(t, err)
		must(t, netlink.AddrAdd(link, &netlink.Addr{IPNet: &net.IPNet{IP: net.IPv4(10, 0, byte(n), 2), Mask: net.CIDRMask(24, 32)}}))
		must(t, netlink.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Gw: net.IPv4(10, 0, byte(n), 1), Priority: n}))
	}
	dir := t.TempDir()
	r := &Runner{ConfigDir: dir, StateDir: filepath.Join(dir, "state"), LockFile: filepath.Join(dir, "lock")}
	r.write(t, twoLines)
	return r
}

func (r *Runner) write(t *testing.T, config string) {
	t.Helper()
	must(t, os.WriteFile(r.ConfigFile(), []byte(config), 0o600))
}

// managed counts the rules of mptcpctl and the endpoints.
func managed(t *testing.T) (rules, endpoints int) {
	t.Helper()
	all, err := netlink.RuleList(netlink.FAMILY_V4)
	must(t, err)
	for _, r := range all {
		if r.Protocol == plan.Protocol {
			rules++
		}
	}
	pm, err := mptcp.Dial()
	must(t, err)
	defer pm.Close()
	list, err := pm.Endpoints()
	must(t, err)
	return rules, len(list)
}

func TestRunAppliesOnceAndFlushTakesItBack(t *testing.T) {
	r := newRunner(t)
	first, err := r.Run(t.Context(), Request{})
	must(t, err)
	if rules, endpoints := managed(t); rules == 0 || endpoints != 2 || len(first.Done) == 0 {
		t.Fatalf("%d rules, %d endpoints, %d operations", rules, endpoints, len(first.Done))
	}
	if len(first.Done) != len(first.Result.Ops) || first.Problems != nil || first.Warnings != nil {
		t.Errorf("%d of %d operations are done, problems %v, warnings %v", len(first.Done), len(first.Result.Ops), first.Problems, first.Warnings)
	}
	second, err := r.Run(t.Context(), Request{})
	must(t, err)
	if len(second.Done) > 0 {
		t.Errorf("a second run did %v", second.Done)
	}
	_, err = r.Flush(t.Context())
	must(t, err)
	if rules, endpoints := managed(t); rules != 0 || endpoints != 0 {
		t.Errorf("%d rules and %d endpoints are left", rules, endpoints)
	}
}

func TestObserveChangesNothing(t *testing.T) {
	r := newRunner(t)
	k, err := kernel.Open()
	must(t, err)
	defer k.Close()
	o, err := r.Observe(t.Context(), k, Request{ListSubflows: true})
	must(t, err)
	if len(o.Result.Ops) == 0 || o.Netifd || !o.State.SubflowsKnown || len(o.Interfaces) != 2 {
		t.Errorf("%d operations, netifd %v, subflows known %v, %d interfaces", len(o.Result.Ops), o.Netifd, o.State.SubflowsKnown, len(o.Interfaces))
	}
	if rules, endpoints := managed(t); rules != 0 || endpoints != 0 {
		t.Errorf("%d rules and %d endpoints were added", rules, endpoints)
	}
	if _, err := os.Stat(r.LockFile); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the lock file: %v, want none", err)
	}
}

func TestAReplayPlansWhatWasObserved(t *testing.T) {
	r := newRunner(t)
	k, err := kernel.Open()
	must(t, err)
	defer k.Close()
	o, err := r.Observe(t.Context(), k, Request{})
	must(t, err)
	s, err := r.Snapshot(t.Context(), "1.0")
	must(t, err)
	s, err = snapshot.Decode([]byte(snapshot.Encode(&s)))
	must(t, err)
	replayed, err := Replay(&s)
	must(t, err)
	text := func(ops []plan.Op) (lines []string) {
		for _, op := range ops {
			lines = append(lines, op.String())
		}
		return lines
	}
	if diff := cmp.Diff(text(o.Result.Ops), text(replayed.Result.Ops)); diff != "" {
		t.Errorf("-observed +replayed:\n%s", diff)
	}
}

// TestASnapshotHasTheHintOfItsPlan has another run end while netifd is asked.
func TestASnapshotHasTheHintOfItsPlan(t *testing.T) {
	r := newRunner(t)
	must(t, os.WriteFile(r.LockFile, []byte("1\n"), 0o600))
	dir := t.TempDir()
	ubus := "#!/bin/sh\necho 7 >" + r.LockFile + "\necho '{\"interface\":[]}'\n"
	must(t, os.WriteFile(filepath.Join(dir, "ubus"), []byte(ubus), 0o700))
	t.Setenv("PATH", dir)
	s, err := r.Snapshot(t.Context(), "1.0")
	must(t, err)
	if !s.HintKnown || s.LastID != 7 {
		t.Errorf("hint known %v, last id %d, want 7", s.HintKnown, s.LastID)
	}
}

func TestWhatACallerDecidesOn(t *testing.T) {
	r := newRunner(t)
	for _, tt := range []struct {
		name  string
		cause func() func()
		want  error
	}{
		{"the lock is held", func() func() {
			lock, err := Acquire(t.Context(), r.LockFile, 0)
			must(t, err)
			return func() { must(t, lock.Release()) }
		}, ErrLocked},
		{"the configuration cannot be read", func() func() {
			r.write(t, "config interface 'wan1")
			return func() { r.write(t, twoLines) }
		}, ErrConfig},
		{"no privilege", func() func() {
			header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
			var had, none [2]unix.CapUserData
			must(t, unix.Capget(&header, &had[0]))
			none = had
			none[0].Effective &^= 1 << unix.CAP_NET_ADMIN
			must(t, unix.Capset(&header, &none[0]))
			return func() { must(t, unix.Capset(&header, &had[0])) }
		}, ErrNotPrivileged},
	} {
		restore := tt.cause()
		outcome, err := r.Run(t.Context(), Request{})
		restore()
		if !errors.Is(err, tt.want) || len(outcome.Done) > 0 {
			t.Errorf("%s: error %v, want %v; done: %v", tt.name, err, tt.want, outcome.Done)
		}
	}
	outcome, err := r.Run(t.Context(), Request{})
	must(t, err)
	if len(outcome.Done) == 0 {
		t.Error("without a cause nothing is done either")
	}
}

func TestABadValueIsAProblemAndNoFailure(t *testing.T) {
	r := newRunner(t)
	r.write(t, strings.Replace(twoLines, "'on'", "'sometimes'", 1))
	outcome, err := r.Run(t.Context(), Request{})
	must(t, err)
	if !errors.Is(outcome.Problems, ErrConfig) || !strings.Contains(outcome.Problems.Error(), "'sometimes'") {
		t.Errorf("problems: %v", outcome.Problems)
	}
	if _, endpoints := managed(t); endpoints != 1 {
		t.Errorf("%d endpoints, want that of the other line", endpoints)
	}
}

func TestThereIsOneWatch(t *testing.T) {
	r := newRunner(t)
	if r.Watched(t.Context()) {
		t.Error("a watch is said to run before there is one")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var other error
	runs := 0
	err := r.Watch(ctx, nil, func(outcome Outcome, err error) {
		must(t, err)
		if runs++; runs > 1 {
			return
		}
		if len(outcome.Done) == 0 || !r.Watched(ctx) {
			t.Errorf("%d operations, watched: %v", len(outcome.Done), r.Watched(ctx))
		}
		other = r.Watch(ctx, nil, func(Outcome, error) { t.Error("a second watch runs") })
		cancel()
	})
	must(t, err)
	if !errors.Is(other, ErrLocked) || runs != 1 {
		t.Errorf("the other one: %v; %d runs", other, runs)
	}
}

// TestTheSourceHasTheDirectoriesOfUciByDefaultOnly tells when staged changes and
// overrides are looked for.
func TestTheSourceHasTheDirectoriesOfUciByDefaultOnly(t *testing.T) {
	for name, test := range map[string]struct {
		runner           Runner
		staged, override string
	}{
		"the default":                 {Runner{hasNetifd: new(true)}, "/tmp/.uci", "/var/run/uci"},
		"the default, named":          {Runner{ConfigDir: "/etc/config"}, "/tmp/.uci", "/var/run/uci"},
		"the default, with a slash":   {Runner{ConfigDir: "/etc/config/"}, "/tmp/.uci", "/var/run/uci"},
		"others for the default":      {Runner{ConfigDir: "/etc/config", StagedDir: "/a", OverrideDir: "/b"}, "/a", "/b"},
		"another configuration":       {Runner{ConfigDir: "/c"}, "", ""},
		"others, named":               {Runner{ConfigDir: "/c", StagedDir: "/a", OverrideDir: "/b"}, "/a", "/b"},
		"one of them, and no default": {Runner{ConfigDir: "/c", StagedDir: "/a"}, "/a", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := test.runner.Source()
			if s.StagedDir != test.staged || s.OverrideDir != test.override {
				t.Errorf("staged changes in %q, overrides in %q, want %q and %q", s.StagedDir, s.OverrideDir, test.staged, test.override)
			}
		})
	}
}

// TestTheConfigurationOfAMachineWithoutNetifd tells which of two files counts. It has an
// /etc of its own.
func TestTheConfigurationOfAMachineWithoutNetifd(t *testing.T) {
	inNamespace(t)
	must(t, unix.Unshare(unix.CLONE_FS|unix.CLONE_NEWNS))
	must(t, unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	must(t, unix.Mount("tmpfs", "/etc", "tmpfs", 0, ""))
	without, with := false, true
	read := func(netifd *bool) string {
		r := &Runner{hasNetifd: netifd}
		if file, dir := r.ConfigFile(), r.Source().ConfigDir; file != dir+"/network" {
			t.Errorf("%s is named, %s is read", file, dir)
		}
		return r.ConfigFile()
	}
	want := func(what, file string, netifd *bool) {
		t.Helper()
		if got := read(netifd); got != file {
			t.Errorf("%s: the configuration is %s, want %s", what, got, file)
		}
	}
	want("nothing", "/etc/mptcpctl/network", &without)
	want("nothing, with netifd", "/etc/config/network", &with)
	must(t, os.MkdirAll("/etc/config", 0o755))
	must(t, os.MkdirAll("/etc/mptcpctl", 0o755))
	must(t, os.WriteFile("/etc/config/wireless", nil, 0o644))
	must(t, os.WriteFile("/etc/mptcpctl/network", nil, 0o644))
	want("another program's /etc/config", "/etc/mptcpctl/network", &without)
	want("another program's /etc/config, with netifd", "/etc/config/network", &with)
	must(t, os.WriteFile("/etc/config/network", nil, 0o644))
	want("both", "/etc/config/network", &without)
	r := &Runner{ConfigDir: "/etc/mptcpctl", hasNetifd: &without}
	if got := r.ConfigFile(); got != "/etc/mptcpctl/network" {
		t.Errorf("%s is taken for the directory that was named", got)
	}
}
