// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mptcpctl/mptcpctl/pkg/reconcile"
)

// multipathName is the name of the old tool: called by it, the program is that tool.
const multipathName = "multipath"

// newMultipathCmd is the tool for the kernels of multipath-tcp.org, as the OpenWrt
// wiki describes it, for scripts that parse its phrases. Every error has exit code 1.
func newMultipathCmd(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   multipathName + " [DEVICE [on|off|backup|handover]]",
		Short: "Show or set modes by device, like the old multipath tool",
		Long: `Shows for each network device, or for DEVICE, whether it is in default, backup
or handover mode, or deactivated. With a mode: sets it until the next reboot, as
"mptcpctl iface" does, for all interfaces on the device that have a mode of
their own; "on" does not change a master. Called by the name multipath, the
program is this command. The exit code is 0 or 1.`,
		Example: `  multipath
  multipath eth1 backup
  multipath -c`,
		ValidArgsFunction: completeDevices,
	}
	f := cmd.Flags()
	views := []struct {
		asked *bool
		show  func(context.Context) error
	}{
		{f.BoolP("connections", "c", false, "list MPTCP connections"), o.oldConnections},
		{f.BoolP("fullmesh", "f", false, "show which endpoints reach which addresses"), o.fullmesh},
		{f.BoolP("kernel", "k", false, "show the kernel's settings"), o.kernelSettings},
		{f.BoolP("mib", "m", false, "show the counters (mptcpctl counters)"), func(context.Context) error {
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
				return &exitError{exitFailed, fmt.Errorf("%q cannot be combined with -c, -f, -k or -m", args[0])}
			}
			shown = true
			if err := v.show(c.Context()); err != nil {
				return &exitError{exitFailed, err}
			}
		}
		if shown {
			return nil
		}
		return failed(o.deviceModes(c.Context(), args))
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return &exitError{exitFailed, fmt.Errorf("%w; see multipath -h", err)}
	})
	return cmd
}

// failed gives every error the exit code 1.
func failed(err error) error {
	if err == nil {
		return nil
	}
	return &exitError{exitFailed, err}
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
