// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/mptcpctl/mptcpctl/pkg/reconcile"
)

func newWatchCmd(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "watch",
		Short: "Stay, and make everything true whenever the kernel tells of a change",
		Long: `For what netifd does not tell: another router in a DHCP renewal, another metric,
emptied tables, deleted rules, addresses changed behind its back, a carrier that
comes and goes. The init script runs it with option mptcp_watch '1' of "globals".
Changes go to the system log, tag mptcpctl. It ends with SIGTERM.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := errors.Join(reconcile.NeedNetAdmin(), reconcile.KeepNetAdminOnly()); err != nil {
				return err
			}
			said := ""
			return o.runner.Watch(c.Context(), func(outcome reconcile.Outcome, err error) {
				// An error that the last run ended with too is not logged again.
				err = errors.Join(err, outcome.Problems)
				before := said
				if said = ""; err != nil {
					said = err.Error()
				}
				if said == before {
					err = nil
				}
				o.logRun("watch", outcome, err)
			})
		},
	}
}
