// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"os"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
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

// startSettle starts it in a session of its own, without a terminal.
func (o *options) startSettle() error {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	args := []string{"mptcpctl", "settle", "--config-dir", o.runner.ConfigDir, "--state-dir", o.runner.StateDir,
		"--lock", o.runner.LockFile, "--lock-timeout", o.runner.LockTimeout.String(), "--syslog-socket", o.syslog}
	process, err := os.StartProcess("/proc/self/exe", args, &os.ProcAttr{
		Files: []*os.File{null, null, null}, Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return mptcp.OfProc(err)
	}
	return process.Release()
}
