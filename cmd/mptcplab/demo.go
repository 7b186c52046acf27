// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
	"github.com/mptcpctl/mptcpctl/pkg/netlab/userns"
)

// What the demo carries: at 20 Mbit/s a line brings 2.5 MB in a second.
const (
	demoBits    = 20_000_000
	demoBytes   = 12_000_000
	demoTimeout = 60 * time.Second
)

func newDemoCmd() *cobra.Command {
	var hooks string
	c := &cobra.Command{
		Use:   "demo",
		Short: "Show what mptcpctl does: two lines, one pulled and plugged in again",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := userns.Reexec(syscall.CLONE_NEWNS); err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(context.Background(), demoTimeout)
			defer cancel()
			return runDemo(ctx, c.OutOrStdout(), hooks)
		},
	}
	c.Flags().StringVar(&hooks, "hooks", "hotplug/iface", "hotplug scripts in `directory`")
	return c
}

// demo is one run; say writes to the reader.
type demo struct {
	ctx context.Context
	out io.Writer
	lab *netlab.Lab
}

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.out, format+"\n", args...) }

func runDemo(ctx context.Context, out io.Writer, hooks string) error {
	dir, err := filepath.Abs(hooks)
	if err != nil {
		return err
	}
	line := func(mode string) netlab.LineConfig {
		return netlab.LineConfig{Proto: "dhcp", Bits: demoBits, Multipath: mode, Down: true}
	}
	lab, err := netlab.New(netlab.Config{LAN: true, Lines: []netlab.LineConfig{line("master"), line("on")}})
	if err != nil {
		return err
	}
	d := &demo{ctx: ctx, out: out, lab: lab}
	return errors.Join(d.prepare(dir), lab.Unmount(), lab.Close())
}

// prepare puts the tools and a server into the lab, and plays the acts.
func (d *demo) prepare(hooks string) (err error) {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := errors.Join(d.lab.InstallTools(self), d.lab.SetHooks(hooks), d.lab.Mount(),
		os.Setenv("PATH", d.lab.Path()), os.Setenv(netlab.DirVariable, d.lab.Dir)); err != nil {
		return err
	}
	server, err := d.lab.Serve(d.ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	for _, act := range []func() error{d.start, d.both, d.pull, d.clean} {
		if err := act(); err != nil {
			return err
		}
	}
	return nil
}

// shell shows a command and what it prints.
func (d *demo) shell(name string, args ...string) error {
	d.say("\n  router# %s %s", name, strings.Join(args, " "))
	text, err := d.lab.Router.Output(d.ctx, name, args...)
	for line := range strings.Lines(text) {
		fmt.Fprint(d.out, "  "+line)
	}
	return err
}

// fire runs the hotplug script for events, as netifd would.
func (d *demo) fire(events []netlab.Event, err error) error {
	if err != nil {
		return err
	}
	for _, e := range events {
		begin := time.Now()
		log, err := d.lab.Deliver(d.ctx, e)
		if err != nil {
			return err
		}
		d.say("   %-15s mptcpctl made %2d changes in the kernel, all within %d ms", e.String()+":",
			strings.Count(log, "\n"), time.Since(begin).Milliseconds())
	}
	return nil
}

// start is the router's boot: one line comes up after the other.
func (d *demo) start() error {
	d.say("A router with two internet lines of 20 Mbit/s each, and a server far away: all in")
	d.say("network namespaces of this machine, on its real kernel. wan1 is the main line.")
	d.say("\n1. The first line comes up. This is what mptcpctl would do:")
	first, err := d.lab.AdminUp("wan1")
	if err != nil {
		return err
	}
	if err := d.shell("mptcpctl", "plan"); err != nil {
		return err
	}
	d.say("\n2. The router's network daemon (netifd) reports each line, and its hotplug script")
	d.say("   (hotplug/iface/30-mptcp) calls mptcpctl, which does just that:")
	if err := d.fire(first, nil); err != nil {
		return err
	}
	if err := d.fire(d.lab.AdminUp("wan2")); err != nil {
		return err
	}
	return d.shell("mptcpctl", "status")
}

// both carries bytes over one connection and shows that it used both lines.
func (d *demo) both() error {
	d.say("\n3. One connection of the router to the server, %s up:", megabytes(demoBytes))
	before, err := d.lab.Counters()
	if err != nil {
		return err
	}
	result, err := d.lab.Router.Transfer(d.ctx, netlab.Transfer{Up: demoBytes})
	if err != nil {
		return err
	}
	d.say("   %s in %.1f s: %.0f Mbit/s, more than one line has.", megabytes(result.Up), result.Took.Seconds(),
		float64(result.Up)*8/1e6/result.Took.Seconds())
	return d.carried(before)
}

// carried prints what each line has sent since.
func (d *demo) carried(before []netlab.Counters) error {
	after, err := d.lab.Counters()
	if err != nil {
		return err
	}
	for i := range after {
		d.say("   %s carried %s", after[i].Interface, megabytes(after[i].Since(before[i]).Sent))
	}
	return nil
}

// pull takes the main line away under a connection and gives it back.
func (d *demo) pull() error {
	d.say("\n4. Another connection is under way, and the main line's plug is pulled:")
	running, err := d.lab.Router.StartTransfer(d.ctx, netlab.Transfer{Up: netlab.Endless})
	if err != nil {
		return err
	}
	acts := []struct {
		title string
		act   func(string) ([]netlab.Event, error)
	}{
		{"wan1 pulled:", d.lab.Unplug},
		{"wan1 plugged in again:", d.lab.Plug},
	}
	if err := running.Await(d.ctx, demoBytes/4); err != nil {
		return err
	}
	for _, a := range acts {
		d.say("\n   %s", a.title)
		if err := d.fire(a.act("wan1")); err != nil {
			return err
		}
		before, err := d.lab.Counters()
		if err != nil {
			return err
		}
		up, _ := running.Progress()
		if err := running.Await(d.ctx, up+demoBytes/2); err != nil {
			return err
		}
		if err := d.carried(before); err != nil {
			return err
		}
	}
	result, err := running.Stop()
	if err != nil {
		return err
	}
	if result.Broke() {
		return errors.New("the connection broke: " + result.Error)
	}
	d.say("\n   The connection lives: %s arrived, and it never stood still for longer than %d ms.",
		megabytes(result.Up), result.Stall.Milliseconds())
	return nil
}

// clean removes everything and shows that nothing is left.
func (d *demo) clean() error {
	d.say("\n5. mptcpctl flush removes all that is its own; only the rules of the kernel are left:")
	if _, err := d.lab.Router.Output(d.ctx, "mptcpctl", "flush"); err != nil {
		return err
	}
	for _, list := range [][]string{{"rule", "show"}, {"mptcp", "endpoint", "show"}} {
		if err := d.shell("ip", list...); err != nil {
			return err
		}
	}
	d.say("\nThe laboratory is gone with this program; the machine is as it was.")
	return nil
}
