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
	p := Proof{Packet: packet, Query: q, Policy: true, NotChecked: "not checked: left to the main table"}
	names := e.Result.MasterList[f]
	if own := e.Result.OwnFirst[f]; own != "" && q.IIF == "" {
		names = append([]string{own}, names...)
	}
	for _, name := range names {
		l := e.lineNamed(name)
		if l == nil {
			p.NotChecked = "not checked: the master list has entries of a line with a bad value"
			break
		}
		if u := &l.Use[f]; u.Device.Carrier {
			p.NotChecked, p.Want = "", Way{l.Device, u.Gateway}
			break
		}
	}
	if q.Src.IsValid() && p.NotChecked == "" {
		p = e.forwarded(p)
	}
	return e.prove(p)
}

// forwarded corrects what should become of the packet of a LAN host: one from a
// network that belongs to a line leaves by it, the longest such network counts, and
// one of an interface that takes no part is left to the main table.
func (e *Explanation) forwarded(p Proof) Proof {
	bits := -1
	for i := range e.Result.Lines {
		l := &e.Result.Lines[i]
		for _, network := range l.Use[plan.IPv6].Forwarded {
			if network.Bits() <= bits || !network.Contains(p.Query.Src) {
				continue
			}
			one := lineProof(l, plan.IPv6, p.Packet, p.Query)
			switch {
			case l.Mode == config.Off:
				one.NotChecked = "not checked: its interface is off"
			case l.Frozen, !l.Use[plan.IPv6].Usable:
				continue
			}
			one.Policy = true
			p, bits = one, network.Bits()
		}
	}
	return p
}

func (e *Explanation) lineNamed(name string) *plan.LineUse {
	for i := range e.Result.Lines {
		if e.Result.Lines[i].Name == name {
			return &e.Result.Lines[i]
		}
	}
	return nil
}
