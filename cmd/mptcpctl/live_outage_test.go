// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/netip"
	"testing"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

// liveOutage is how long all lines are lost. The kernel's timers back off
// meanwhile, and a connection needs about as long again to notice the return.
const liveOutage = 10 * time.Second

func TestConnectionOutlivesAllLines(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		proto  string
		change func(*liveLab) // what changes while there is no line
	}{
		"which return with their addresses":      {"dhcp", func(*liveLab) {}},
		"which return with other addresses":      {"dhcp", otherAddresses},
		"whose carriers vanish without an event": {"static", func(*liveLab) {}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLiveLab(t, liveLine(test.proto, "master"), liveLine(test.proto, "on"))
			l.boot()
			r := l.start()
			r.await(megabyte)
			l.deliver(l.Unplug("wan1"))
			l.deliver(l.Unplug("wan2"))
			test.change(l)
			r.standStill(liveOutage)
			l.deliver(l.Plug("wan1"))
			l.deliver(l.Plug("wan2"))
			r.await(megabyte)
			l.eventually("both lines are used again", func() bool { return r.carry(3 * megabyte).byBoth(3 * megabyte) })
			r.stop()
		})
	}
}

// TestTheFarEndHearsOfTheOnlyLine loses the line of a connection's only subflow,
// which is all that the kernel could tell the far end by: the next one joins over a
// slow line. The connection carries little: where packets are lost, acknowledgements
// that say which leave no room for RM_ADDR, which is then late, and not lost itself.
func TestTheFarEndHearsOfTheOnlyLine(t *testing.T) {
	t.Parallel()
	l := newLiveLab(t, liveLine("dhcp", "master"), liveLine("dhcp", "handover"))
	delay, err := l.Delay("wan2", survivalDelay)
	l.must(err)
	t.Cleanup(func() { l.check(delay.Close()) })
	l.boot()
	r := l.startAs(netlab.Transfer{Up: netlab.Endless, Down: netlab.Endless, Rate: 100_000})
	r.await(survivalPiece)
	l.deliver(l.Unplug("wan1"))
	l.eventually("the far end takes wan1's subflow for gone", func() bool { return l.counter(l.Server, "RmAddr") > 0 })
	r.await(survivalPiece)
	l.deliver(l.Plug("wan1"))
	l.eventually("wan1 is used again", func() bool { return l.hasSubflow(wan1Addr) && !l.hasEndpoint(wan2Addr) })
	r.await(survivalPiece)
	r.stop()
}

func otherAddresses(l *liveLab) {
	for name, address := range map[string]string{"wan1": "10.0.1.77/24", "wan2": "10.0.2.77/24"} {
		l.deliver(l.ChangeAddress(name, netip.MustParsePrefix(address)))
	}
}

// standStill lasts d. What was in buffers has arrived at half time; after that
// nothing may.
func (r *liveTransfer) standStill(d time.Duration) {
	r.lab.Helper()
	time.Sleep(d / 2)
	up, down := r.Progress()
	time.Sleep(d / 2)
	if nowUp, nowDown := r.Progress(); nowUp != up || nowDown != down {
		r.lab.Errorf("%d bytes up and %d down without a line", nowUp-up, nowDown-down)
	}
}
