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
		Short: "Keep running and re-apply whenever the kernel reports a change",
		Long: `Notices what netifd does not report: a new router in a DHCP renewal, a changed
metric, emptied tables, deleted rules, addresses changed by other programs, lost
carriers. The init script runs it if option mptcp_watch of "globals" is 1.
Changes are logged to syslog with the tag mptcpctl. SIGTERM ends it.`,
		Example: `  mptcpctl watch &
  logread -f -e mptcpctl   # what it does`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := errors.Join(needNetAdmin(), keepNetAdminOnly()); err != nil {
				return exitError{exitFailed, err}
			}
			alone, err := acquire(c.Context(), o.watchFile(), 0)
			if errors.Is(err, errLocked) {
				return exitError{exitLocked, errors.New("another watch is running")}
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
