// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"net/netip"
	"slices"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/netifd"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// Own explains an address of this router that no line reports. to is where its
// packets go; the zero Addr: far away.
func (e *Explanation) Own(addr, to netip.Addr) error {
	e.Notes = append(e.Notes, "an address of this router that no configured interface has")
	to, ok, err := e.destination(plan.FamilyOf(addr), to)
	if err != nil || !ok {
		return err
	}
	return e.prove(Proof{Packet: "from " + addr.String(), Query: Query{Src: addr, Dst: to}, NotChecked: "not checked: it belongs to no line"})
}

// Destination explains how packets to an address leave: those of this router,
// of each line, and of a host on each network behind it.
func (e *Explanation) Destination(to netip.Addr) error {
	f := plan.FamilyOf(to)
	if err := e.proveOther(to, "all other traffic", Query{Dst: to}); err != nil {
		return err
	}
	for i := range e.Result.Lines {
		l := &e.Result.Lines[i]
		u := &l.Use[f]
		if !l.Participates() || !u.Usable || len(u.Addresses) == 0 {
			continue
		}
		src := u.Addresses[0].Addr()
		if err := e.prove(lineProof(l, f, l.Name+", from "+src.String(), Query{Src: src, Dst: to})); err != nil {
			return err
		}
	}
	for i := range e.Result.Lines {
		if err := e.lan(&e.Result.Lines[i], to); err != nil {
			return err
		}
	}
	return nil
}

// lan looks up the packets of a host that sends by this router: a network behind
// it is one of an interface that takes no part and has no default route.
func (e *Explanation) lan(l *plan.LineUse, to netip.Addr) error {
	f := plan.FamilyOf(to)
	if l.Mode != config.Off || l.Frozen || !l.Netifd.Up || l.Device == "" || hasDefault(l, f) {
		return nil
	}
	for _, a := range l.Netifd.Addresses {
		host, ok := Neighbour(a.Prefix)
		if plan.FamilyOf(a.Prefix.Addr()) != f || !ok || host.IsLoopback() || a.Prefix.Contains(to) {
			continue
		}
		what := "host " + host.String() + " behind " + l.Name
		forwards, err := e.Router.Forwards(f, l.Device)
		if err != nil {
			return err
		}
		if !forwards {
			e.Notes = append(e.Notes, what+": "+l.Device+" does not forward")
			continue
		}
		if err := e.proveOther(to, what, Query{Src: host, Dst: to, IIF: l.Device}); err != nil {
			return err
		}
	}
	return nil
}

func hasDefault(l *plan.LineUse, f plan.Family) bool {
	return slices.ContainsFunc(l.Netifd.Routes, func(r netifd.Route) bool { return r.Default() && plan.FamilyOf(r.Target.Addr()) == f })
}

// Neighbour is an address beside the router's own: the first of the network, or
// the second.
func Neighbour(p netip.Prefix) (netip.Addr, bool) {
	host := p.Masked().Addr().Next()
	if host == p.Addr() {
		host = host.Next()
	}
	return host, p.Bits() < p.Addr().BitLen()-1
}
