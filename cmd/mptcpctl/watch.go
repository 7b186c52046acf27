// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
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
			if err := errors.Join(needNetAdmin(), keepNetAdminOnly()); err != nil {
				return exitError{exitFailed, err}
			}
			alone, err := acquire(c.Context(), o.watchFile(), 0)
			if errors.Is(err, errLocked) {
				return exitError{exitLocked, errors.New("another watch runs")}
			}
			if err != nil {
				return exitError{exitFailed, err}
			}
			defer alone.release()
			return o.watch(c.Context())
		},
	}
}

func (o *options) watchFile() string { return o.lock + ".watch" }

// watched reports whether a watch runs.
func (o *options) watched(ctx context.Context) bool {
	alone, err := acquireThere(ctx, o.watchFile(), 0)
	if err == nil {
		_ = alone.release()
	}
	return errors.Is(err, errLocked)
}
