// SPDX-License-Identifier: Apache-2.0

package main

import (
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
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

// cmdPackage makes a router's root below ROOT: busybox, the stand-ins of
// testdata/router, and the package as "make ipk-root" lays it out, in /package
// until /sbin/packages installs it. The paths in its scripts are led into ROOT,
// and its mptcpctl into the lab.
func cmdPackage(ts *testscript.TestScript, neg bool, args []string) {
	none(ts, neg, args)
	s := of(ts)
	root := filepath.Join(s.dir, "root")
	ts.Setenv("ROOT", root)
	ts.Check(os.CopyFS(root, os.DirFS("testdata/router")))
	for _, dir := range []string{"bin", "usr/bin", "etc/rc.d", "etc/hotplug.d/iface", "var"} {
		ts.Check(os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	busybox, err := exec.LookPath("busybox")
	ts.Check(err)
	for _, name := range []string{"sh", "cat", "cp", "rm", "ln", "ls", "sed", "tr", "basename", "printf", "find", "sort"} {
		ts.Check(os.Symlink(busybox, filepath.Join(root, "bin", name)))
	}
	for _, name := range []string{"ubus", "uci"} {
		ts.Check(os.Symlink(filepath.Join(s.BinDir(), name), filepath.Join(root, "bin", name)))
	}
	ts.Check(os.Symlink(filepath.Dir(s.lockPath()), filepath.Join(root, "var/lock")))
	ts.Check(s.layOut(root))
	ts.Check(relocate(root, "package"))
	ts.Check(relocate(root, "package.info"))
}

// layOut makes the package with a program that has the flags of the lab.
func (s *script) layOut(root string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	program := filepath.Join(root, "program", "mptcpctl")
	text := fmt.Sprintf("#!/bin/sh\nexec '%s' '%s' \"$@\"\n", program, strings.Join(s.flags(), "' '"))
	wrapper := filepath.Join(root, "wrapper")
	err = errors.Join(os.Mkdir(filepath.Dir(program), 0o755), os.Symlink(self, program), os.WriteFile(wrapper, []byte(text), 0o755))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "make", "-s", "ipk-root", "IPK_ROOT="+filepath.Join(root, "package"), "IPK_PROGRAM="+wrapper)
	cmd.Dir = "../.."
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "MAKE") })
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("make ipk-root: %w\n%s", err, text)
	}
	return nil
}

// absolute is a path of the router in a script.
var absolute = regexp.MustCompile(`(?m)(^|[#! "])/(bin|etc|usr|var)/`)

// relocate leads the paths in the scripts below a directory of root into root.
func relocate(root, dir string) error {
	program := filepath.Join(root, "package/usr/bin/mptcpctl") // it has paths of this machine
	return filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || path == program {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil || !strings.HasPrefix(string(text), "#!") {
			return err
		}
		return os.WriteFile(path, absolute.ReplaceAll(text, []byte("${1}"+root+"/${2}/")), 0)
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
