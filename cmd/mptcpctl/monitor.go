// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
	"github.com/mptcpctl/mptcpctl/pkg/reconcile"
)

func newMonitorCmd(o *options) *cobra.Command {
	var asJSON bool
	var buffer int
	cmd := &cobra.Command{
		Use:   "monitor",
		Short: "Print path manager events as they happen",
		Long: `Prints a line for each event until interrupted: time, connection token, line,
event, addresses and meaning. Events that the kernel dropped, because they
arrived faster than they were read, are counted.`,
		Example: `  mptcpctl monitor
  mptcpctl monitor --json >events`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.monitor(c.Context(), asJSON, buffer) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, one object per line")
	cmd.Flags().IntVar(&buffer, "buffer", 0, "receive buffer in `bytes` (default 1 MiB)")
	completeNothing(cmd, "buffer")
	return cmd
}

// monitor prints events until ctx ends.
func (o *options) monitor(ctx context.Context, asJSON bool, buffer int) error {
	if buffer < 0 || buffer > math.MaxInt32 {
		return usage("--buffer %d: expected a number from 0 to %d", buffer, math.MaxInt32)
	}
	if err := reconcile.NeedNetAdmin(); err != nil {
		return err
	}
	events, err := mptcp.DialEvents()
	if errors.Is(err, mptcp.ErrNotSupported) {
		return &exitError{exitNoMPTCP, errors.New("this kernel does not support Multipath TCP")}
	}
	if err == nil && buffer > 0 {
		err = events.SetBuffer(buffer)
	}
	if err != nil {
		return err
	}
	// Closing ends Receive. An error of closing would not matter.
	stop := context.AfterFunc(ctx, func() { _ = events.Close() })
	defer stop()
	m := monitor{options: o, asJSON: asJSON}
	if err := m.refresh(ctx); err != nil {
		o.warn(errorLines(err)) // the lines have the names of their devices
	}
	for {
		if err := m.receive(ctx, events); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
}

// monitor is one run of the command.
type monitor struct {
	*options
	asJSON bool
	names  lineNames
	read   time.Time           // when the names were read
	asked  map[netip.Addr]bool // those for which they were read
	// known has the names of addresses that no longer exist: a subflow is closed
	// after its line has lost the address.
	known map[netip.Addr]string
}

// receive prints the next events.
func (m *monitor) receive(ctx context.Context, from *mptcp.Events) error {
	events, err := from.Receive()
	now := time.Now()
	for i := range events {
		if err := m.print(ctx, now, &events[i]); err != nil {
			return err
		}
	}
	if lost, ok := errors.AsType[*mptcp.LostError](err); ok {
		return m.printLost(now, lost)
	}
	return err
}

func (m *monitor) print(ctx context.Context, now time.Time, e *mptcp.Event) error {
	line := m.line(ctx, e)
	if m.asJSON {
		return m.printJSON(eventJSON(now, e, line))
	}
	isBackup := func(l plan.LineUse) bool { return l.Name == line && l.Mode.Backup() }
	return m.printf("%s", eventText(now, e, line, slices.ContainsFunc(m.names.lines, isBackup)))
}
