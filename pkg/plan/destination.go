// SPDX-License-Identifier: Apache-2.0

package plan

import "net/netip"

// Destinations are all that a managed route may have while the kernel has these
// addresses. A foreign route to any other one is in no route's way, however many
// of them a table holds.
func (r *Request) Destinations(addresses []Address) map[netip.Prefix]bool {
	all := map[netip.Prefix]bool{IPv4.everything(): true, IPv6.everything(): true, LinkLocal: true}
	for i := range r.Lines {
		known := &r.Lines[i].Netifd
		for k := range known.Routes {
			all[known.Routes[k].Target] = true
		}
		for k := range known.Addresses {
			peer := known.Addresses[k].Peer
			all[netip.PrefixFrom(peer, peer.BitLen())] = true
		}
	}
	for i := range addresses {
		all[addresses[i].Prefix.Masked()] = true
		all[addresses[i].Peer.Masked()] = true
	}
	return all
}
