// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"io/fs"

	"github.com/spf13/cobra"
)

func newSettleCmd(o *options) *cobra.Command {
	return &cobra.Command{
		Use:    "settle",
		Short:  "Look after what a run has left waiting",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			alone, err := acquireThere(c.Context(), o.settleFile(), 0)
			if errors.Is(err, errLocked) || errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return exitError{exitFailed, err}
			}
			defer alone.release()
			return o.settle(c.Context(), alone)
		},
	}
}
