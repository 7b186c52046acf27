// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

func newEventsCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "events",
		Short: "List the events that netifd has sent since the lab was built",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return inLab(func(l *netlab.Lab) error {
				events, err := l.Events()
				for _, e := range events {
					fmt.Fprintln(cmd.OutOrStdout(), e)
				}
				return err
			})
		},
	}
}

func newHotplugCmd() *cobra.Command {
	var hooks string
	c := &cobra.Command{
		Use:   "hotplug ACTION INTERFACE",
		Short: "Run the hotplug scripts for an event, as netifd does",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return inLab(func(l *netlab.Lab) error {
				e, err := l.Event(args[0], args[1])
				if err != nil {
					return err
				}
				ctx, cancel := context.WithTimeout(cmd.Context(), hookTimeout)
				defer cancel()
				var printed string
				if hooks == "" {
					printed, err = l.Deliver(ctx, e)
				} else {
					printed, err = l.Fire(ctx, hooks, e)
				}
				_, writeErr := fmt.Fprint(cmd.OutOrStdout(), printed)
				return errors.Join(err, writeErr)
			})
		},
	}
	c.Flags().StringVar(&hooks, "hooks", "", "`directory` of the scripts (default: that of mptcplab run --hooks)")
	return c
}
