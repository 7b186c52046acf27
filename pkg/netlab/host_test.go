// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"net/netip"
	"slices"
	"testing"
)

func TestTheFarHostIsBeyondTheLines(t *testing.T) {
	t.Parallel()
	l := newLab(t, Config{LAN: true, Lines: []LineConfig{{}}})
	far, err := l.AddFarHost()
	must(t, err)
	t.Cleanup(func() { must(t, far.Close()) })
	server, err := far.Serve(limited(t))
	must(t, err)
	t.Cleanup(func() { must(t, server.Close()) })
	running, err := l.LAN.StartTransfer(limited(t), Transfer{Server: netip.AddrPortFrom(FarHost, Port), Up: Endless, TCP: true})
	must(t, err)
	must(t, running.Await(limited(t), 1000))
	if got, want := server.Peers(), []netip.Addr{lanHost.Addr()}; !slices.Equal(got, want) {
		t.Errorf("the far host sees %v, want %v", got, want)
	}
	_, err = running.Stop()
	must(t, err)
	counters, err := l.Counters()
	must(t, err)
	if counters[0].Sent < 1000 {
		t.Errorf("the line carried %d bytes", counters[0].Sent)
	}
}

func TestTheServerHasASecondAddress(t *testing.T) {
	t.Parallel()
	l := newLab(t, Config{Lines: []LineConfig{{}}})
	must(t, l.AddServerAddress())
	serve(t, l)
	result, err := l.Router.Transfer(limited(t), Transfer{Server: netip.AddrPortFrom(ServerSecond.Addr(), Port), Up: 1000, TCP: true})
	must(t, err)
	if result.Up != 1000 {
		t.Errorf("%d bytes arrived, want 1000", result.Up)
	}
	link, err := l.Server.Netlink.LinkByName(ServerSecondDevice)
	must(t, err)
	if got := link.Attrs().Statistics.RxBytes; got < 1000 {
		t.Errorf("%d bytes came to the second device", got)
	}
}
