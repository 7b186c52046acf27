// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"net/netip"
	"slices"

	"github.com/mptcpctl/mptcpctl/pkg/netifd"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// Line is a line with the reasons of its mode and of its tables.
type Line struct {
	*plan.LineUse
	ModeReason   string
	TableReasons [2]string
}

func (e *Explanation) line(l *plan.LineUse) Line {
	one := Line{LineUse: l, ModeReason: modeReason(l)}
	for _, f := range plan.Families {
		one.TableReasons[f] = e.tableReason(&l.Line, f)
	}
	return one
}

func hasAddr(addr netip.Addr) func(netifd.Address) bool {
	return func(a netifd.Address) bool { return a.Prefix.Addr() == addr }
}

// LineOf is the line that reports an address, nil where none does.
func (e *Explanation) LineOf(addr netip.Addr) *plan.LineUse {
	for i := range e.Result.Lines {
		l := &e.Result.Lines[i]
		if slices.ContainsFunc(l.Netifd.Addresses, hasAddr(addr)) {
			return l
		}
	}
	return nil
}

// Line explains a line by packets from each of its addresses, or from one of
// them alone, from its device, and from nowhere. to is where they go; the zero
// Addr: far away.
func (e *Explanation) Line(l *plan.LineUse, only, to netip.Addr) error {
	e.Lines = append(e.Lines, e.line(l))
	for _, f := range plan.Families {
		if len(l.Use[f].Addresses) == 0 && !l.Use[f].Usable || only.IsValid() && plan.FamilyOf(only) != f {
			continue
		}
		to, ok, err := e.destination(f, to)
		if ok && err == nil {
			err = e.lineIn(l, f, only, to)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (e *Explanation) lineIn(l *plan.LineUse, f plan.Family, only, to netip.Addr) error {
	u := &l.Use[f]
	for _, a := range u.Addresses {
		if only.IsValid() && a.Addr() != only {
			continue
		}
		if err := e.prove(lineProof(l, f, "from "+a.Addr().String(), Query{Src: a.Addr(), Dst: to})); err != nil {
			return err
		}
	}
	bound := lineProof(l, f, "bound to "+u.Device.Name, Query{Dst: to, OIF: u.Device.Name})
	if name := e.shares(l, f); name != "" && bound.NotChecked == "" {
		bound.NotChecked = "not checked: " + name + " has the same device"
	}
	if err := e.prove(bound); err != nil {
		return err
	}
	return e.proveOther(to, "all other traffic", Query{Dst: to})
}

// shares names another usable line on the device of a line; one of them has what is
// bound to it.
func (e *Explanation) shares(l *plan.LineUse, f plan.Family) string {
	for i := range e.Result.Lines {
		other := &e.Result.Lines[i]
		if other.Name != l.Name && other.Participates() && other.Use[f].Usable && other.Use[f].Device.Index == l.Use[f].Device.Index {
			return other.Name
		}
	}
	return ""
}

// destination is the one that was asked for, or one far away. ok is false when
// that one is of the other family.
func (e *Explanation) destination(f plan.Family, to netip.Addr) (_ netip.Addr, ok bool, err error) {
	if to.IsValid() {
		return to, plan.FamilyOf(to) == f, nil
	}
	to, err = RemoteAddr(e.Router, f)
	return to, true, err
}

// lineProof is a packet of a line, with what should become of it.
func lineProof(l *plan.LineUse, f plan.Family, packet string, q Query) Proof {
	u := &l.Use[f]
	p := Proof{Packet: packet, Query: q, Want: Way{l.Device, u.Gateway}}
	switch {
	case !u.Usable:
		p.NotChecked = "not checked: " + string(u.Reason)
	case !u.Device.Carrier:
		p.NotChecked = "not checked: no carrier"
	}
	return p
}
