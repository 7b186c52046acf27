// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/netip"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/kernel"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// proveOther looks for a packet that is bound to no line: the master list
// decides, or the main table where there is none.
func (e *explanation) proveOther(to netip.Addr, what string, q kernel.Query) error {
	f := plan.FamilyOf(to)
	p := proof{what: what, query: q, guest: true, free: "not judged: left to the main table"}
	for _, name := range e.result.MasterList[f] {
		l := e.lineNamed(name)
		if l == nil {
			p.free = "not judged: the master list has entries of a line with a bad value"
			break
		}
		if u := &l.Use[f]; u.Device.Carrier {
			p.free, p.want = "", way{l.Name, l.Device, u.Gateway}
			break
		}
	}
	if q.Src.IsValid() {
		e.delegated(&p, q.Src)
	}
	return e.prove(&p)
}

// delegated corrects what should come out for the source of a LAN host: an
// address inside a delegated prefix goes with the line that has it, and one of
// an interface that takes no part stays with the main table in IPv6.
func (e *explanation) delegated(p *proof, src netip.Addr) {
	if plan.FamilyOf(src) == plan.IPv6 && src.IsGlobalUnicast() && p.free == "" && e.outside(src) {
		p.free = "not judged: its interface is off"
	}
	for i := range e.result.Lines {
		l := &e.result.Lines[i]
		for _, prefix := range l.Use[plan.IPv6].Prefixes {
			if prefix.Contains(src) && l.Participates() {
				what, query := p.what, p.query
				*p = e.lineProof(l, plan.IPv6)
				p.what, p.query = what, query
			}
		}
	}
}

func (e *explanation) outside(src netip.Addr) bool {
	for i := range e.result.Lines {
		l := &e.result.Lines[i]
		for _, prefix := range l.Netifd.Prefixes {
			if prefix.Contains(src) && l.Mode == config.Off {
				return true
			}
		}
	}
	return false
}

func (e *explanation) lineNamed(name string) *plan.LineUse {
	for i := range e.result.Lines {
		if e.result.Lines[i].Name == name {
			return &e.result.Lines[i]
		}
	}
	return nil
}
