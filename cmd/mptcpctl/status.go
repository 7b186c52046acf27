// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/mptcpctl/mptcpctl/pkg/plan"
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
		case asJSON, !terminal(o.out):
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

// status is what is known from one look to the next.
type status struct {
	*options
	words   []string // of the command line
	shown   []*plan.LineUse
	traffic lineTraffic
}

// look reads everything. The subflows are listed once, for the plan, their number
// and what they carry.
func (s *status) look(ctx context.Context) (*view, error) {
	v, err := s.lookAt(ctx, request{subflows: s.traffic.list})
	if err != nil {
		return nil, err
	}
	if s.shown, err = shownLines(v.result.Lines, s.words); err != nil {
		return nil, err
	}
	return v, v.listSubflows(s.traffic.list)
}

// once prints the status and what is wrong with the configuration.
func (s *status) once(ctx context.Context, asJSON bool) error {
	v, err := s.look(ctx)
	if err != nil {
		return err
	}
	if err := s.traffic.measure(ctx, &v.state); err != nil {
		return err
	}
	if err := s.print(v, asJSON); err != nil {
		return err
	}
	return v.problems()
}

// next prints one of many. Except for the first, what cannot be read at the moment
// is a warning: a configuration that is being written is not a reason to stop.
func (s *status) next(ctx context.Context, asJSON bool) error {
	first := s.traffic.rates.at.IsZero()
	v, err := s.look(ctx)
	if err != nil && (ctx.Err() != nil || first) {
		return err
	}
	if err != nil {
		s.warn([]string{err.Error()})
		return nil
	}
	return s.print(v, asJSON)
}

func (s *status) print(v *view, asJSON bool) error {
	if asJSON {
		return s.printJSON(statusJSON(v, s.shown, &s.traffic))
	}
	return s.printf("%s", statusText(v, s.shown, &s.traffic))
}
