// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mptcpctl/mptcpctl/pkg/reconcile"
)

// multipathName is the name under which the program is the old tool.
const multipathName = "multipath"

// newMultipathCmd is the tool for the kernels of multipath-tcp.org as the OpenWrt
// wiki has it, for scripts that read its phrases. Whatever fails, its exit code is 1.
func newMultipathCmd(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   multipathName + " [DEVICE [on|off|backup|handover]]",
		Short: "The old multipath tool: modes by network device",
		Long: `Without arguments: says of every network device whether it is in default, backup
or handover mode, or deactivated. With a device: of that one. With a mode: sets
it until the next reboot, as "mptcpctl iface" does, for all interfaces on the
device that have a mode of their own; "on" leaves a master a master. Linked to the
name multipath the program is this command. The exit code is 0 or 1.`,
	}
	f := cmd.Flags()
	views := []struct {
		asked *bool
		show  func(context.Context) error
	}{
		{f.BoolP("connections", "c", false, "show the MPTCP connections"), o.oldConnections},
		{f.BoolP("fullmesh", "f", false, "show which endpoint reaches which address"), o.fullmesh},
		{f.BoolP("kernel", "k", false, "show the kernel's settings"), o.kernelSettings},
		{f.BoolP("mib", "m", false, "show the counters, as mptcpctl counters does"), func(context.Context) error {
			return o.showCounters(counters{}, "")
		}},
	}
	cmd.RunE = func(c *cobra.Command, args []string) error {
		shown := false
		for _, v := range views {
			if !*v.asked {
				continue
			}
			if len(args) > 0 {
				return exitError{exitFailed, fmt.Errorf("%q does not go with -c, -f, -k or -m", args[0])}
			}
			shown = true
			if err := v.show(c.Context()); err != nil {
				return exitError{exitFailed, err}
			}
		}
		if shown {
			return nil
		}
		return failed(o.deviceModes(c.Context(), args))
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return exitError{exitFailed, fmt.Errorf("%w; see multipath -h", err)}
	})
	return cmd
}

// failed gives every error the exit code 1.
func failed(err error) error {
	if err == nil {
		return nil
	}
	return exitError{exitFailed, err}
}

// deviceModes says or sets the mode of devices.
func (o *options) deviceModes(ctx context.Context, args []string) error {
	if len(args) > 2 {
		return errors.New("usage: multipath [DEVICE [on|off|backup|handover]]")
	}
	all, err := deviceNames()
	if err != nil {
		return err
	}
	seen, err := o.observe(ctx, reconcile.Request{})
	if err != nil {
		return err
	}
	d := devices{options: o, seen: seen, names: all}
	switch len(args) {
	case 0:
		return errors.Join(d.list(all), reconcile.Problems(&seen.Config))
	case 1:
		return d.one(args[0])
	}
	return d.set(ctx, args[0], args[1])
}
