// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
	"github.com/mptcpctl/mptcpctl/pkg/netlab"
	"github.com/mptcpctl/mptcpctl/pkg/sockdiag"
)

// TestANewSubflowOutlivesTheOldEndpoint: that an address is gone is told to the server
// over the other line, which is the slow one here. The address of a connection's first
// subflow has the id 0 always, so that the new one would be closed by it.
func TestANewSubflowOutlivesTheOldEndpoint(t *testing.T) {
	t.Parallel()
	for name, renew := range map[string]func(*liveLab){
		"healed": func(l *liveLab) {
			// One connection lacks the subflow, and that of the other one is interrupted.
			first := l.serverPorts(wan1Addr)[0]
			l.must(l.Router.Run(l.Command(l.ctx, "ss", "-K", "src", wan1Addr.String(), "sport", "=", fmt.Sprint(first))))
			l.eventually("a first subflow is gone", func() bool { return len(l.serverPorts(wan1Addr)) == 1 })
			l.run("iface", "wan1", "heal", "--yes")
		},
		"off and on": func(l *liveLab) {
			l.run("iface", "wan1", "off")
			l.run("iface", "wan1", "--reset")
		},
		"down and up": func(l *liveLab) {
			l.deliver(l.AdminDown("wan1"))
			l.deliver(l.AdminUp("wan1"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLiveLab(t, liveLine("dhcp", "master"), liveLine("dhcp", "on"))
			l.boot()
			delay, err := l.Delay("wan2", 200*time.Millisecond)
			l.must(err)
			var both []*liveTransfer
			for range 2 {
				both = append(both, l.startAs(netlab.Transfer{Up: netlab.Endless, Down: netlab.Endless, Rate: 64 << 10}))
			}
			l.eventually("both lines have their subflows", func() bool { return len(l.serverPorts(wan1Addr)) == 2 && len(l.serverPorts(wan2Addr)) == 2 })
			for _, r := range both {
				r.await(32 << 10)
			}
			heard := l.removed()
			renew(l)
			l.eventually("the server has heard of the old endpoint", func() bool { return l.removed() > heard })
			for _, r := range both {
				r.await(128 << 10)
			}
			if n := len(l.serverPorts(wan1Addr)); n != 2 {
				t.Errorf("%d subflows over the line, want 2", n)
			}
			for _, r := range both {
				r.stop()
			}
			l.must(delay.Close())
		})
	}
}

// removed is how often the far server has been told that an address is gone.
func (l *liveLab) removed() (n uint64) {
	l.Helper()
	l.must(l.Server.Do(func() error {
		all, err := mptcp.Counters()
		for _, c := range all {
			if c.Name == "RmAddr" {
				n = c.Value
			}
		}
		return err
	}))
	return n
}

// serverPorts are the ports at an address to which the far server has subflows.
func (l *liveLab) serverPorts(addr netip.Addr) (ports []uint16) {
	l.Helper()
	l.must(l.Server.Do(func() error {
		return sockdiag.Subflows(func(s sockdiag.Subflow) error {
			if s.Remote.Addr() == addr {
				ports = append(ports, s.Remote.Port())
			}
			return nil
		}, sockdiag.Established)
	}))
	return ports
}
