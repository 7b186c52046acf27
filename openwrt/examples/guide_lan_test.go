// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

// An echo is a server of datagrams that answers with what it got and from whom.
type echo struct {
	address netip.AddrPort
	mu      sync.Mutex
	got     []string
}

func (r *recipe) echo() *echo {
	r.Helper()
	var conn *net.UDPConn
	r.must(r.Server.Do(func() (err error) {
		conn, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(netlab.Addr4.Addr(), 0)))
		return err
	}))
	e := &echo{address: conn.LocalAddr().(*net.UDPAddr).AddrPort()}
	var done sync.WaitGroup
	done.Go(func() { e.serve(conn) })
	r.Cleanup(func() {
		r.check(conn.Close())
		done.Wait()
	})
	return e
}

func (e *echo) serve(conn *net.UDPConn) {
	buffer := make([]byte, 100)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return
		}
		words := string(buffer[:n])
		e.mu.Lock()
		e.got = append(e.got, words)
		e.mu.Unlock()
		// A way back that is closed is what the tests are about.
		_, _ = conn.WriteToUDPAddrPort([]byte(words+" from "+from.Addr().String()), from)
	}
}

func (e *echo) heard() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.got)
}

// A caller is a socket that sends datagrams to one server.
type caller struct {
	*recipe
	net.Conn
}

// dialUDP opens one, bound to a device unless that is empty.
func (r *recipe) dialUDP(from *netlab.Namespace, device string, to netip.AddrPort) *caller {
	r.Helper()
	dialer := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		if device != "" {
			e := raw.Control(func(fd uintptr) { err = unix.BindToDevice(int(fd), device) })
			err = errors.Join(e, err)
		}
		return err
	}}
	c := &caller{recipe: r}
	r.must(from.Do(func() (err error) {
		c.Conn, err = dialer.DialContext(r.ctx, "udp4", to.String())
		return err
	}))
	r.Cleanup(func() { r.check(c.Close()) })
	return c
}

func (c *caller) send(words string) {
	c.Helper()
	_, err := c.Write([]byte(words))
	c.must(err)
}

// hears returns the next answer, or nothing when none came for a while.
func (c *caller) hears(patience time.Duration) string {
	c.Helper()
	buffer := make([]byte, 100)
	c.must(c.SetReadDeadline(time.Now().Add(patience)))
	n, err := c.Read(buffer)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		c.Fatal(err)
	}
	return string(buffer[:n])
}

// eventuallyFrom sends until the server sees the address.
func (c *caller) eventuallyFrom(address string) {
	c.Helper()
	c.eventually("the server hears from "+address, func() bool {
		c.send("hello")
		return c.hears(50*time.Millisecond) == "hello from "+address
	})
}

// losesOne sends two datagrams of which the first must be lost.
func (c *caller) losesOne(address string) {
	c.Helper()
	c.send("first")
	c.send("second")
	if got := c.answer(); got != "second from "+address {
		c.Errorf("the first answer is %q, want that to the second datagram, from %s", got, address)
	}
}

// answer returns the next that is not a late one to a hello.
func (c *caller) answer() string {
	c.Helper()
	for {
		if got := c.hears(timeLimit); !strings.HasPrefix(got, "hello") {
			return got
		}
	}
}

func TestNATAtAFailOver(t *testing.T) {
	t.Parallel()
	r := (&guided{T: t}).lab("master", "master")
	e := r.echo()
	c := r.dialUDP(r.LAN, "", e.address)
	c.eventuallyFrom("10.0.1.2")
	stream := r.dialTCP(r.LAN, r.listen(r.Server, netip.AddrPortFrom(netlab.Addr4.Addr(), 0)))
	if err := stream.talk(); err != nil {
		t.Fatal(err)
	}

	// The line is there still, and is not used any more: one datagram is lost.
	r.types("mptcpctl iface wan handover")
	c.losesOne("10.0.2.2")
	if err := stream.talk(); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("TCP: %v, want a reset", err)
	}
	r.types("mptcpctl iface wan --reset")
	c.losesOne("10.0.1.2")

	// The line goes down with its address: none is lost.
	r.deliver(r.Unplug("wan"))
	r.eventually("the kernel has forgotten the translation", func() bool { return !strings.Contains(r.conntrack(), "dst=10.0.1.2 sport") })
	c.send("at once")
	if got := c.answer(); got != "at once from 10.0.2.2" {
		t.Errorf("got %q", got)
	}
}

// TestSNATAtAFailOver shows what masquerading spares the LAN.
func TestSNATAtAFailOver(t *testing.T) {
	t.Parallel()
	r := (&guided{T: t}).lab("master", "master")
	r.types(`nft flush chain inet fw4 srcnat
nft add rule inet fw4 srcnat oifname eth1 snat ip to 10.0.1.2
nft add rule inet fw4 srcnat oifname eth2 snat ip to 10.0.2.2`)
	e := r.echo()
	c := r.dialUDP(r.LAN, "", e.address)
	c.eventuallyFrom("10.0.1.2")
	r.types("mptcpctl iface wan handover")
	for range 3 {
		c.send("lost")
	}
	r.eventually("the provider has dropped what has the other line's address", func() bool { return r.refused(2) >= 3 })
	r.types("mptcpctl iface wan --reset")
	c.eventuallyFrom("10.0.1.2")
}

// conntrack is the kernel's table of the router's connections.
func (r *recipe) conntrack() string {
	r.Helper()
	return r.types("cat /proc/net/nf_conntrack")
}

func TestABoundSocketAsksByItsOwnLine(t *testing.T) {
	t.Parallel()
	r := (&guided{T: t}).lab("master", "on")
	e := r.echo()
	r.dialUDP(r.Router, "", e.address).eventuallyFrom("10.0.1.2")
	r.dialUDP(r.Router, "eth2", e.address).eventuallyFrom("10.0.2.2")
}

// A stream is a TCP connection to a server that answers what it gets.
type stream struct {
	*recipe
	net.Conn
}

// talk sends a word and waits for the answer.
func (s *stream) talk() error {
	s.Helper()
	s.must(s.SetDeadline(time.Now().Add(timeLimit)))
	_, err := s.Write([]byte("x"))
	if err == nil {
		_, err = s.Read(make([]byte, 1))
	}
	return err
}

// listen starts such a server.
func (r *recipe) listen(at *netlab.Namespace, address netip.AddrPort) netip.AddrPort {
	r.Helper()
	var config net.ListenConfig
	config.SetMultipathTCP(false)
	var listener net.Listener
	r.must(at.Do(func() (err error) {
		listener, err = config.Listen(r.ctx, "tcp4", address.String())
		return err
	}))
	var done sync.WaitGroup
	done.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			stop := context.AfterFunc(r.ctx, func() { _ = conn.Close() })
			go func() {
				defer stop()
				defer conn.Close()
				buffer := make([]byte, 1)
				for {
					if _, err := conn.Read(buffer); err != nil {
						return
					}
					if _, err := conn.Write(buffer); err != nil {
						return
					}
				}
			}()
		}
	})
	r.Cleanup(func() {
		r.check(listener.Close())
		done.Wait()
	})
	return listener.Addr().(*net.TCPAddr).AddrPort()
}

func (r *recipe) tryTCP(ctx context.Context, from *netlab.Namespace, to netip.AddrPort) (conn net.Conn, err error) {
	var dialer net.Dialer
	dialer.SetMultipathTCP(false)
	err = from.Do(func() (err error) {
		conn, err = dialer.DialContext(ctx, "tcp4", to.String())
		return err
	})
	return conn, err
}

func (r *recipe) dialTCP(from *netlab.Namespace, to netip.AddrPort) *stream {
	r.Helper()
	conn, err := r.tryTCP(r.ctx, from, to)
	r.must(err)
	r.Cleanup(func() { _ = conn.Close() }) // It may have been reset.
	return &stream{r, conn}
}

// followTunnel and followNames see what is typed arrive in the configuration: it is
// netifd and dnsmasq that read it.
func followTunnel(g *guided) {
	r := g.lab("master", "on")
	r.types("uci set network.vpn=interface")
	g.follow(r)
	r.says(r.types("cat /etc/config/network"), "config interface 'vpn'\n\toption nohostroute '1'\n")
}

func followNames(g *guided) {
	r := g.lab("master", "on")
	g.follow(r)
	r.says(r.types("cat /etc/config/network /etc/config/dhcp"), "list dns '9.9.9.9'", "list dns '149.112.112.112'", "option peerdns '0'",
		"option noresolv '1'", "list server '192.0.2.53@eth1'", "list server '198.51.100.53@eth2'")
}

// followForwards comes in by the second line, before and after.
func followForwards(g *guided) {
	r := g.lab("master", "on")
	r.listen(r.LAN, netip.MustParseAddrPort("192.168.1.100:80"))
	first, second := netip.MustParseAddrPort("10.0.1.2:8080"), netip.MustParseAddrPort("10.0.2.2:8080")
	last := len(g.blocks) - 1
	r.types(g.blocks[last])
	r.must(r.dialTCP(r.Server, first).talk())
	r.isRefused(second)

	for _, block := range g.blocks[:last] {
		r.types(block)
	}
	works := func() {
		g.Helper()
		r.must(r.dialTCP(r.Server, first).talk(), r.dialTCP(r.Server, second).talk())
	}
	works()
	r.says(r.types("mptcpctl doctor"), "nothing found")
	r.deliver(r.Unplug("wan2"))
	r.deliver(r.Plug("wan2"))
	works()
	r.types("mptcpctl flush")
	r.says(r.types("ip rule"), "400:	from all fwmark 0x20000/0xff0000 lookup 102")
}

// isRefused connects from the server and sees the answer dropped by the first
// line's provider.
func (r *recipe) isRefused(to netip.AddrPort) {
	r.Helper()
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	before := r.refused(1)
	ended := make(chan error, 1)
	go func() {
		conn, err := r.tryTCP(ctx, r.Server, to)
		if err == nil {
			_ = conn.Close()
		}
		ended <- err
	}()
	r.eventually("the answer is dropped", func() bool { return r.refused(1) > before })
	cancel()
	if err := <-ended; err == nil {
		r.Errorf("%s answers", to)
	}
}
