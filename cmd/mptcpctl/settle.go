// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"math"
	"os"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
)

const settleName = "settle"

func newSettleCmd(o *options) *cobra.Command {
	return &cobra.Command{
		Use:    settleName,
		Short:  "Finish what a run had to leave pending",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return o.settle(c.Context())
		},
	}
}

func (o *options) settle(ctx context.Context) error {
	return o.runner.Settle(ctx, o.logRuns(settleName))
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
	args := []string{"mptcpctl", settleName}
	for _, f := range o.globalFlags() {
		args = append(args, "--"+f.name+"="+f.value.String())
	}
	process, err := os.StartProcess("/proc/self/exe", args, &os.ProcAttr{
		Files: []*os.File{null, null, null}, Env: append(os.Environ(), "GOMAXPROCS=1"), Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return mptcp.OfProc(err)
	}
	// Otherwise watch, which stays, would have a zombie for each settle that has ended.
	go func() { _, _ = process.Wait() }()
	return nil
}
