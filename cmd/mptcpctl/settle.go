// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math"
	"os"
	"strconv"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
)

func newSettleCmd(o *options) *cobra.Command {
	return &cobra.Command{
		Use:    "settle",
		Short:  "Finish what a run had to leave pending",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return o.runner.Settle(c.Context(), o.logRuns("settle"))
		},
	}
}

// startSettle starts it in a session of its own, without a terminal. What else this
// process has been given is not handed on, such as the lock that procd takes for an init
// script (procd_lock in procd.sh): settle would hold it for a minute.
func (o *options) startSettle() error {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	_ = unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC) // from Linux 5.11 on
	args := []string{"mptcpctl", "settle", "--config-dir", o.runner.ConfigDir, "--state-dir", o.runner.StateDir,
		"--staged-dir", o.runner.StagedDir, "--override-dir", o.runner.OverrideDir, "--uci=" + strconv.FormatBool(o.runner.UCI),
		"--ubus-socket", o.runner.UbusSocket, "--lock", o.runner.LockFile, "--lock-timeout", o.runner.LockTimeout.String(), "--syslog-socket", o.syslog}
	process, err := os.StartProcess("/proc/self/exe", args, &os.ProcAttr{
		Files: []*os.File{null, null, null}, Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return mptcp.OfProc(err)
	}
	// Otherwise watch, which stays, would have a zombie for each settle that has ended.
	go func() { _, _ = process.Wait() }()
	return nil
}
