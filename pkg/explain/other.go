// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"net/netip"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// proveOther looks up a packet that is bound to no line: the master list
// decides, or the main table where there is none.
func (e *Explanation) proveOther(to netip.Addr, packet string, q Query) error {
	f := plan.FamilyOf(to)
	p := Proof{Packet: packet, Query: q, Policy: true, Unjudged: "not judged: left to the main table"}
	for _, name := range e.Result.MasterList[f] {
		l := e.lineNamed(name)
		if l == nil {
			p.Unjudged = "not judged: the master list has entries of a line with a bad value"
			break
		}
		if u := &l.Use[f]; u.Device.Carrier {
			p.Unjudged, p.Want = "", Way{l.Device, u.Gateway}
			break
		}
	}
	if q.Src.IsValid() {
		p = e.delegated(p)
	}
	return e.prove(p)
}

// delegated corrects what should become of a LAN host's packet: one from a
// delegated prefix leaves by the line that has it, and one of an interface that
// takes no part is left to the main table in IPv6.
func (e *Explanation) delegated(p Proof) Proof {
	src := p.Query.Src
	if plan.FamilyOf(src) == plan.IPv6 && src.IsGlobalUnicast() && p.Unjudged == "" && e.outside(src) {
		p.Unjudged = "not judged: its interface is off"
	}
	for i := range e.Result.Lines {
		l := &e.Result.Lines[i]
		for _, prefix := range l.Use[plan.IPv6].Prefixes {
			if prefix.Contains(src) && l.Participates() {
				p = lineProof(l, plan.IPv6, p.Packet, p.Query)
			}
		}
	}
	return p
}

func (e *Explanation) outside(src netip.Addr) bool {
	for i := range e.Result.Lines {
		l := &e.Result.Lines[i]
		for _, prefix := range l.Netifd.Prefixes {
			if prefix.Contains(src) && l.Mode == config.Off {
				return true
			}
		}
	}
	return false
}

func (e *Explanation) lineNamed(name string) *plan.LineUse {
	for i := range e.Result.Lines {
		if e.Result.Lines[i].Name == name {
			return &e.Result.Lines[i]
		}
	}
	return nil
}
