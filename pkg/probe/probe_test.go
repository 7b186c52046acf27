// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/netlab"
	"github.com/mptcpctl/mptcpctl/pkg/netlab/userns"
)

func TestMain(m *testing.M) { os.Exit(userns.Tests(m).Run()) }

// world is a lab with two lines, of which wan2 is probed, and with hosts that answer.
type world struct {
	*testing.T
	*netlab.Lab
	prober Prober
}

func newWorld(t *testing.T, ipv6 bool) *world {
	t.Helper()
	lab, err := netlab.New(netlab.Config{Lines: []netlab.LineConfig{{IPv6: true}, {IPv6: true}}})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, Lab: lab}
	t.Cleanup(func() {
		w.must(lab.Router.Do(func() error { w.prober.Close(); return nil }))
		w.must(lab.Close())
	})
	near := netip.MustParsePrefix("10.0.2.0/24")
	w.prober = Prober{Device: "eth2", Source: netip.MustParseAddr("10.0.2.2")}
	if ipv6 {
		near = netip.MustParsePrefix("3fff:2::/64")
		w.prober.Source = netip.MustParseAddr("3fff:2::2")
	}
	w.prober.Beyond = func(a netip.Addr) bool { return !near.Contains(a) && !a.IsLinkLocalUnicast() }
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) command(n *netlab.Namespace, args ...string) {
	w.Helper()
	w.must(n.Run(exec.Command(args[0], args[1:]...)))
}

// answers reports whether a target shows a sign of life. One that does not is waited for
// until one that was asked after it has answered.
func (w *world) answers(t config.Target) (life bool) {
	w.Helper()
	alive := config.Target{Kind: config.TargetTCP, Addr: netip.MustParseAddr("10.99.0.2"), Port: 9}
	if w.prober.Source.Is6() {
		alive.Addr = netip.MustParseAddr("3fff:99::2")
	}
	w.must(w.Router.Do(func() error {
		if err := w.prober.Send(t, 7); err != nil {
			return err
		}
		if err := w.prober.Send(alive, 8); err != nil {
			return err
		}
		for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
			witness := false
			for _, a := range w.prober.Answers() {
				if a.RTT <= 0 || a.RTT > time.Minute {
					w.Errorf("%s", a.RTT)
				}
				life, witness = life || a.Seq == 7, witness || a.Seq == 8
			}
			if witness {
				time.Sleep(100 * time.Millisecond)
				for _, a := range w.prober.Answers() {
					life = life || a.Seq == 7
				}
				return nil
			}
		}
		w.Error("the witness does not answer")
		return nil
	}))
	return life
}

// nameServer answers on the server with a response code.
func (w *world) nameServer(address string, rcode byte) {
	w.Helper()
	var c net.PacketConn
	w.must(w.Server.Do(func() (err error) {
		c, err = net.ListenPacket("udp", address)
		return err
	}))
	w.Cleanup(func() { c.Close() })
	go func() {
		b := make([]byte, 512)
		for {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			b[2], b[3] = b[2]|0x80, rcode
			if _, err := c.WriteTo(b[:n], from); err != nil {
				return
			}
		}
	}()
}

func target(t *testing.T, word string) config.Target {
	t.Helper()
	one, ok := config.ParseTarget(word)
	if !ok {
		t.Fatal(word)
	}
	return one
}

func TestWhatIsASignOfLife(t *testing.T) {
	for _, f := range []struct {
		name, server, servers, bits, beyond string
		serves                              netip.AddrPort
		ipv6                                bool
	}{
		{"IPv4", "10.99.0.2", "10.99.0.2", "/24", "198.41.0.0/24", netlab.Addr4, false},
		{"IPv6", "3fff:99::2", "3fff:99::2", "/64", "2001:503::/32", netlab.Addr6, true},
	} {
		t.Run(f.name, func(t *testing.T) {
			w := newWorld(t, f.ipv6)
			server, err := w.Serve(context.Background())
			w.must(err)
			defer server.Close()
			expect := func(what string, got, want bool) {
				t.Helper()
				if got != want {
					t.Errorf("%s: a sign of life %v, want %v", what, got, want)
				}
			}
			expect("a refused connection", w.answers(target(t, "tcp:"+f.server+":9")), true)
			expect("a connection", w.answers(target(t, "tcp:"+f.serves.String())), true)
			expect("no name server there", w.answers(target(t, "dns:"+f.server)), true)
			for rcode, life := range map[byte]bool{0: true, 1: true, 3: true, rcodeServerFailure: false, rcodeRefused: false} {
				address := f.servers + string('0'+rcode) // 10.99.0.20, 3fff:99::20 and so on
				w.command(w.Server, "ip", "addr", "add", address+f.bits, "dev", "eth0", "nodad")
				w.nameServer(net.JoinHostPort(address, "53"), rcode)
				asked := target(t, "dns:"+address)
				got := w.answers(asked)
				// A first question may find no neighbour of that address yet.
				for tries := 0; life && !got && tries < 20; tries++ {
					got = w.answers(asked)
				}
				expect("response code "+string('0'+rcode), got, life)
			}
			// The next hop: the server, once it has a router's ways. Before, the gateway
			// says that there is no route, and that is no sign.
			expect("the gateway has no route", w.answers(Hop(f.ipv6)), false)
			w.must(w.Server.Sysctl("net.ipv4.ip_forward", "1"))
			w.must(w.Server.Sysctl("net.ipv6.conf.all.forwarding", "1"))
			w.command(w.Internet, "ip", "route", "add", f.beyond, "via", f.server)
			expect("the router beyond", w.answers(Hop(f.ipv6)), true)
			// Echoes.
			w.must(w.Router.Sysctl("net.ipv4.ping_group_range", "1 0"))
			w.must(w.Router.Do(func() error {
				if err := w.prober.Send(target(t, "ping:"+f.server), 1); err == nil {
					t.Error("an echo was sent where nobody may")
				}
				return nil
			}))
			w.must(w.Router.Sysctl("net.ipv4.ping_group_range", "0 2147483647"))
			expect("an echo", w.answers(target(t, "ping:"+f.server)), true)
		})
	}
}

// A probe leaves by its line with its address, whatever the main table says, and not at
// all where the line has lost the address.
func TestProbesAreBound(t *testing.T) {
	w := newWorld(t, false)
	w.command(w.Router, "ip", "rule", "add", "pref", "503", "oif", "eth2", "lookup", "99")
	w.command(w.Router, "ip", "route", "add", "default", "via", "10.0.2.1", "dev", "eth2", "table", "99")
	w.command(w.Internet, "nft", "add table ip t; add chain ip t c { type filter hook prerouting priority 0; }; "+
		"add rule ip t c iifname != line2 ip daddr 10.99.0.2 drop; add rule ip t c ip saddr != 10.0.2.2 ip daddr 10.99.0.2 drop")
	if !w.answers(target(t, "dns:10.99.0.2")) {
		t.Error("a probe went astray")
	}
	w.command(w.Router, "ip", "addr", "flush", "dev", "eth2")
	w.must(w.Router.Do(func() error {
		if err := w.prober.Send(target(t, "dns:10.99.0.2"), 1); err == nil {
			t.Error("a probe was sent without the line's address")
		}
		return nil
	}))
}

// Sockets do not add up.
func TestProbesAreBounded(t *testing.T) {
	w := newWorld(t, false)
	_, err := w.BlackHole("wan2")
	w.must(err)
	w.must(w.Router.Do(func() error {
		for n := range 5 * most {
			if err := w.prober.Send(target(t, "tcp:10.99.0.2:9"), uint16(n)); err != nil {
				return err
			}
		}
		if len(w.prober.sent) != most || len(w.prober.Answers()) != 0 || !w.prober.Waits() {
			t.Errorf("%d sockets", len(w.prober.sent))
		}
		w.prober.Close()
		if len(w.prober.sent) != 0 {
			t.Errorf("%d sockets after the end", len(w.prober.sent))
		}
		return nil
	}))
}
