// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/netip"

	"github.com/mptcpctl/mptcpctl/pkg/kernel"
	"github.com/mptcpctl/mptcpctl/pkg/netifd"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

func hasAddr(addr netip.Addr) func(netifd.Address) bool {
	return func(a netifd.Address) bool { return a.Prefix.Addr() == addr }
}

// explainLine looks from each address of a line, or from the one that was
// asked for, from its device, and from nowhere.
func (e *explanation) explainLine(l *plan.LineUse, only netip.Addr) error {
	e.lines = append(e.lines, l)
	for _, f := range plan.Families {
		u := &l.Use[f]
		if len(u.Addresses) == 0 || only.IsValid() && plan.FamilyOf(only) != f {
			continue
		}
		to, ok, err := e.destination(f)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		p := e.lineProof(l, f)
		for _, a := range u.Addresses {
			if only.IsValid() && a.Addr() != only {
				continue
			}
			p.what = "from " + a.Addr().String()
			p.query = kernel.Query{Src: a.Addr(), Dst: to}
			if err := e.prove(&p); err != nil {
				return err
			}
		}
		p.what, p.query = "bound to "+u.Device.Name, kernel.Query{Dst: to, OIF: u.Device.Name}
		if err := e.prove(&p); err != nil {
			return err
		}
		if err := e.proveOther(to, "all other traffic", kernel.Query{Dst: to}); err != nil {
			return err
		}
	}
	return nil
}

// lineProof says what should come out for packets of a line.
func (e *explanation) lineProof(l *plan.LineUse, f plan.Family) proof {
	u := &l.Use[f]
	p := proof{want: way{l.Name, l.Device, u.Gateway}}
	switch {
	case !u.Usable:
		p.free = "not judged: " + string(u.Reason)
	case !u.Device.Carrier:
		p.free = "not judged: no carrier"
	}
	return p
}
