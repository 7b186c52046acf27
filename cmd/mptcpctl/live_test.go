// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net"
	"net/netip"
	"testing"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

func TestOneConnectionUsesBothLines(t *testing.T) {
	t.Parallel()
	l := newLiveLab(t, liveLine("dhcp", "master"), liveLine("dhcp", "on"))
	l.boot()
	r := l.start()
	if c := r.carry(6 * megabyte); !c.byBoth(6 * megabyte) {
		t.Errorf("a line carried less than a third of its half: %v", c)
	}
	r.stop()
}

// The same lines and the same routes: what joins them is MPTCP alone.
func TestPlainTCPUsesOneLine(t *testing.T) {
	t.Parallel()
	l := newLiveLab(t, liveLine("dhcp", "master"), liveLine("dhcp", "on"))
	l.boot()
	r := l.startAs(netlab.Transfer{Up: netlab.Endless, Down: netlab.Endless, TCP: true})
	if c := r.carry(2 * megabyte); !c.idle(1) {
		t.Errorf("plain TCP used a second line: %v", c)
	}
	r.stop()
}

func TestOneConnectionUsesBothLinesByIPv6(t *testing.T) {
	t.Parallel()
	lines := []netlab.LineConfig{liveLine("static", "master"), liveLine("static", "on")}
	for i := range lines {
		lines[i].NoIPv4, lines[i].IPv6 = true, true
	}
	l := buildLiveLab(t, netlab.Config{Lines: lines, DAD: true})
	l.boot()
	l.eventually("settle has added the endpoints of addresses that were tentative", func() bool { return len(l.endpoints()) == 2 })
	r := l.startAs(netlab.Transfer{Server: netlab.Addr6, Up: netlab.Endless, Down: netlab.Endless})
	if c := r.carry(6 * megabyte); !c.byBoth(6 * megabyte) {
		t.Errorf("a line carried less than a third of its half: %v", c)
	}
	r.stop()
}

func TestBackupIsIdleUntilNeeded(t *testing.T) {
	t.Parallel()
	for _, proto := range []string{"dhcp", "static"} {
		t.Run(proto+" lines", func(t *testing.T) {
			t.Parallel()
			l := newLiveLab(t, liveLine(proto, "master"), liveLine(proto, "backup"))
			l.boot()
			r := l.start()
			if c := r.carry(4 * megabyte); !c.idle(1) {
				t.Errorf("the backup carried data beside its primary: %v", c)
			}
			l.eventually("the backup line has a subflow", func() bool { return l.hasSubflow(wan2Addr) })
			l.deliver(l.Unplug("wan1"))
			r.await(2 * megabyte)
			l.deliver(l.Plug("wan1"))
			l.eventually("the backup is idle again", func() bool { return r.carry(megabyte).idle(1) })
			r.stop()
		})
	}
}

func TestModeChangeMovesARunningTransfer(t *testing.T) {
	t.Parallel()
	l := newLiveLab(t, liveLine("dhcp", "master"), liveLine("dhcp", "on"))
	l.boot()
	r := l.start()
	if c := r.carry(4 * megabyte); !c.byBoth(4 * megabyte) {
		t.Fatalf("not both lines are used to begin with: %v", c)
	}
	before := l.endpoint(wan2Addr)
	l.run("iface", "wan2", "backup")
	want := before
	want.Flags |= mptcp.FlagBackup
	if after := l.endpoint(wan2Addr); after != want {
		t.Errorf("the endpoint became %+v, want %+v", after, want)
	}
	l.eventually("the transfer is off the line that became backup", func() bool { return r.carry(2 * megabyte).idle(1) })
	l.run("iface", "wan2", "on")
	if after := l.endpoint(wan2Addr); after != before {
		t.Errorf("the endpoint became %+v, want %+v", after, before)
	}
	r.await(megabyte)
	if c := r.carry(4 * megabyte); !c.byBoth(4 * megabyte) {
		t.Errorf("the line does not carry its share again: %v", c)
	}
	r.stop()
}

func TestHandoverWorksOnlyWhileThereIsNoPrimary(t *testing.T) {
	t.Parallel()
	l := newLiveLab(t, liveLine("dhcp", "master"), liveLine("dhcp", "handover"))
	l.boot()
	r := l.start()
	if c := r.carry(3 * megabyte); !c.idle(1) || l.hasSubflow(wan2Addr) || l.hasEndpoint(wan2Addr) {
		t.Errorf("the handover line is used beside its primary: %v, subflows %v", c, l.subflows())
	}
	l.deliver(l.Unplug("wan1"))
	r.await(2 * megabyte)
	l.deliver(l.Plug("wan1"))
	l.eventually("the handover line is given back", func() bool { return !l.hasEndpoint(wan2Addr) })
	r.await(megabyte / 2)
	if c := r.carry(2 * megabyte); !c.idle(1) || l.hasSubflow(wan2Addr) {
		t.Errorf("the handover line is still used: %v, subflows %v", c, l.subflows())
	}
	r.stop()
}

func TestHandoverHoldsWhileTheReturningPrimaryIsDead(t *testing.T) {
	t.Parallel()
	l := newLiveLab(t, liveLine("dhcp", "master"), liveLine("dhcp", "handover"))
	l.boot()
	r := l.start()
	r.await(megabyte)
	l.deliver(l.Unplug("wan1"))
	r.await(megabyte)
	l.deliver(l.BlackHole("wan1"))
	l.deliver(l.Plug("wan1"))
	r.await(3 * megabyte)
	if e := l.endpoint(wan2Addr); e.Flags&mptcp.FlagBackup == 0 {
		t.Errorf("the handover line's endpoint is no backup: %+v", e)
	}
	if l.hasSubflow(wan1Addr) {
		t.Errorf("a subflow through a black hole: %v", l.subflows())
	}
	l.deliver(l.Heal("wan1"))
	l.eventually("the handover line is given back", func() bool { return !l.hasEndpoint(wan2Addr) })
	r.await(megabyte / 2)
	if c := r.carry(2 * megabyte); !c.idle(1) {
		t.Errorf("the handover line is still used: %v", c)
	}
	r.stop()
}

func TestUnpluggedLineUnderLoad(t *testing.T) {
	t.Parallel()
	for _, proto := range []string{"dhcp", "static"} {
		t.Run(proto+" lines", func(t *testing.T) {
			t.Parallel()
			l := newLiveLab(t, liveLine(proto, "master"), liveLine(proto, "on"))
			l.boot()
			r := l.start()
			plain := l.startAs(netlab.Transfer{From: wan1Addr, Up: netlab.Endless, Down: netlab.Endless, TCP: true})
			plain.await(megabyte / 4)
			r.await(megabyte)
			l.deliver(l.Unplug("wan1"))
			r.await(megabyte / 2)
			up, down := plain.Progress()
			r.await(2 * megabyte)
			if nowUp, nowDown := plain.Progress(); nowUp != up || nowDown != down {
				t.Errorf("plain TCP got %d bytes up and %d down over the unplugged line", nowUp-up, nowDown-down)
			}
			l.deliver(l.Plug("wan1"))
			r.await(megabyte)
			r.stop()
		})
	}
}

func TestDeviceThatReturnsWithAnotherIndex(t *testing.T) {
	t.Parallel()
	l := newLiveLab(t, liveLine("dhcp", "master"), liveLine("dhcp", "on"))
	l.boot()
	r := l.start()
	r.await(megabyte)
	before := l.endpoint(wan2Addr)
	l.deliver(l.RemoveDevice("wan2"))
	r.await(megabyte)
	if l.hasEndpoint(wan2Addr) {
		t.Errorf("the endpoint of a device that is gone stays: %v", l.endpoints())
	}
	l.deliver(l.ReturnDevice("wan2"))
	if after := l.endpoint(wan2Addr); after.IfIndex == before.IfIndex || after.ID == before.ID {
		t.Errorf("the endpoint came back as %+v, was %+v", after, before)
	}
	l.eventually("both lines are used again", func() bool { return r.carry(3 * megabyte).byBoth(3 * megabyte) })
	r.stop()
}

func TestCarrierThatComesAfterTheEndpoint(t *testing.T) {
	t.Parallel()
	l := newLiveLab(t, liveLine("static", "master"), liveLine("static", "on"))
	l.deliver(l.Unplug("wan2"))
	l.boot()
	l.endpoint(wan2Addr)
	r := l.start()
	r.await(2 * megabyte)
	if l.hasSubflow(wan2Addr) {
		t.Fatalf("a subflow over a line without carrier: %v", l.subflows())
	}
	l.deliver(l.Plug("wan2"))
	l.eventually("the line has its subflow", func() bool { return l.hasSubflow(wan2Addr) })
	l.eventually("both lines are used", func() bool { return r.carry(3 * megabyte).byBoth(3 * megabyte) })
	r.stop()
}

// A socket that was opened while its line had no carrier was given another way. IPv6
// does not take that back by itself when the carrier returns.
func TestIPv6SocketReturnsToItsLine(t *testing.T) {
	t.Parallel()
	lines := []netlab.LineConfig{liveLine("static", "master"), liveLine("static", "on")}
	for i := range lines {
		lines[i].NoIPv4, lines[i].IPv6 = true, true
	}
	l := newLiveLab(t, lines...)
	l.boot()
	l.deliver(l.Unplug("wan1"))
	var socket net.Conn
	l.must(l.Router.Do(func() (err error) {
		dialer := net.Dialer{LocalAddr: net.UDPAddrFromAddrPort(netip.MustParseAddrPort("[3fff:1::2]:0"))}
		socket, err = dialer.DialContext(l.ctx, "udp", netip.AddrPortFrom(netlab.Addr6.Addr(), 9).String())
		return err
	}))
	t.Cleanup(func() { l.check(socket.Close()) })
	const size, count = 1000, 20
	send := func() carried {
		before, err := l.Counters()
		l.must(err)
		for range count {
			_, _ = socket.Write(make([]byte, size)) // Nobody listens there: now and then it says so.
		}
		var after carried
		l.eventually("a line has sent it", func() bool {
			after, err = l.Counters()
			l.must(err)
			for i := range after {
				after[i] = after[i].Since(before[i])
			}
			return max(after[0].Sent, after[1].Sent) > size*count/2
		})
		return after
	}
	if c := send(); c[1].Sent < size*count/2 {
		t.Fatalf("the other line does not stand in: %v", c)
	}
	l.deliver(l.Plug("wan1"))
	if c := send(); c[0].Sent < size*count/2 {
		t.Errorf("the socket stays on the other line: %v", c)
	}
}
