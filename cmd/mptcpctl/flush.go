// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"

	"github.com/spf13/cobra"
)

func newFlushCmd(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "flush",
		Short: "Remove all rules, routes and endpoints that mptcpctl manages",
		Long: `Removes every rule and route with protocol 77 and every endpoint on the device
of a line, and resets ignore_routes_with_linkdown. The configuration and foreign
objects are kept. If the configuration cannot be read, only what is marked with
protocol 77 is removed.`,
		Example: `  mptcpctl flush
  mptcpctl flush && mptcpctl apply   # build everything again`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if o.runner.Watched(c.Context()) {
				o.warn([]string{"watch is running and will restore everything; stop it first"})
			}
			outcome, err := o.runner.Flush(c.Context())
			return errors.Join(err, outcome.Problems, o.showRun(outcome, false))
		},
	}
}
