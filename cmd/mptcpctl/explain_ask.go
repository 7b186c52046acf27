// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"net/netip"

	"github.com/mptcpctl/mptcpctl/pkg/kernel"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// explanation is what one call has to say.
type explanation struct {
	*view
	k     *kernel.Kernel
	to    netip.Addr // zero: one that nobody has a route for
	rules [2][]kernel.AnyRule

	lines  []*plan.LineUse
	tables []tableStory
	proofs []proof
	notes  []string
}

func (o *options) newExplanation(ctx context.Context, to string) (*explanation, error) {
	e := &explanation{}
	var err error
	if to != "" {
		if e.to, err = netip.ParseAddr(to); err != nil || !single(e.to) {
			return nil, usage("--to %q is no address of a host out there", to)
		}
	}
	if e.view, err = o.newView(ctx); err != nil {
		return nil, err
	}
	if e.k, err = openKernel(); err != nil {
		return nil, err
	}
	err = e.plan(e.k, request{hint: o.peekHint()})
	for _, f := range plan.Families {
		if err == nil {
			e.rules[f], err = e.k.AllRules(f)
			err = wrapFailed("reading the rules", err)
		}
	}
	if err != nil {
		e.k.Close()
		return nil, err
	}
	return e, nil
}

// single reports whether TCP can go to an address from any device: a link-local
// one says nothing without its device.
func single(a netip.Addr) bool { return a.IsGlobalUnicast() && !a.Is4In6() }

// prove asks the kernel and judges.
func (e *explanation) prove(p *proof) error {
	p.family, p.wrong, p.note = plan.FamilyOf(p.query.Dst), false, ""
	var err error
	if p.answer, err = e.k.Lookup(p.query); err != nil {
		return exitError{exitFailed, err}
	}
	p.steps = kernel.Trace(e.rules[p.family], p.query, p.answer)
	if p.free == "" {
		p.judge()
	}
	e.proofs = append(e.proofs, *p)
	return nil
}

// farAway are destinations that nobody should have a route for but a default:
// the blocks for documentation (RFC 5737, RFC 3849, RFC 9637).
var farAway = [2][]string{
	plan.IPv4: {"192.0.2.1", "198.51.100.1", "203.0.113.1"},
	plan.IPv6: {"2001:db8::1", "3fff::1", "2001:db8:ffff:ffff::1"},
}

// destination is --to, or the first far address that no longer route covers.
// ok is false when --to is of the other family.
func (e *explanation) destination(f plan.Family) (to netip.Addr, ok bool, err error) {
	if e.to.IsValid() {
		return e.to, plan.FamilyOf(e.to) == f, nil
	}
	for _, text := range farAway[f] {
		if to, err = netip.ParseAddr(text); err != nil {
			return to, false, err
		}
		a, err := e.k.Lookup(kernel.Query{Dst: to})
		if err != nil {
			return to, false, exitError{exitFailed, err}
		}
		if a.Refused != 0 || a.Matched.Bits() <= 0 {
			return to, true, nil
		}
	}
	return to, true, nil
}
