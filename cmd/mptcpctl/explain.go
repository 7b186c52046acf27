// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"net/netip"

	"github.com/spf13/cobra"

	"github.com/mptcpctl/mptcpctl/pkg/explain"
	"github.com/mptcpctl/mptcpctl/pkg/kernel"
)

func newExplainCmd(o *options) *cobra.Command {
	var asJSON bool
	var to string
	cmd := &cobra.Command{
		Use:   "explain NAME|TABLE|ADDRESS",
		Short: "Explain a line's table and which way packets leave",
		Long: `For an interface, or an address of this router: its table and mode with the
reasons, the rules that its packets pass up to the one that matches, and the
kernel's route lookup compared with the expected result. For a table number:
its owner, its routes and the rules that refer to it. For any other address:
which way packets to it leave from this router, from each line and from the LAN.
` + wordHelp + `

A rule wins, or has "no route" in its table, "none longer" than its
suppress_prefixlength, or the one that it has is "suppressed". Exits with 1 if a
lookup has an unexpected result.`,
		Example: `  mptcpctl explain wan2 --to 203.0.113.7
  mptcpctl explain 203.0.113.7
  mptcpctl explain 5   # table 5`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: o.completeExplain,
	}
	cmd.RunE = func(c *cobra.Command, args []string) error {
		e, err := o.explain(c.Context(), args[0], to)
		if err != nil {
			return err
		}
		if asJSON {
			err = o.printJSON(e.json(args[0]))
		} else {
			err = o.printf("%s", e.text())
		}
		if err == nil && e.Wrong() {
			err = &exitError{code: exitFailed}
		}
		return err
	}
	cmd.Flags().StringVar(&to, "to", "", "destination `ADDRESS`")
	completeNothing(cmd, "to")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// explain observes the state and explains a word. to is the value of --to.
func (o *options) explain(ctx context.Context, word, to string) (*explanation, error) {
	e := &explanation{}
	var err error
	if to != "" {
		if e.to, err = netip.ParseAddr(to); err != nil || !explain.Routable(e.to) {
			return nil, usage("--to %q is not the address of a remote host", to)
		}
	}
	k, err := kernel.Open()
	if err != nil {
		return nil, err
	}
	defer k.Close()
	facts, err := o.explainFacts(ctx, k)
	if err != nil {
		return nil, err
	}
	e.Explanation = explain.New(facts)
	return e, e.explain(word)
}
