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
)

func newMonitorCmd(o *options) *cobra.Command {
	var asJSON bool
	var buffer int
	cmd := &cobra.Command{
		Use:   "monitor",
		Short: "Show the path manager's events as they come, until interrupted",
		Long: `One line per event: time, token of the connection, line, what happened, the
addresses, and what it means. Events that the kernel had to drop, because they
came faster than they were read, are counted.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.monitor(c.Context(), asJSON, buffer) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, an object per line")
	cmd.Flags().IntVar(&buffer, "buffer", 0, "receive buffer in `bytes` (default 1 MiB)")
	return cmd
}

// monitor prints events until ctx ends.
func (o *options) monitor(ctx context.Context, asJSON bool, buffer int) error {
	if buffer < 0 || buffer > math.MaxInt32 {
		return usage("--buffer %d: expected a number from 0 to %d", buffer, math.MaxInt32)
	}
	if err := needNetAdmin(); err != nil {
		return exitError{exitFailed, err}
	}
	events, err := mptcp.DialEvents()
	if errors.Is(err, mptcp.ErrNotSupported) {
		return exitError{exitNoMPTCP, errors.New("this kernel has no Multipath TCP, and so no events")}
	}
	if err == nil && buffer > 0 {
		err = events.SetBuffer(buffer)
	}
	if err != nil {
		return exitError{exitFailed, err}
	}
	// Closing ends Receive; a socket that is closed has nothing to report.
	stop := context.AfterFunc(ctx, func() { _ = events.Close() })
	defer stop()
	m := monitor{options: o, asJSON: asJSON}
	if err := m.refresh(ctx); err != nil {
		o.warn([]string{err.Error()}) // the lines have the names of their devices
	}
	for {
		if err := m.receive(ctx, events); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return exitError{exitFailed, err}
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
	// known keeps the names of addresses that are gone: a subflow is closed after
	// its line has lost the address.
	known map[netip.Addr]string
}

// receive prints what comes next.
func (m *monitor) receive(ctx context.Context, from *mptcp.Events) error {
	events, err := from.Receive()
	now := time.Now()
	for i := range events {
		if err := m.print(ctx, now, &events[i]); err != nil {
			return err
		}
	}
	var lost *mptcp.LostError
	if errors.As(err, &lost) {
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
