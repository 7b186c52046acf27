// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"os"
	"os/signal"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/reconcile"
)

func newWatchCmd(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "watch",
		Short: "Keep running and re-apply whenever the kernel reports a change",
		Long: `Notices what netifd does not report: a new router in a DHCP renewal, a changed
metric, emptied tables, deleted rules, addresses changed by other programs, lost
carriers; also a changed configuration. The init script runs it if option
mptcp_watch of "globals" is 1. Changes are logged to syslog with the tag
mptcpctl. SIGHUP makes it read everything again, SIGTERM ends it.`,
		Example: `  mptcpctl watch &
  logread -f -e mptcpctl   # what it does`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := errors.Join(reconcile.NeedNetAdmin(), reconcile.KeepNetAdminOnly()); err != nil {
				return err
			}
			reload := make(chan os.Signal, 1)
			signal.Notify(reload, unix.SIGHUP)
			defer signal.Stop(reload)
			return o.runner.Watch(c.Context(), reload, o.logRuns("watch"))
		},
	}
}
