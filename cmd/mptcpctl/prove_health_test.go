// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

// How long each line of TestProveHealth has to live, and each kind of traffic lasts.
const (
	healthShort, healthShortPhase = 9 * time.Second, time.Second
	healthLong, healthLongPhase   = 30 * time.Minute, 12 * time.Second
)

// TestProveHealth looks after lines that are bad in every way but dead, under every kind
// of traffic, and never takes one for dead.
func TestProveHealth(t *testing.T) {
	t.Parallel()
	whole, phase := healthShort, healthShortPhase
	if longProof() {
		whole, phase = healthLong, healthLongPhase
	}
	for name, spoil := range map[string]func(*healthLab){
		"clean":              func(*healthLab) {},
		"10 % loss each way": func(l *healthLab) { l.must(l.Lose("wan1", 10)) },
		"600 ms round trip": func(l *healthLab) {
			delay, err := l.Delay("wan1", 300*time.Millisecond)
			l.must(err)
			l.Cleanup(func() { l.check(delay.Close()) })
		},
		"a queue of two seconds": func(l *healthLab) { l.must(l.Shape("wan1", 5_000_000), l.Queue("wan1", 2000)) },
		"64 kbit/s": func(l *healthLab) {
			l.must(l.Shape("wan1", 64_000), l.Queue("wan1", 2000))
			l.blast = 75 * time.Millisecond
		},
		"a target is down": func(l *healthLab) {
			l.nft("add table inet target; add chain inet target c { type filter hook forward priority 0; }; add rule inet target c tcp dport 9 drop")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := twoHealthLines("master", "on")
			config.LAN = true
			l := newHealthLab(t, config, "wan1.mptcp_check_interval=1")
			l.lasts(whole + liveTimeout)
			l.watch()
			l.blast = time.Millisecond
			spoil(l)
			l.echo()
			for end := time.Now().Add(whole); time.Now().Before(end); {
				for _, one := range l.traffic(phase) {
					if !time.Now().Before(end) {
						break
					}
					one()
					if !l.lives() {
						return
					}
				}
			}
			l.deliver(l.Silence("wan1"))
			l.eventually("a line that is really dead is found", func() bool { return l.says("wan1", "dead") })
		})
	}
}

// lasts gives the lab more time than a live test has.
func (l *healthLab) lasts(d time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	l.Cleanup(cancel)
	l.ctx = ctx
}

// lives reports whether no line is dead, and wan1 has never been: its endpoint would have
// another id.
func (l *healthLab) lives() bool {
	l.Helper()
	e, there := l.endpoints()[wan1Addr]
	if l.id == 0 {
		l.id = e.ID
	}
	if l.says("wan1", "dead") || l.says("wan2", "dead") || !there || e.ID != l.id {
		l.Errorf("taken for dead: %s\n%s", l.verdicts(), l.table())
		return false
	}
	return true
}

// during calls do again and again for a while, in which the lines must live.
func (l *healthLab) during(d time.Duration, do func()) {
	l.Helper()
	var ended atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for !ended.Load() {
			do()
		}
	}()
	for end := time.Now().Add(d); time.Now().Before(end) && l.lives(); {
		time.Sleep(20 * time.Millisecond)
	}
	ended.Store(true)
	<-done
}

// traffic are the kinds of it, each for a while.
func (l *healthLab) traffic(d time.Duration) []func() {
	transfer := func(n *netlab.Namespace, what netlab.Transfer) func() {
		return func() {
			running, err := n.StartTransfer(l.ctx, what)
			if err != nil {
				return // not over this line
			}
			l.during(d, func() { time.Sleep(20 * time.Millisecond) })
			_, _ = running.Stop()
		}
	}
	endless := uint64(netlab.Endless)
	return []func(){
		transfer(l.Router, netlab.Transfer{Up: endless, Down: 1}),
		transfer(l.Router, netlab.Transfer{Up: 1, Down: endless}),
		transfer(l.LAN, netlab.Transfer{Up: endless, Down: endless, Rate: 20_000, TCP: true}),
		transfer(l.LAN, netlab.Transfer{Up: endless, Down: 1, TCP: true}),
		transfer(l.LAN, netlab.Transfer{Up: 1, Down: endless, TCP: true}),
		func() { // pages, which end
			l.during(d, func() {
				ctx, cancel := context.WithTimeout(l.ctx, d)
				defer cancel()
				_, _ = l.LAN.Transfer(ctx, netlab.Transfer{Up: 500, Down: 50_000, TCP: true})
				time.Sleep(d / 8)
			})
		},
		l.udp(d, 200, 20*time.Millisecond, echoPort),
		l.udp(d, 1200, l.blast, 9999), // twice what the slow lines carry, and nobody answers
		func() { l.during(2*d, func() { time.Sleep(20 * time.Millisecond) }) },
	}
}

const echoPort = 7000

// echo answers datagrams on the server.
func (l *healthLab) echo() {
	l.Helper()
	var c net.PacketConn
	l.must(l.Server.Do(func() (err error) {
		c, err = net.ListenPacket("udp", net.JoinHostPort("10.99.0.2", "7000"))
		return err
	}))
	l.nft("add table inet quiet; add chain inet quiet c { type filter hook forward priority 0; }; add rule inet quiet c udp dport 9999 drop")
	l.Cleanup(func() { c.Close() })
	go func() {
		b := make([]byte, 2048)
		for {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			_, _ = c.WriteTo(b[:n], from)
		}
	}()
}

// udp sends datagrams of a LAN host.
func (l *healthLab) udp(d time.Duration, size int, gap time.Duration, port int) func() {
	return func() {
		var c net.Conn
		l.must(l.LAN.Do(func() (err error) {
			c, err = net.DialUDP("udp", nil, &net.UDPAddr{IP: net.IPv4(10, 99, 0, 2), Port: port})
			return err
		}))
		defer c.Close()
		b := make([]byte, size)
		l.during(d, func() {
			_, _ = c.Write(b)
			time.Sleep(gap)
		})
	}
}
