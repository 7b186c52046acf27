// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"

	"github.com/spf13/cobra"

	"github.com/mptcpctl/mptcpctl/pkg/config"
)

func newFlushCmd(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "flush",
		Short: "Remove all rules, routes and endpoints that mptcpctl manages",
		Long: `Removes every rule and route of protocol 77 and every endpoint on the device of
a line, and resets ignore_routes_with_linkdown. The configuration and foreign
objects are kept. If the configuration cannot be read, only what is marked with
protocol 77 is removed.`,
		Example: `  mptcpctl flush
  mptcpctl flush && mptcpctl apply   # build everything again`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			lock, err := o.enter(c.Context())
			if err != nil {
				return err
			}
			defer lock.release()
			if o.watched(c.Context()) {
				o.warn([]string{"watch is running and will restore everything; stop it first"})
			}
			r, err := o.flush(c.Context(), lock)
			return worst(err, o.showRun(r, false))
		},
	}
}

// flush reconciles towards a configuration in which nobody takes part.
func (o *options) flush(ctx context.Context, lock *lockFile) (reconciled, error) {
	if err := o.stopSettle(); err != nil {
		return reconciled{}, exitError{exitFailed, err}
	}
	v, err := o.newView(ctx)
	if err != nil {
		o.warn([]string{err.Error() + "; only what has protocol 77 is removed"})
		v = &view{netifd: true}
	}
	v.cfg.Globals = config.Globals{}
	v.cfg.Problems, v.cfg.Warnings = nil, nil
	for i := range v.cfg.Interfaces {
		one := &v.cfg.Interfaces[i]
		one.Saved = cmp.Or(one.Saved, one.Mode) // it was one of the lines
		one.Mode, one.Frozen = config.Off, false
	}
	k, err := openKernel()
	if err != nil {
		return reconciled{}, err
	}
	defer k.Close()
	return v.reconcile(k, lock, request{search: true})
}
