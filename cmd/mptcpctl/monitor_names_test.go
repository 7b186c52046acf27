// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/netip"
	"testing"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
	"github.com/mptcpctl/mptcpctl/pkg/reconcile"
)

// Two lines that lose their addresses at once end thousands of subflows in any
// order: the names are not read for each of them.
func TestUnknownAddressesInTurnsReadTheNamesOnce(t *testing.T) {
	t.Parallel()
	m := monitor{options: &options{runner: reconcile.Runner{ConfigDir: t.TempDir()}}}
	closed := func(addr string) bool {
		// Somebody has read the names just now, however slow this machine is.
		recent := time.Now().Add(time.Hour)
		m.read = recent
		m.line(t.Context(), &mptcp.Event{Type: mptcp.EventSubflowClosed, Local: netip.AddrPortFrom(netip.MustParseAddr(addr), 1)})
		return m.read != recent
	}
	for _, addr := range []string{"203.0.113.251", "203.0.113.252"} {
		if !closed(addr) {
			t.Errorf("%s: the names were not read for an address that is new", addr)
		}
	}
	for _, addr := range []string{"203.0.113.251", "203.0.113.252", "203.0.113.251"} {
		if closed(addr) {
			t.Errorf("%s: the names were read once more", addr)
		}
	}
}
