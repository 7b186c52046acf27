// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

func newHotplugCmd(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "hotplug",
		Short: "Make everything true after an event of netifd",
		Long: `For /etc/hotplug.d/iface/30-mptcp. netifd tells of the event by ACTION and
INTERFACE in the environment; they are only named in the log, for everything is
read again. Changes go to the system log, tag mptcpctl.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			outcome, err := o.apply(c.Context())
			err = errors.Join(err, outcome.Problems)
			o.logRun(strings.TrimSpace(os.Getenv("ACTION")+" "+os.Getenv("INTERFACE")), outcome, err)
			if err != nil {
				return exitError{code: exitCode(err)} // its text is in the log
			}
			return nil
		},
	}
}
