// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/spf13/cobra"

	"github.com/mptcpctl/mptcpctl/pkg/kernel"
)

func newStatusCmd(o *options) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show every line: its mode, state, table, gateway, addresses and endpoints",
		Args:  cobra.NoArgs,
	}
	cmd.RunE = func(c *cobra.Command, _ []string) error {
		v, err := o.newView(c.Context())
		if err != nil {
			return err
		}
		k, err := kernel.Open()
		if err != nil {
			return exitError{exitFailed, err}
		}
		defer k.Close()
		if err := v.plan(k, request{hint: o.peekHint()}); err != nil {
			return err
		}
		if v.state.Subflows, v.state.SubflowsKnown, err = k.Subflows(); err != nil {
			return exitError{exitFailed, err}
		}
		if asJSON {
			err = o.printJSON(statusJSON(v))
		} else {
			err = o.printStatus(v)
		}
		if err != nil {
			return err
		}
		return v.problems()
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
