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
