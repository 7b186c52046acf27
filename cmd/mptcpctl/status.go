// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/mptcpctl/mptcpctl/pkg/plan"
	"github.com/mptcpctl/mptcpctl/pkg/reconcile"
)

func newStatusCmd(o *options) *cobra.Command {
	var asJSON, watch bool
	cmd := &cobra.Command{
		Use:   "status [NAME...]",
		Short: "Show the state and the traffic of each line",
		Long: `Shows each line that has a mode: its device, mode and routing table, its
established subflows, what they send (OUT) and receive (IN) in bit/s, and its
state; below that its addresses, gateway and endpoints, and why it is not used.
Rates are measured over a quarter of a second. With NAME: only this interface,
with or without a mode, and what concerns all lines.
` + wordHelp + `

--watch repeats it every second; on a terminal, q quits.`,
		Example: `  mptcpctl status
  mptcpctl status wan2
  mptcpctl status --watch`,
		ValidArgsFunction: o.completeNames,
	}
	cmd.RunE = func(c *cobra.Command, args []string) error {
		s := &status{options: o, words: args}
		switch {
		case !watch:
			return s.once(c.Context(), asJSON)
		case asJSON, !screen(o.out):
			return every(c.Context(), statusInterval, func() error { return s.next(c.Context(), asJSON) })
		}
		return s.watch(c.Context())
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&watch, "watch", false, "repeat every second")
	return cmd
}

// statusInterval is the interval of --watch.
const statusInterval = time.Second

// status is what is known from one observation to the next.
type status struct {
	*options
	words   []string // of the command line
	shown   []*plan.LineUse
	traffic lineTraffic
}

// observe reads everything. The subflows are listed once, for the plan, their number
// and what they carry.
func (s *status) observe(ctx context.Context) (*reconcile.Observation, error) {
	seen, err := s.options.observe(ctx, reconcile.Request{Subflows: s.traffic.list, ListSubflows: true})
	if err != nil {
		return nil, err
	}
	s.shown, err = shownLines(seen.Result.Lines, s.words)
	return seen, err
}

// once prints the status and what is wrong with the configuration.
func (s *status) once(ctx context.Context, asJSON bool) error {
	seen, err := s.observe(ctx)
	if err != nil {
		return err
	}
	if err := s.traffic.measure(ctx, &seen.State); err != nil {
		return err
	}
	if err := s.print(seen, asJSON); err != nil {
		return err
	}
	return seen.Problems()
}

// next prints one of many. Except for the first, what cannot be read at the moment
// is a warning: a configuration that is being written is not a reason to stop.
func (s *status) next(ctx context.Context, asJSON bool) error {
	first := s.traffic.rates.at.IsZero()
	seen, err := s.observe(ctx)
	if err != nil && (ctx.Err() != nil || first) {
		return err
	}
	if err != nil {
		s.warn(errorLines(err))
		return nil
	}
	return s.print(seen, asJSON)
}

func (s *status) print(seen *reconcile.Observation, asJSON bool) error {
	if asJSON {
		return s.printJSON(statusJSON(seen, s.shown, &s.traffic))
	}
	return s.printf("%s", statusText(seen, s.shown, &s.traffic))
}
