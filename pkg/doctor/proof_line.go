// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"net/netip"
	"slices"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/explain"
	"github.com/mptcpctl/mptcpctl/pkg/netifd"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// provedLine is a line that packets can leave by.
type provedLine struct {
	*plan.LineUse
	// sources are its addresses, without those that belong to another line.
	sources []netip.Addr
	// gateways are the next hops of its default routes, the zero Addr too where one is
	// the router's own address; none is known of a line that a program other than
	// netifd sets up.
	gateways []netip.Addr
}

// carries reports whether a packet has left by the line.
func (l *provedLine) carries(a explain.Answer) bool {
	return a.Refused == 0 && a.Device == l.Device && (a.Matched.Bits() > 0 || len(l.gateways) == 0 || slices.Contains(l.gateways, a.Gateway))
}

// usable are the lines that are up, with a carrier, an address or a delegated prefix,
// and a default route, in the order of the file.
func (p *proof) usable() (lines []provedLine, err error) {
	for i := range p.Result.Lines {
		l := provedLine{LineUse: &p.Result.Lines[i]}
		if l.Mode == config.Off || l.Frozen || !l.Netifd.Up || !l.Use[p.family].Device.Up || !l.Use[p.family].Device.Carrier {
			continue
		}
		l.gateways = gateways(l.LineUse, p.family)
		p.addSources(&l)
		route := len(l.gateways) > 0
		if !route && l.Netifd.Proto == "none" {
			a, err := p.Router.Lookup(explain.Query{Dst: p.remote, OIF: l.Device})
			if err != nil {
				return nil, err
			}
			route = a.Refused == 0 && a.Table != 0 && a.Matched.Bits() == 0
		}
		if route && len(l.sources)+len(p.delegated(l.LineUse)) > 0 {
			lines = append(lines, l)
			_, there := defaultInMain(l.LineUse, p.family)
			p.inMain = p.inMain || there
		}
	}
	return lines, nil
}

// typeUnicast is the type of a route that leads on (RTN_UNICAST,
// include/uapi/linux/rtnetlink.h); netifd does not tell it.
const typeUnicast = 1

// delegated are the prefixes that a line has for others.
func (p *proof) delegated(l *plan.LineUse) []netip.Prefix {
	if p.family == plan.IPv4 {
		return nil
	}
	return l.Netifd.Prefixes
}

// addSources adds those addresses of a line that packets to far away can have, as the
// kernel has them: of proto none netifd knows none.
func (p *proof) addSources(l *provedLine) {
	for i := range p.Addresses {
		a := &p.Addresses[i]
		addr := a.Prefix.Addr()
		if slices.Contains(l.gateways, addr) && (a.Device == l.Device || a.Global && addr.Is6()) {
			l.gateways = append(l.gateways, netip.Addr{})
		}
		if a.Device != l.Device || plan.FamilyOf(addr) != p.family || !a.Global || a.Deprecated || a.DADFailed ||
			!addr.IsGlobalUnicast() || addr.Is6() && addr.IsPrivate() {
			continue
		}
		if p.ownsAddress(l.LineUse, addr) && (l.Netifd.Proto == "none" || slices.ContainsFunc(l.Netifd.Addresses, func(n netifd.Address) bool { return n.Prefix.Addr() == addr })) {
			l.sources = append(l.sources, addr)
		}
	}
}

// first is the line that all traffic should take which belongs to no line: the one
// of the best mode. nil: the main table decides, or it cannot be told.
func (p *proof) first() (*provedLine, error) {
	master := false
	for i := range p.lines {
		master = master || p.lines[i].Mode == config.Master || p.lines[i].Saved == config.Master
	}
	for i := range p.Result.Lines {
		if l := &p.Result.Lines[i]; l.Frozen {
			return nil, nil // its entry is where it was
		}
	}
	if !master {
		return nil, nil
	}
	if listed, err := p.outsideDefault(); !listed || err != nil {
		return nil, err
	}
	var first *provedLine
	for i := range p.lines {
		if l := &p.lines[i]; l.Mode.Listed() && (first == nil || l.Mode.Claims() < first.Mode.Claims()) {
			first = l
		}
	}
	return first, nil
}

// outsideDefault asks who has the default route of the main table. That may be neither
// a line nor an interface that is off: a VPN, for which the list makes room, or whose halves
// of a default route come first in the list. listed says that there is a list to judge.
func (p *proof) outsideDefault() (listed bool, err error) {
	a, err := p.Router.Lookup(explain.Query{Dst: p.remote, Mark: plan.QueryMark})
	if err != nil || a.Refused != 0 || a.Table != plan.Main {
		return true, err
	}
	ours, other := false, false
	for i := range p.Result.Lines {
		l := &p.Result.Lines[i]
		switch {
		case l.Device != a.Device:
		case l.Own, l.From != "":
			ours = true
		case slices.Contains(gateways(l, p.family), a.Gateway): // the modem's page, on a line's device
			other = true
		}
	}
	if ours && !other {
		return true, nil
	}
	if p.halves = a.Matched.Bits() > 0; p.halves || p.inMain {
		p.outside = a.Device
	}
	return false, nil // where no line has a default route in main, metrics decide
}

// allRoutes are those that netifd knows of an interface, in force or not.
func allRoutes(l *plan.LineUse) []netifd.Route {
	return append(slices.Clip(l.Netifd.Routes), l.Netifd.Inactive...)
}

// gateways are the next hops of the default routes that netifd knows of an interface.
func gateways(l *plan.LineUse, f plan.Family) (all []netip.Addr) {
	routes := allRoutes(l)
	for i := range routes {
		if r := &routes[i]; r.Default() && plan.FamilyOf(r.Target.Addr()) == f && r.Type <= typeUnicast &&
			(!r.Nexthop.IsValid() || config.Gateway(r.Nexthop)) {
			all = append(all, r.Nexthop)
		}
	}
	return all
}
