// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/spf13/cobra"
)

func newStatusCmd(o *options) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show every line: its mode, state, table, gateway, addresses and endpoints",
		Args:  cobra.NoArgs,
	}
	cmd.RunE = func(c *cobra.Command, _ []string) error {
		v, err := o.look(c.Context())
		if err != nil {
			return err
		}
		if err := v.listSubflows(); err != nil {
			return err
		}
		if asJSON {
			err = o.printJSON(statusJSON(v))
		} else {
			err = o.printf("%s", statusText(v))
		}
		if err != nil {
			return err
		}
		return v.problems()
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
