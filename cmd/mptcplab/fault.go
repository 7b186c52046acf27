// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

// hookTimeout bounds all hotplug scripts of one fault.
const hookTimeout = time.Minute

// newFaultCmds returns the commands that break and mend a line.
func newFaultCmds() []*cobra.Command {
	return []*cobra.Command{
		newFaultCmd("unplug LINE", "Take the carrier of a line away", func(l *netlab.Lab, a []string) ([]netlab.Event, error) { return l.Unplug(a[0]) }),
		newFaultCmd("plug LINE", "Give the carrier back", func(l *netlab.Lab, a []string) ([]netlab.Event, error) { return l.Plug(a[0]) }),
		newFaultCmd("ifdown LINE", "Take an interface down", func(l *netlab.Lab, a []string) ([]netlab.Event, error) { return l.AdminDown(a[0]) }),
		newFaultCmd("ifup LINE", "Bring an interface up", func(l *netlab.Lab, a []string) ([]netlab.Event, error) { return l.AdminUp(a[0]) }),
		newFaultCmd("blackhole LINE", "Drop all that a line carries, silently", func(l *netlab.Lab, a []string) ([]netlab.Event, error) { return l.BlackHole(a[0]) }),
		newFaultCmd("heal LINE", "End a black hole", func(l *netlab.Lab, a []string) ([]netlab.Event, error) { return l.Heal(a[0]) }),
		newFaultCmd("remove-device LINE", "Take the device of a line away", func(l *netlab.Lab, a []string) ([]netlab.Event, error) { return l.RemoveDevice(a[0]) }),
		newFaultCmd("return-device LINE", "Bring the device back, with another index", func(l *netlab.Lab, a []string) ([]netlab.Event, error) { return l.ReturnDevice(a[0]) }),
		newFaultCmd("address LINE ADDRESS/BITS", "Give an interface another address", changeAddress),
		newFaultCmd("delete-address LINE ADDRESS/BITS", "Delete an address without telling netifd", deleteAddress),
		newFaultCmd("router LINE ADDRESS", "Move the provider's router to another address", changeRouter),
		newFaultCmd("reload", "Let netifd read the configuration again", func(l *netlab.Lab, _ []string) ([]netlab.Event, error) { return nil, l.Reload() }),
		newFaultCmd("metric LINE NUMBER", "Change the metric of an interface", changeMetric),
	}
}

// newFaultCmd makes a command of a fault: it says which events netifd sends for
// it, and runs the lab's hotplug scripts for them if there are any.
func newFaultCmd(use, short string, fault func(*netlab.Lab, []string) ([]netlab.Event, error)) *cobra.Command {
	words := 0
	for _, r := range use {
		if r == ' ' {
			words++
		}
	}
	return &cobra.Command{
		Use:   use,
		Short: short,
		Args:  cobra.ExactArgs(words),
		RunE: func(cmd *cobra.Command, args []string) error {
			return inLab(func(l *netlab.Lab) error {
				events, err := fault(l, args)
				for _, e := range events {
					fmt.Fprintln(cmd.OutOrStdout(), e)
				}
				if err != nil {
					return err
				}
				ctx, cancel := context.WithTimeout(cmd.Context(), hookTimeout)
				defer cancel()
				printed, err := l.Deliver(ctx, events...)
				fmt.Fprint(cmd.ErrOrStderr(), printed)
				return err
			})
		},
	}
}

func changeAddress(l *netlab.Lab, args []string) ([]netlab.Event, error) {
	to, err := netip.ParsePrefix(args[1])
	if err != nil {
		return nil, err
	}
	return l.ChangeAddress(args[0], to)
}

func deleteAddress(l *netlab.Lab, args []string) ([]netlab.Event, error) {
	address, err := netip.ParsePrefix(args[1])
	if err != nil {
		return nil, err
	}
	return l.DeleteAddress(args[0], address)
}

func changeRouter(l *netlab.Lab, args []string) ([]netlab.Event, error) {
	to, err := netip.ParseAddr(args[1])
	if err != nil {
		return nil, err
	}
	return l.ChangeRouter(args[0], to)
}

func changeMetric(l *netlab.Lab, args []string) ([]netlab.Event, error) {
	metric, err := strconv.Atoi(args[1])
	if err != nil {
		return nil, err
	}
	return l.ChangeMetric(args[0], metric)
}
