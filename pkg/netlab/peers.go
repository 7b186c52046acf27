// SPDX-License-Identifier: Apache-2.0

package netlab

import "net/netip"

// Peers returns where the transfers under way come from, as the server sees it.
func (s *Server) Peers() []netip.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []netip.Addr
	for conn := range s.open {
		if peer, err := netip.ParseAddrPort(conn.RemoteAddr().String()); err == nil {
			all = append(all, peer.Addr().Unmap())
		}
	}
	return all
}
