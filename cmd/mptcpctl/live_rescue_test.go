// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
	"github.com/mptcpctl/mptcpctl/pkg/netlab"
	"github.com/mptcpctl/mptcpctl/pkg/sockdiag"
)

// trickle needs one line only.
var trickle = netlab.Transfer{Up: netlab.Endless, Down: netlab.Endless, Rate: 100_000}

// TestAConnectionWithoutSubflowIsGivenOne lets the kernel reset joins. That happens
// where packets are lost; nobody joins again.
func TestAConnectionWithoutSubflowIsGivenOne(t *testing.T) {
	t.Parallel()
	t.Run("when all lines were lost and one is back", func(t *testing.T) {
		t.Parallel()
		l := newLiveLab(t, liveLine("dhcp", "master"), liveLine("dhcp", "on"))
		l.boot()
		limits := l.setLimit(5)
		one, other := l.startAs(trickle), l.startAs(trickle)
		one.await(survivalPiece)
		other.await(survivalPiece)
		l.deliver(l.Unplug("wan1"))
		l.deliver(l.Unplug("wan2"))
		one.standStill(time.Second)
		l.spoilJoin(2)
		l.deliver(l.Plug("wan2"))
		l.eventually("a join is reset", func() bool { return l.counter(l.Router, "MPRstTx") > 0 })
		one.await(survivalPiece)
		other.await(survivalPiece)
		if got := l.subflows(); len(got) != 2 && len(got) != 3 {
			t.Errorf("two connections have %v: one had none, the other gets one beside that which it has kept", got)
		}
		l.eventually("the limits are as before", func() bool { return l.limits() == limits })
		if got := l.endpoints(); len(got) != 1 {
			t.Errorf("endpoints %v, want that of the line alone", got)
		}
		l.deliver(l.Plug("wan1"))
		l.bothEndsAgree()
		one.stop()
		other.stop()
	})
	t.Run("not when each one is reset, which the log says", func(t *testing.T) {
		t.Parallel()
		const gaveUp = "connections have nothing but a line that is down, after 6 attempts to give them another subflow"
		l := newLiveLab(t, liveLine("dhcp", "master"), liveLine("dhcp", "on"))
		l.log.expected = gaveUp
		l.boot()
		r := l.start()
		r.await(survivalPiece)
		l.eventually("wan2 has a subflow", func() bool { return l.hasSubflow(wan2Addr) })
		l.deliver(l.Unplug("wan1"))
		l.deliver(l.Unplug("wan2"))
		l.refuseJoins()
		l.deliver(l.Plug("wan1"))
		l.eventually("settle gives up", func() bool { return l.log.has(gaveUp) })
		l.deliver(l.Plug("wan2"))
		r.await(survivalPiece)
		if got := l.subflows(); !slices.Equal(got, []netip.Addr{wan2Addr}) {
			t.Errorf("subflows %v, want the old one alone: new ones are refused", got)
		}
		l.nft("delete table inet refuse")
		l.eventually("wan1 is used again", func() bool { return l.hasSubflow(wan1Addr) })
		r.stop()
	})
	for name, badValue := range map[string]string{
		"when the line of its only one is lost":                   "",
		"when that is lost while another section has a bad value": "option multipath 'sometimes'",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLiveLab(t, liveLine("dhcp", "master"), liveLine("dhcp", "on"))
			l.addOther(badValue)
			l.boot()
			l.spoilJoin(2)
			r := l.start() // so much that both lines are wanted
			l.eventually("a join is reset", func() bool { return l.counter(l.Router, "MPRstTx") > 0 })
			l.deliver(l.Unplug("wan1"))
			r.await(survivalPiece)
			if !l.hasSubflow(wan2Addr) {
				t.Errorf("subflows %v", l.subflows())
			}
			l.deliver(l.Plug("wan1"))
			l.bothEndsAgree()
			r.stop()
		})
	}
	t.Run("when the line of its only one is switched off", func(t *testing.T) {
		t.Parallel()
		l := newLiveLab(t, liveLine("dhcp", "master"), liveLine("dhcp", "handover"))
		l.boot()
		r := l.startAs(trickle)
		r.await(survivalPiece)
		l.spoilJoin(2)
		l.run("iface", "wan1", "off")
		l.eventually("a join is reset", func() bool { return l.counter(l.Router, "MPRstTx") > 0 })
		r.await(survivalPiece)
		l.run("iface", "wan1", "master")
		l.bothEndsAgree()
		r.stop()
	})
}

// addOther adds a section with a bad value, which every run reports, if there is one.
func (l *liveLab) addOther(badValue string) {
	l.Helper()
	if badValue == "" {
		return
	}
	l.log.expected = badValue
	file := filepath.Join(l.ConfigDir(), "network")
	text, err := os.ReadFile(file)
	l.must(err, os.WriteFile(file, append(text, "\nconfig interface 'other'\n\toption device 'eth9'\n\t"+badValue+"\n"...), 0o644))
}

// bothEndsAgree waits till the far end knows which subflows are gone, since a close
// waits for them. It hears of it by their own last packets, at the latest.
func (l *liveLab) bothEndsAgree() {
	l.Helper()
	l.eventually("the far end has no more subflows than the router", func() bool { return l.established(l.Server) == len(l.subflows()) })
}

// spoilJoin drops what makes the kernel reset the next join over a line: the answer
// to its third packet, and the first bytes after it.
func (l *liveLab) spoilJoin(line int) {
	l.Helper()
	l.nft(`
table inet spoil {
	set victim { type inet_service; flags dynamic; size 1; }
	set struck { type inet_service; flags dynamic; size 1; }
	chain forward {
		type filter hook forward priority 0;
		oifname != "` + l.farEnd(line) + `" accept
		tcp sport 5001 tcp flags & (syn | ack) == syn | ack add @victim { tcp dport }
		tcp flags syn accept
		tcp dport != @victim accept
		tcp dport @struck accept
		meta length <= 100 drop
		add @struck { tcp dport } drop
	}
}`)
}

// refuseJoins answers each new subflow with a reset.
func (l *liveLab) refuseJoins() {
	l.Helper()
	l.nft(`
table inet refuse {
	chain forward {
		type filter hook forward priority 0;
		tcp flags & (syn | ack) == syn reject with tcp reset
	}
}`)
}

// farEnd is where the provider's router has a line.
func (l *liveLab) farEnd(line int) string {
	l.Helper()
	links, err := l.Internet.Netlink.LinkList()
	l.must(err)
	router, err := l.Router.Netlink.LinkByName(fmt.Sprint("eth", line))
	l.must(err)
	for _, link := range links {
		if link.Attrs().Index == router.Attrs().ParentIndex {
			return link.Attrs().Name
		}
	}
	l.Fatalf("no far end of line %d", line)
	return ""
}

// nft changes what the providers let pass.
func (l *liveLab) nft(commands string) {
	l.Helper()
	program, err := exec.LookPath("nft")
	if err != nil {
		program = "/usr/sbin/nft"
	}
	out, err := l.Internet.Output(l.ctx, program, commands)
	if err != nil {
		l.Fatalf("nft: %v\n%s", err, out)
	}
}

// counter is one of a namespace's, by the name of net/mptcp/mib.c.
func (l *liveLab) counter(of *netlab.Namespace, name string) (value uint64) {
	l.Helper()
	l.must(of.Do(func() error {
		counters, err := mptcp.Counters()
		for _, c := range counters {
			if c.Name == name {
				value = c.Value
			}
		}
		return err
	}))
	return value
}

// established counts a namespace's subflows.
func (l *liveLab) established(of *netlab.Namespace) (count int) {
	l.Helper()
	l.must(of.Do(func() error {
		return sockdiag.Subflows(func(sockdiag.Subflow) error {
			count++
			return nil
		}, sockdiag.Established)
	}))
	return count
}

func (l *liveLab) limits() (limits mptcp.Limits) {
	l.Helper()
	l.must(l.Router.PathManager(func(c *mptcp.Client) (err error) {
		limits, err = c.Limits()
		return err
	}))
	return limits
}

// setLimit is somebody else's word on the subflows of a connection.
func (l *liveLab) setLimit(subflows uint32) mptcp.Limits {
	l.Helper()
	limits := l.limits()
	limits.Subflows = subflows
	l.must(l.Router.PathManager(func(c *mptcp.Client) error { return c.SetLimits(limits) }))
	return limits
}
