// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/mptcpctl/mptcpctl/pkg/kernel"
	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
)

// TestEveryLineCarriesItsShareToAnyServer is about servers with one address or two, and
// such as allow no further subflow to the first (RFC 8684 section 3.1, the flag C).
func TestEveryLineCarriesItsShareToAnyServer(t *testing.T) {
	t.Parallel()
	laminar := mptcp.HasLaminar(kernel.Release())
	const accepted = "mptcp_add_addr_accepted=1"
	for _, tt := range []struct {
		name         string
		second, deny bool
		options      []string
		both         bool
	}{
		{"one address", false, false, []string{accepted}, true},
		{"one address, without laminar", false, false, []string{accepted, "mptcp_laminar=0"}, true},
		{"two addresses", true, false, []string{accepted}, true},
		{"two addresses, without laminar", true, false, []string{accepted, "mptcp_laminar=0"}, true},
		{"the second alone, announced addresses accepted", true, true, []string{accepted}, laminar},
		{"the second alone, announced addresses not accepted", true, true, nil, true},
		{"the second alone, without laminar", true, true, []string{accepted, "mptcp_laminar=0"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := newLiveLab(t, liveLine("dhcp", "master"), liveLine("dhcp", "on"))
			if tt.second {
				l.announceSecond()
			}
			if tt.deny {
				l.must(l.Server.Sysctl("net.mptcp.allow_join_initial_addr_port", "0"))
			}
			l.set(tt.options...)
			l.boot()
			r := l.start()
			if !tt.both {
				l.eventually("the first line has two subflows", func() bool { return len(l.subflows()) == 2 })
				if c := r.carry(3 * megabyte); !c.idle(1) {
					t.Errorf("the second line is used: %v", c)
				}
				r.stop()
				return
			}
			l.eventually("both lines have a subflow", func() bool { return l.hasSubflow(wan1Addr) && l.hasSubflow(wan2Addr) })
			if c := r.carry(6 * megabyte); !c.byBoth(6 * megabyte) {
				t.Errorf("a line carried less than a third of its half: %v", c)
			}
			l.deliver(l.Unplug("wan1"))
			r.await(2 * megabyte)
			r.stop()
		})
	}
}
