// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
	"github.com/mptcpctl/mptcpctl/pkg/netlab/packed"
)

// cmdPackage makes a router's root below ROOT: busybox, the stand-ins of
// testdata/router, and in /package the packages for opkg and apk, unpacked, until
// /sbin/packages installs one. The paths in their scripts are led into ROOT, and their
// mptcpctl into the lab.
func cmdPackage(ts *testscript.TestScript, neg bool, args []string) {
	none(ts, neg, args)
	s := of(ts)
	root := filepath.Join(s.dir, "root")
	ts.Setenv("ROOT", root)
	ts.Check(os.CopyFS(root, os.DirFS("testdata/router")))
	for _, dir := range []string{"bin", "usr/bin", "usr/lib", "usr/libexec", "usr/share", "etc/rc.d", "etc/hotplug.d/iface", "var"} {
		ts.Check(os.MkdirAll(filepath.Join(root, dir), 0o755))
		ts.Check(os.WriteFile(filepath.Join(root, dir, ".of-another-package"), nil, 0o644))
	}
	busybox, err := exec.LookPath("busybox")
	ts.Check(err)
	for _, name := range applets {
		ts.Check(os.Symlink(busybox, filepath.Join(root, "bin", name)))
	}
	for _, name := range []string{"ubus", "uci"} {
		ts.Check(os.Symlink(filepath.Join(s.BinDir(), name), filepath.Join(root, "bin", name)))
	}
	ts.Check(os.Symlink(filepath.Dir(s.lockPath()), filepath.Join(root, "var/lock")))
	ts.Check(s.unpack(root))
}

// applets are those of busybox that a router has, as far as the scripts use them.
var applets = []string{
	"sh", "cat", "cp", "rm", "ln", "ls", "sed", "tr", "basename", "dirname", "printf", "find", "sort", "grep", "mkdir", "rmdir", "readlink", "busybox",
}

// unpack lays the packages out with a program that has the flags of the lab.
func (s *script) unpack(root string) error {
	packages, err := buildPackages()
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	program := filepath.Join(root, "program", "mptcpctl")
	wrapper := fmt.Sprintf("#!/bin/sh\nexec '%s' '%s' \"$@\"\n", program, strings.Join(s.flags(), "' '"))
	err = errors.Join(os.Mkdir(filepath.Dir(program), 0o755), os.Symlink(self, program), os.CopyFS(filepath.Join(root, "package"), os.DirFS(packages)))
	if err != nil {
		return err
	}
	if err := relocate(root, "package"); err != nil {
		return err
	}
	for _, kind := range []string{"opkg", "apk", "feed"} {
		err = errors.Join(err, os.WriteFile(filepath.Join(root, "package", kind, "data/usr/bin/mptcpctl"), []byte(wrapper), 0o755))
	}
	return err
}

// buildPackages makes the packages of this tree once, and returns the directory with
// what is in them: opkg, apk and feed, each with control and data. It is removed with
// the program of the tests.
var buildPackages = sync.OnceValues(func() (string, error) {
	program, err := exec.LookPath("mptcpctl")
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(filepath.Dir(program), "packages-")
	if err != nil {
		return "", err
	}
	built := filepath.Join(dir, "built")
	if err := os.Mkdir(built, 0o755); err != nil {
		return "", err
	}
	placeholder := filepath.Join(built, "program")
	if err := os.WriteFile(placeholder, []byte("#!/bin/sh\n"), 0o755); err != nil {
		return "", err
	}
	for manager, format := range map[string]string{"opkg": "ipk", "apk": "apk"} {
		err := inTree(".ci/package", format, "x86_64", "0.2.0", placeholder, built)
		if err != nil {
			return "", err
		}
		p, err := packed.Open(filepath.Join(built, "mptcpctl_0.2.0-r1_x86_64."+format))
		if err != nil {
			return "", err
		}
		if err := errors.Join(p.Install(filepath.Join(dir, manager, "data")), writeControl(p, filepath.Join(dir, manager, "control"))); err != nil {
			return "", err
		}
	}
	feed := filepath.Join(dir, "feed")
	err = inTree("make", "-s", "ipk-root", "IPK_ROOT="+filepath.Join(feed, "data"), "IPK_PROGRAM="+placeholder)
	err = errors.Join(err, feedControl(feed), os.RemoveAll(built))
	return dir, err
})

// inTree runs a program in the top folder of the repository.
func inTree(name string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*commandTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = "../.."
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "MAKE") }), "SOURCE_DATE_EPOCH=1800000000")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %q: %w\n%s", name, args, err, text)
	}
	return nil
}

func writeControl(p *packed.Package, dir string) error {
	err := os.MkdirAll(dir, 0o755)
	for name, f := range p.Control {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, name), f.Data, f.Mode.Perm()))
	}
	return err
}

// feedControl makes of the scripts of openwrt/Makefile what package-pack.mk makes of
// them for opkg: default_postinst and default_prerm call them.
func feedControl(feed string) error {
	info, control := filepath.Join(feed, "data.info"), filepath.Join(feed, "control")
	err := os.Mkdir(control, 0o755)
	for _, name := range []string{"postinst", "prerm"} {
		wrapper := ". \"${IPKG_INSTROOT:-}/lib/functions.sh\"\ndefault_" + name + " $0 $@\n"
		err = errors.Join(err, os.Rename(filepath.Join(info, "mptcpctl."+name), filepath.Join(control, name+"-pkg")),
			os.WriteFile(filepath.Join(control, name), []byte("#!/bin/sh\n"+wrapper), 0o755))
	}
	alternatives, problem := os.ReadFile(filepath.Join(info, "mptcpctl.alternatives"))
	return errors.Join(err, problem, os.Rename(filepath.Join(info, "mptcpctl.postrm"), filepath.Join(control, "postrm")),
		os.WriteFile(filepath.Join(control, "control"), []byte("Alternatives: "+string(alternatives)+"\n"), 0o644))
}

// absolute is a path of the router in a script.
var absolute = regexp.MustCompile(`(?m)(^|[#! "]|:-\})/(bin|etc|lib|usr|var)/`)

// relocate leads the paths in the scripts below a directory of root into root.
func relocate(root, dir string) error {
	return filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil || !strings.HasPrefix(string(text), "#!") {
			return err
		}
		return os.WriteFile(path, absolute.ReplaceAllFunc(text, func(found []byte) []byte {
			if before, after, is := bytes.Cut(found, []byte(":-}")); is {
				return slices.Concat(before, []byte(":-"+root+"}"), after)
			}
			return absolute.ReplaceAll(found, []byte("${1}"+root+"/${2}/"))
		}), 0)
	})
}

// cmdAsh runs a command line of busybox's shell on the router's root, with
// nothing else on the PATH.
func cmdAsh(ts *testscript.TestScript, neg bool, args []string) {
	s := of(ts)
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	s.run(ts, neg, s.ash(ctx, ts, nil, strings.Join(args, " ")))
}

func (s *script) ash(ctx context.Context, ts *testscript.TestScript, env []string, line string) *exec.Cmd {
	root := ts.Getenv("ROOT")
	path := strings.Join([]string{filepath.Join(root, "sbin"), filepath.Join(root, "usr/bin"), filepath.Join(root, "bin")}, ":")
	cmd := exec.CommandContext(ctx, filepath.Join(root, "bin/sh"), "-c", line)
	cmd.Env = append(env, "PATH="+path, "ROOT="+root, netlab.DirVariable+"="+s.Dir)
	return cmd
}

// reloadTrigger is how our init script registers with procd (testdata/router/etc/rc.common).
var reloadTrigger = regexp.MustCompile(`(?m)^trigger config\.change network after (\d+) ms: reload$`)

// cmdReloadConfig reloads netifd and mptcpctl in the order of procd, and prints it.
func cmdReloadConfig(ts *testscript.TestScript, neg bool, args []string) {
	none(ts, neg, args)
	s := of(ts)
	out := ts.Stdout()
	reload := func(service string, delay time.Duration, run func() error) netlab.Trigger {
		return netlab.Trigger{Name: service, Delay: delay, Run: func() error {
			fmt.Fprintln(out, service, "reload")
			return run()
		}}
	}
	registered := reloadTrigger.FindStringSubmatch(ts.ReadFile(filepath.Join(ts.Getenv("ROOT"), "procd")))
	if registered == nil {
		ts.Fatalf("mptcpctl has no trigger")
	}
	delay, err := time.ParseDuration(registered[1] + "ms")
	ts.Check(err)
	// Of their init scripts START is 15 and 25.
	ts.Check(netlab.ReloadConfig(reload("network", time.Second, s.Reload), reload("mptcpctl", delay, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
		defer cancel()
		return s.Router.Run(s.ash(ctx, ts, nil, "$ROOT/etc/init.d/mptcpctl reload"))
	})))
}

// hotplugCall is what /sbin/hotplug-call does: each script is sourced by a
// subshell, and its outcome is of no consequence.
const hotplugCall = `for script in "$ROOT"/etc/hotplug.d/iface/*; do ( [ ! -f "$script" ] || . "$script" ); done; :`

// cmdHotplug delivers the events ACTION:NAME as netifd does when they come
// faster than they are handled, and prints those that are delivered.
func cmdHotplug(ts *testscript.TestScript, neg bool, args []string) {
	s := of(ts)
	if neg || len(args) == 0 {
		ts.Fatalf("usage: hotplug ACTION:NAME...")
	}
	out := ts.Stdout()
	for _, event := range coalesced(args) {
		action, name, _ := strings.Cut(event, ":")
		fmt.Fprintln(out, action, name)
		ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
		s.run(ts, false, s.ash(ctx, ts, s.Environment(s.eventOf(ts, []string{action, name})), hotplugCall))
		cancel()
	}
}

// coalesced are the events that reach the scripts when all others come while the
// first one is handled: one event of each interface waits, a later one takes
// its place, and goes with it when it is the one that was handled last
// (interface_queue_event in netifd's interface-event.c).
func coalesced(events []string) []string {
	first, _, _ := strings.Cut(events[0], ":")
	_, current, _ := strings.Cut(events[0], ":")
	last := map[string]string{current: first}
	var waiting []string
	for _, event := range events[1:] {
		action, name, _ := strings.Cut(event, ":")
		waiting = slices.DeleteFunc(waiting, func(w string) bool { return strings.HasSuffix(w, ":"+name) })
		if last[name] != action || action == "ifupdate" {
			waiting = append(waiting, event)
		}
	}
	return append(events[:1:1], waiting...)
}
