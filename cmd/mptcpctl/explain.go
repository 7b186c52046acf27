// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/netip"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

func newExplainCmd(o *options) *cobra.Command {
	var asJSON bool
	var to string
	cmd := &cobra.Command{
		Use:   "explain INTERFACE|TABLE|ADDRESS",
		Short: "Say why a line has its table, and which way packets leave",
		Long: `For an interface, or an address of this router: its table number and mode with
their reasons; the rules that its packets meet, in the order in which the kernel
asks them, up to the one that wins; and the kernel's own route lookup, compared
with what should come out. For a table number: whose it is, what stands in it,
and which rules lead there. For any other address: which way packets to it leave
from this router, from each line and from the LAN.

Rules: "no route" in their table; "none longer" than suppress_prefixlength;
"suppressed" because of it. Exit code 1: some lookup is not as it should be.`,
		Args: cobra.ExactArgs(1),
	}
	cmd.RunE = func(c *cobra.Command, args []string) error {
		e, err := o.newExplanation(c.Context(), to)
		if err != nil {
			return err
		}
		defer e.k.Close()
		if err := e.explain(args[0]); err != nil {
			return err
		}
		if asJSON {
			err = o.printJSON(e.json(args[0]))
		} else {
			err = o.printf("%s", e.text())
		}
		if err == nil && e.wrong() {
			err = exitError{code: exitFailed}
		}
		return err
	}
	cmd.ValidArgsFunction = func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return o.completeIface(c.Context(), nil), cobra.ShellCompDirectiveNoFileComp
	}
	cmd.Flags().StringVar(&to, "to", "", "the `ADDRESS` to which packets are sent")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// toText is the error of --to where it says nothing.
const toText = "--to is for an interface, or an address of this router"

// explain finds out what the word means: an interface, a table, an address.
func (e *explanation) explain(word string) error {
	for i := range e.result.Lines {
		if l := &e.result.Lines[i]; l.Name == word {
			return e.explainLine(l, netip.Addr{})
		}
	}
	if table, err := strconv.ParseUint(word, 10, 32); err == nil && table > 0 {
		if e.to.IsValid() {
			return usage(toText)
		}
		return e.explainTable(uint32(table))
	}
	addr, err := netip.ParseAddr(word)
	if err != nil || addr.Zone() != "" {
		return usage("%q is no interface, table number or address", word)
	}
	for i := range e.result.Lines {
		l := &e.result.Lines[i]
		if slices.ContainsFunc(l.Netifd.Addresses, hasAddr(addr)) {
			return e.explainLine(l, addr)
		}
	}
	if slices.ContainsFunc(e.state.Addresses, func(a plan.Address) bool { return a.Prefix.Addr() == addr }) {
		return e.explainOwn(addr)
	}
	if !single(addr) {
		return usage("%q is no address of this router, nor one of a host out there", word)
	}
	return e.explainDestination(addr)
}
