// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/netip"
	"slices"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/kernel"
	"github.com/mptcpctl/mptcpctl/pkg/netifd"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// explainOwn is for an address of this router that no interface reports.
func (e *explanation) explainOwn(addr netip.Addr) error {
	e.notes = append(e.notes, "an address of this router that no interface of the configuration has")
	to, ok, err := e.destination(plan.FamilyOf(addr))
	if err != nil || !ok {
		return err
	}
	return e.prove(&proof{what: "from " + addr.String(), query: kernel.Query{Src: addr, Dst: to}, free: "not judged: it belongs to no line"})
}

// explainDestination looks how packets to an address leave: those of this
// router, of each line, and of a host on each network behind it.
func (e *explanation) explainDestination(to netip.Addr) error {
	f := plan.FamilyOf(to)
	if e.to.IsValid() {
		return usage(toText)
	}
	if err := e.proveOther(to, "all other traffic", kernel.Query{Dst: to}); err != nil {
		return err
	}
	for i := range e.result.Lines {
		l := &e.result.Lines[i]
		u := &l.Use[f]
		if !l.Participates() || !u.Usable || len(u.Addresses) == 0 {
			continue
		}
		p := e.lineProof(l, f)
		src := u.Addresses[0].Addr()
		p.what, p.query = l.Name+", from "+src.String(), kernel.Query{Src: src, Dst: to}
		if err := e.prove(&p); err != nil {
			return err
		}
	}
	for i := range e.result.Lines {
		if err := e.explainLAN(&e.result.Lines[i], to); err != nil {
			return err
		}
	}
	return nil
}

// explainLAN looks as a host would that sends by this router: a network behind
// it is one of an interface that takes no part and has no default route.
func (e *explanation) explainLAN(l *plan.LineUse, to netip.Addr) error {
	f := plan.FamilyOf(to)
	if l.Mode != config.Off || l.Frozen || !l.Netifd.Up || l.Device == "" || hasDefault(l, f) {
		return nil
	}
	for _, a := range l.Netifd.Addresses {
		host, ok := neighbour(a.Prefix)
		if plan.FamilyOf(a.Prefix.Addr()) != f || !ok || host.IsLoopback() || a.Prefix.Contains(to) {
			continue
		}
		what := "host " + host.String() + " behind " + l.Name
		if forwards, there, err := kernel.Sysctl("net/" + f.String() + "/conf/" + l.Device + "/forwarding"); err != nil || there && forwards == "0" {
			e.notes = append(e.notes, what+": "+l.Device+" does not forward")
			continue
		}
		if err := e.proveOther(to, what, kernel.Query{Src: host, Dst: to, IIF: l.Device}); err != nil {
			return err
		}
	}
	return nil
}

func hasDefault(l *plan.LineUse, f plan.Family) bool {
	return slices.ContainsFunc(l.Netifd.Routes, func(r netifd.Route) bool { return r.Default() && plan.FamilyOf(r.Target.Addr()) == f })
}

// neighbour is an address beside the router's own: the first of the network, or
// the second.
func neighbour(p netip.Prefix) (netip.Addr, bool) {
	host := p.Masked().Addr().Next()
	if host == p.Addr() {
		host = host.Next()
	}
	return host, p.Bits() < p.Addr().BitLen()-1
}
