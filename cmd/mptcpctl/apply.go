// SPDX-License-Identifier: Apache-2.0

package main

import "github.com/spf13/cobra"

func newApplyCmd(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "apply",
		Short: "Make everything true, once",
		Long: `Reads the configuration, netifd and the kernel, and applies the difference. What
was done is printed as "plan" would have shown it; nothing is printed when
nothing was to do.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			r, err := o.reconcile(c.Context())
			return worst(err, o.showRun(r, false))
		},
	}
}
