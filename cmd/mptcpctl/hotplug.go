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
		Short: "Apply the configuration after a netifd event",
		Long: `Called by /etc/hotplug.d/iface/30-mptcp. ACTION and INTERFACE in the environment
only name the event in the log, since every run reads the whole state. Changes
are logged to syslog with the tag mptcpctl.`,
		Example: `  ACTION=ifup INTERFACE=wan2 mptcpctl hotplug
  logread -e mptcpctl   # what it did`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			r, err := o.reconcile(c.Context())
			log := newLogger(o)
			defer log.close()
			log.run(strings.TrimSpace(os.Getenv("ACTION")+" "+os.Getenv("INTERFACE")), r, err)
			return silent(err)
		},
	}
}

// silent keeps the code of an error that was logged already.
func silent(err error) error {
	if err == nil {
		return nil
	}
	var coded exitError
	if !errors.As(err, &coded) {
		coded.code = exitFailed
	}
	return exitError{code: coded.code}
}
