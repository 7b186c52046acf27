// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"os/exec"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/mptcpctl/mptcpctl/pkg/reconcile"
)

func newSettleCmd(o *options) *cobra.Command {
	return &cobra.Command{
		Use:    "settle",
		Short:  "Look after what a run has left waiting",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return o.runner.Settle(c.Context(), func(outcome reconcile.Outcome, err error) {
				o.logRun("settle", outcome, errors.Join(err, outcome.Problems))
			})
		},
	}
}

// startSettle starts it in a session of its own.
func (o *options) startSettle() error {
	cmd := exec.Command("/proc/self/exe", "settle", "--config-dir", o.runner.ConfigDir, "--state-dir", o.runner.StateDir,
		"--lock", o.runner.LockFile, "--lock-timeout", o.runner.LockTimeout.String(), "--syslog-socket", o.syslog)
	cmd.Args[0] = "mptcpctl" // not the path below /proc
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	return cmd.Process.Release()
}
