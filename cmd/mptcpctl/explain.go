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
		Short: "Say why a line has its table, and which way packets leave",
		Long: `For an interface, or an address of this router: its table number and mode with
their reasons; the rules that its packets meet, in the order in which the kernel
asks them, up to the one that wins; and the kernel's own route lookup, compared
with what should come out. For a table number: whose it is, what stands in it,
and which rules lead there. For any other address: which way packets to it leave
from this router, from each line and from the LAN.
` + wordHelp + `

Rules: "no route" in their table; "none longer" than suppress_prefixlength;
"suppressed" because of it. Exit code 1: some lookup is not as it should be.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: o.completeName,
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
			err = exitError{code: exitFailed}
		}
		return err
	}
	cmd.Flags().StringVar(&to, "to", "", "the `ADDRESS` to which packets are sent")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// explain looks, and explains a word. to is the value of --to.
func (o *options) explain(ctx context.Context, word, to string) (*explanation, error) {
	e := &explanation{}
	var err error
	if to != "" {
		if e.to, err = netip.ParseAddr(to); err != nil || !explain.Routable(e.to) {
			return nil, usage("--to %q is no address of a host out there", to)
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
