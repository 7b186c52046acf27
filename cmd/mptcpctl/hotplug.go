// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mptcpctl/mptcpctl/pkg/netifd"
	"github.com/mptcpctl/mptcpctl/pkg/reconcile"
)

const (
	hotplugName = "hotplug"
	reloadFlag  = "reload"
)

func newHotplugCmd(o *options) *cobra.Command {
	var reload bool
	cmd := &cobra.Command{
		Use:   hotplugName,
		Short: "Apply the configuration after a netifd event",
		Long: `Called by /etc/hotplug.d/iface/30-mptcp. ACTION and INTERFACE in the environment
only name the event in the log, since every run reads the whole state. Changes
are logged to syslog with the tag mptcpctl.`,
		Example: `  ACTION=ifup INTERFACE=wan2 mptcpctl hotplug
  logread -e mptcpctl   # what it did`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return o.hotplug(c.Context(), reload)
		},
	}
	cmd.Flags().BoolVar(&reload, reloadFlag, false, "look on until netifd and the kernel have not changed for 5 s")
	return cmd
}

func (o *options) hotplug(ctx context.Context, reload bool) error {
	outcome, err := o.apply(ctx, reconcile.Request{Reloaded: reload})
	err = errors.Join(err, outcome.Problems)
	o.logRun(strings.TrimSpace(os.Getenv("ACTION")+" "+os.Getenv("INTERFACE")), outcome, err)
	if err == nil || errors.Is(err, netifd.ErrNotRegistered) {
		return nil // netifd reports every interface when it is there
	}
	return &exitError{code: exitCode(err)} // its text is in the log
}
