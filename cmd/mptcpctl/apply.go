// SPDX-License-Identifier: Apache-2.0

package main

import "github.com/spf13/cobra"

func newApplyCmd(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "apply",
		Short: "Apply the configuration once",
		Long: `Reads the configuration, netifd and the kernel, and applies the difference.
Prints the operations as "mptcpctl plan" does, and nothing if there was nothing
to do.`,
		Example: `  mptcpctl apply
  mptcpctl apply --lock-timeout 5s   # do not wait long for another run`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			r, err := o.reconcile(c.Context())
			return worst(err, o.showRun(r, false))
		},
	}
}
