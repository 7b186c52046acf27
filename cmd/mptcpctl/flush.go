// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"

	"github.com/spf13/cobra"
)

func newFlushCmd(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "flush",
		Short: "Remove everything that is ours from the kernel",
		Long: `Removes every rule and route of protocol 77 and every endpoint on a line's device,
and sets ignore_routes_with_linkdown back. The configuration and what belongs to
others stay. With a configuration that cannot be read, only what is marked as
ours in the kernel is removed.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if o.runner.Watched(c.Context()) {
				o.warn([]string{"watch runs, and puts everything back: end it first"})
			}
			outcome, err := o.runner.Flush(c.Context())
			return errors.Join(err, outcome.Problems, o.showRun(outcome, false))
		},
	}
}
