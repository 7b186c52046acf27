// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
	"github.com/mptcpctl/mptcpctl/pkg/netlab/userns"
)

// maxLines is the largest laboratory: as many lines as Linux opens subflows for one
// connection, from 7.2 on.
const maxLines = 64

// labFlags say what lab to build.
type labFlags struct {
	lines          int
	ipv6, lan, dad bool
	shape          string
	modes, protos  map[string]string
	hooks          string
}

func (f *labFlags) register(c *cobra.Command) {
	flags := c.Flags()
	flags.IntVar(&f.lines, "lines", 2, "how many lines: wan1, wan2, ...")
	flags.BoolVar(&f.ipv6, "ipv6", false, "IPv6 on every line too")
	flags.BoolVar(&f.lan, "lan", false, "a LAN host, 192.168.1.100, behind the router")
	flags.BoolVar(&f.dad, "dad", false, "leave duplicate address detection on")
	flags.StringVar(&f.shape, "shape", "", "limit of every line, each way, such as `20mbit`")
	flags.StringToStringVar(&f.modes, "mode", nil, "multipath modes, `wan1=master,...` (default: wan1 master, the others on)")
	flags.StringToStringVar(&f.protos, "proto", nil, "protocols, `wan2=dhcp,...` (default: static)")
	flags.StringVar(&f.hooks, "hooks", "", "hotplug scripts in `directory` to run on every event, as netifd does")
}

// config translates the flags.
func (f *labFlags) config() (netlab.Config, error) {
	c := netlab.Config{LAN: f.lan, DAD: f.dad}
	if f.lines < 1 || f.lines > maxLines {
		return c, fmt.Errorf("--lines %d: 1 to %d", f.lines, maxLines)
	}
	var bits uint64
	if f.shape != "" {
		var err error
		if bits, err = parseBits(f.shape); err != nil {
			return c, fmt.Errorf("--shape: %w", err)
		}
	}
	var names []string
	for n := 1; n <= f.lines; n++ {
		name, usual := fmt.Sprint("wan", n), "on"
		if n == 1 {
			usual = "master"
		}
		one := netlab.LineConfig{Name: name, IPv6: f.ipv6, Bits: bits, Proto: f.protos[name], Multipath: cmp.Or(f.modes[name], usual)}
		if f.ipv6 && f.lan {
			one.Prefix = netip.MustParsePrefix(fmt.Sprintf("3fff:%d:100::/56", n))
		}
		names = append(names, name)
		c.Lines = append(c.Lines, one)
	}
	for _, chosen := range []map[string]string{f.modes, f.protos} {
		for name := range chosen {
			if !slices.Contains(names, name) {
				return c, fmt.Errorf("there is no line %q; the lines are %s", name, strings.Join(names, ", "))
			}
		}
	}
	return c, nil
}

func newRunCmd() *cobra.Command {
	var f labFlags
	c := &cobra.Command{
		Use:   "run [flags] -- PROGRAM [ARGUMENT...]",
		Short: "Build a lab, run a program on its router, and take the lab down",
		Long: `Builds a lab, runs a program on its router, and takes the lab down.

The program finds stand-ins for OpenWrt's ubus and uci first on its PATH, mptcpctl
there reads what this uci stages, and the lab has its own /etc/config, /var/state,
/var/lock and /run/mptcpctl: they are mounted in a mount namespace of its own, and
nothing on this machine changes. Its exit code is that of mptcplab.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return f.run(args) },
	}
	f.register(c)
	c.Flags().SetInterspersed(false)
	return c
}

func newShellCmd() *cobra.Command {
	var f labFlags
	c := &cobra.Command{
		Use:   "shell [flags]",
		Short: "Build a lab and open a shell on its router",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			shell := cmp.Or(os.Getenv("SHELL"), "/bin/sh")
			return f.run([]string{shell})
		},
	}
	f.register(c)
	return c
}

// run builds the lab and runs a program on its router.
func (f *labFlags) run(args []string) error {
	config, err := f.config()
	if err != nil {
		return err
	}
	if err := userns.Reexec(syscall.CLONE_NEWNS); err != nil {
		return err
	}
	// The terminal's interrupt is for the program; its end is the end of the lab.
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, syscall.SIGINT)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	lab, err := netlab.New(config)
	if err != nil {
		return err
	}
	return errors.Join(f.inside(ctx, lab, args), lab.Unmount(), lab.Close())
}

// inside prepares a lab that was built, and runs the program.
func (f *labFlags) inside(ctx context.Context, lab *netlab.Lab, args []string) (err error) {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := errors.Join(lab.InstallTools(self), lab.Mount()); err != nil {
		return err
	}
	server, err := lab.Serve(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	path := lab.BinDir() + ":" + filepath.Dir(self) + ":" + os.Getenv("PATH")
	if err := errors.Join(os.Setenv("PATH", path), os.Setenv(netlab.DirVariable, lab.Dir)); err != nil {
		return err
	}
	if err := installProgram(lab); err != nil {
		return err
	}
	if f.hooks != "" {
		if err := f.boot(ctx, lab); err != nil {
			return err
		}
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return lab.Router.Run(cmd)
}

// installProgram lets the mptcpctl on the PATH read what the lab's uci has staged, in
// place of what this machine's has: nothing can be laid over /tmp, which has the lab's
// own files.
func installProgram(lab *netlab.Lab) error {
	program, err := exec.LookPath("mptcpctl")
	if errors.Is(err, exec.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	script := fmt.Sprintf("#!/bin/sh\nexec '%s' \"$@\" --staged-dir '%s'\n", program, lab.StagedDir())
	return os.WriteFile(filepath.Join(lab.BinDir(), "mptcpctl"), []byte(script), 0o755)
}

// boot runs the hotplug scripts for every interface, as netifd's start does.
func (f *labFlags) boot(ctx context.Context, lab *netlab.Lab) error {
	dir, err := filepath.Abs(f.hooks)
	if err != nil {
		return err
	}
	if err := lab.SetHooks(dir); err != nil {
		return err
	}
	events, err := lab.BootEvents()
	if err != nil {
		return err
	}
	printed, err := lab.Deliver(ctx, events...)
	fmt.Fprint(os.Stderr, printed)
	return err
}
