// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"net/netip"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/explain"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// localNetworks proves that what has one of a line's addresses reaches the networks of
// interfaces that are no line, and those behind them.
func (p *proof) localNetworks(l *provedLine) error {
	for i := range p.Result.Lines {
		o := &p.Result.Lines[i]
		if o.Mode != config.Off || o.Frozen || !o.Netifd.Up {
			continue
		}
		var networks []netip.Prefix
		many := false // routes that stand for a default one
		for k := range o.Netifd.Addresses {
			networks = append(networks, o.Netifd.Addresses[k].Prefix)
		}
		for k := range o.Netifd.Routes {
			network := o.Netifd.Routes[k].Target
			networks = append(networks, network)
			many = many || network.Bits() > 0 && network.Bits() <= plan.DefaultLikeBits
		}
		for _, network := range networks {
			if err := p.reachesNetwork(l, o.Device, network, many); err != nil {
				return err
			}
		}
	}
	return nil
}

// reachesNetwork compares the routes of a line's packets into a network with that of a packet
// that has no address yet: where that one leaves by the network's device, so should
// they, unless they find a route that is as long. Where a VPN has many routes in the
// place of a default one, they should not take those to half of the internet by it.
func (p *proof) reachesNetwork(l *provedLine, device string, network netip.Prefix, many bool) error {
	to, ok := explain.Neighbour(network)
	if !ok {
		to = network.Addr()
	}
	if plan.FamilyOf(to) != p.family || !to.IsGlobalUnicast() || network.Bits() <= plan.DefaultLikeBits {
		return nil
	}
	near, err := p.Router.Lookup(explain.Query{Dst: to})
	if err != nil || near.Refused != 0 || near.Device != device {
		return err
	}
	if many && network.Bits() <= providers && !to.IsPrivate() {
		p.many = device
		return p.ownSources(l, to, l.Device, func(_ explain.Query, a explain.Answer) bool { return a.Device != device })
	}
	return p.ownSources(l, to, device, func(q explain.Query, a explain.Answer) bool {
		return a.Refused == 0 && (a.Device == device || a.Matched.Bits() >= near.Matched.Bits()) || foreign(p.winner(q, a))
	})
}

// providers is the length of a prefix that holds networks of many providers, so that a
// route to it is a part of a default one.
const providers = 12
