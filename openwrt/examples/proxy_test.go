// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

// newProxy sets both ends up as the README says, boots the router and starts both
// proxies.
func newProxy(t *testing.T, change func([]string) []string) *recipe {
	t.Helper()
	r := newRecipe(t, "master", "on")
	r.server.install("proxy/server")
	r.router.install("proxy/router")
	r.server.follow("proxy/README.md", "openssl req", "etc/haproxy-mptcp")
	for _, file := range []string{"router.pem", "server.crt"} {
		text, err := os.ReadFile(filepath.Join(r.server.root, "etc/haproxy-mptcp", file))
		r.must(err, os.WriteFile(filepath.Join(r.router.root, "etc/haproxy-mptcp", file), text, 0o600))
	}
	r.boot()
	r.redirect()
	r.server.start("haproxy", change(r.server.unit("etc/systemd/system/haproxy-mptcp.service"))).listens("12346")
	r.router.start("haproxy", change(r.router.service("etc/init.d/haproxy-mptcp"))).listens("12345")
	return r
}

// redirect loads the example's part of the firewall as OpenWrt's does: inside of
// its table.
func (r *recipe) redirect() {
	r.Helper()
	file := filepath.Join(r.router.root, "ruleset.nft")
	include := filepath.Join(r.router.root, "etc/nftables.d/*.nft")
	r.must(os.WriteFile(file, []byte("table inet fw4 {\n\tinclude \""+include+"\"\n}\n"), 0o644))
	r.router.run("nft", "-f", file)
}

func TestProxy(t *testing.T) {
	t.Parallel()
	r := newProxy(t, asItIs)
	f := r.flow()
	if c := f.carry(6 * megabyte); !c.byBoth(6 * megabyte) {
		t.Errorf("a line carried less than a third of its half: %v", c)
	}
	r.isSpread()
	f.survive()
	f.stop()
}

// A LAN host that speaks Multipath TCP is carried like any other. Go's own dialer
// would try plain TCP after a refusal.
func TestProxyTakesMultipathTCPOfTheLAN(t *testing.T) {
	t.Parallel()
	r := newProxy(t, asItIs)
	var socket int
	r.must(r.LAN.Do(func() (err error) {
		if socket, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_MPTCP); err != nil {
			return err
		}
		limit := unix.NsecToTimeval(timeLimit.Nanoseconds())
		if err := unix.SetsockoptTimeval(socket, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit); err != nil {
			return err
		}
		return unix.Connect(socket, &unix.SockaddrInet4{Addr: netlab.FarHost.As4(), Port: netlab.Port})
	}))
	file := os.NewFile(uintptr(socket), "connection")
	r.must(netlab.AskForOneByte(file), file.Close())
}

// What survives a pulled line is MPTCP: the same without mptcpize stands still,
// while a connection that has it goes on.
func TestProxyWithoutMPTCPDiesWithItsLine(t *testing.T) {
	t.Parallel()
	r := newProxy(t, withoutMPTCP)
	server, err := r.Serve(r.ctx)
	r.must(err)
	t.Cleanup(func() { r.check(server.Close()) })
	f := r.flow()
	if c := f.carry(2 * megabyte); !c.idle(1) {
		t.Errorf("plain TCP used a second line: %v", c)
	}
	witness := r.transfer(r.Router, netlab.Addr4, false)
	witness.await(megabyte)
	r.deliver(r.Unplug("wan1"))
	witness.await(megabyte)
	up, down := f.Progress()
	witness.await(3 * megabyte)
	if nowUp, nowDown := f.Progress(); nowUp != up || nowDown != down {
		t.Errorf("plain TCP got %d bytes up and %d down over a line that is gone", nowUp-up, nowDown-down)
	}
	witness.stop()
}

// The server's proxy is for the router alone, and its own inside for nobody.
func TestProxyOfTheServerIsNotOpen(t *testing.T) {
	t.Parallel()
	r := newProxy(t, asItIs)
	inside, err := r.Serve(r.ctx)
	r.must(err)
	t.Cleanup(func() { r.check(inside.Close()) })
	key, err := tls.LoadX509KeyPair(r.in(r.router, "router.pem"), r.in(r.router, "router.pem"))
	r.must(err)
	for _, c := range []struct {
		name string
		keys []tls.Certificate
		to   string
		open bool
	}{
		{"the router to the far host", []tls.Certificate{key}, netlab.FarHost.String(), true},
		{"a stranger to the far host", nil, netlab.FarHost.String(), false},
		{"the router to the server itself", []tls.Certificate{key}, "127.0.0.1", false},
	} {
		if err := r.ask(c.keys, c.to); (err == nil) != c.open {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func (r *recipe) in(m *machine, file string) string {
	return filepath.Join(m.root, "etc/haproxy-mptcp", file)
}

// ask asks the server's proxy for a connection to the far host's service at an
// address, and that for one byte.
func (r *recipe) ask(keys []tls.Certificate, to string) (err error) {
	r.Helper()
	var conn net.Conn
	r.must(r.far.Do(func() (err error) {
		conn, err = net.Dial("tcp", netip.AddrPortFrom(netlab.Addr4.Addr(), 12346).String())
		return err
	}))
	defer func() { r.check(conn.Close()) }()
	r.must(conn.SetDeadline(time.Now().Add(timeLimit)))
	_, err = fmt.Fprintf(conn, "PROXY TCP4 192.168.1.100 %s 40000 %d\r\n", to, netlab.Port)
	r.must(err)
	secure := tls.Client(conn, &tls.Config{Certificates: keys, InsecureSkipVerify: true})
	return netlab.AskForOneByte(secure)
}
