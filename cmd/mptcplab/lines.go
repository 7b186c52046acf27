// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

func newLinesCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "lines",
		Short: "Show what each line has carried",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return inLab(func(l *netlab.Lab) error {
				counters, err := l.Counters()
				if err != nil {
					return err
				}
				return printLines(cmd.OutOrStdout(), counters)
			})
		},
	}
}

func printLines(out io.Writer, counters []netlab.Counters) error {
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "line\tdevice\tsent\treceived\t")
	for _, c := range counters {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t\n", c.Interface, c.Device, megabytes(c.Sent), megabytes(c.Received))
	}
	return w.Flush()
}
