// SPDX-License-Identifier: Apache-2.0

package main

import "github.com/spf13/cobra"

// version is set by the linker.
var version = "devel"

func newVersionCmd(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Example: `  mptcpctl version
  mptcpctl --version   # the same`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return o.printf("mptcpctl %s\n", version)
		},
	}
}
