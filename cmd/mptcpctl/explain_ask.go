// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"net/netip"
	"slices"
	"strconv"

	"github.com/mptcpctl/mptcpctl/pkg/explain"
	"github.com/mptcpctl/mptcpctl/pkg/kernel"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
	"github.com/mptcpctl/mptcpctl/pkg/reconcile"
)

// explanation is the result of one call.
type explanation struct {
	*explain.Explanation
	to netip.Addr // --to
}

// explainFacts observes everything that an explanation needs.
func (o *options) explainFacts(ctx context.Context, k *kernel.Kernel) (*explain.Facts, error) {
	seen, err := o.runner.Observe(ctx, k, reconcile.Request{})
	if err != nil {
		return nil, err
	}
	facts := &explain.Facts{Config: &seen.Config, Result: seen.Result, State: seen.State, Router: k}
	for _, f := range plan.Families {
		if facts.Rules[f], err = k.AllRules(f); err != nil {
			return nil, wrap("reading the rules", err)
		}
	}
	return facts, nil
}

// toText is the error of --to where it has no meaning.
const toText = "--to needs an interface or an address of this router"

// explain resolves the word: an interface, a device, a table, or an address.
func (e *explanation) explain(word string) error {
	lines := linesOf(e.Result.Lines)
	names, err := meant(lines, word)
	switch {
	case err != nil:
		return err
	case len(names) > 0:
		return e.interfaces(names)
	}
	if table, err := strconv.ParseUint(word, 10, 32); err == nil && table > 0 {
		if e.to.IsValid() {
			return usage(toText)
		}
		return e.Table(uint32(table))
	}
	addr, err := netip.ParseAddr(word)
	if err != nil || addr.Zone() != "" {
		return usage("%q is not an interface, device, table number or address%s", word, knownNames(lines))
	}
	return e.address(addr)
}

func (e *explanation) interfaces(names []string) error {
	for i := range e.Result.Lines {
		if l := &e.Result.Lines[i]; slices.Contains(names, l.Name) {
			if err := e.Line(l, netip.Addr{}, e.to); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *explanation) address(addr netip.Addr) error {
	if l := e.LineOf(addr); l != nil {
		return e.Line(l, addr, e.to)
	}
	switch {
	case slices.ContainsFunc(e.State.Addresses, func(a plan.Address) bool { return a.Prefix.Addr() == addr }):
		return e.Own(addr, e.to)
	case !explain.Routable(addr):
		return usage("%q is neither an address of this router nor that of a remote host", addr)
	case e.to.IsValid():
		return usage(toText)
	}
	return e.Destination(addr)
}
