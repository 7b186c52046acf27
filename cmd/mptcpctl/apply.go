// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/mptcpctl/mptcpctl/pkg/reconcile"
)

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
			outcome, err := o.apply(c.Context(), reconcile.Request{})
			return errors.Join(err, outcome.Problems, o.showRun(outcome, false))
		},
	}
}

// apply is one run of a process that ends after it.
func (o *options) apply(ctx context.Context, req reconcile.Request) (reconcile.Outcome, error) {
	// Short, and waiting for the children and the kernel all the time: a second
	// processor would be woken at every message, for nothing.
	runtime.GOMAXPROCS(1)
	return o.runner.Run(ctx, req)
}
