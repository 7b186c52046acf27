// SPDX-License-Identifier: Apache-2.0

package sockdiag

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	vnl "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
	"github.com/mptcpctl/mptcpctl/pkg/netlab"
	"github.com/mptcpctl/mptcpctl/pkg/netlab/userns"
)

// TestMain gives the tests the right to make network namespaces.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == netlab.CrowdName {
		os.Exit(netlab.CrowdMain())
	}
	os.Exit(userns.Tests(m).Run())
}

// namespace runs functions on a thread in a network namespace of its own.
type namespace struct {
	t     *testing.T
	calls chan func()
	fd    int
	pm    *mptcp.Client
}

// thread starts the thread on which do runs functions.
func (n *namespace) thread() {
	n.calls = make(chan func())
	go func() {
		// The thread is never unlocked: the runtime ends it with the goroutine.
		runtime.LockOSThread()
		for call := range n.calls {
			call()
		}
	}()
	n.t.Cleanup(func() { close(n.calls) })
}

// twin is another thread in the namespace.
func (n *namespace) twin() *namespace {
	n.t.Helper()
	other := *n
	other.thread()
	other.do(func() error { return unix.Setns(n.fd, unix.CLONE_NEWNET) })
	return &other
}

// newNamespace makes a namespace with loopback up and all MPTCP limits at 8.
func newNamespace(t *testing.T) *namespace {
	t.Helper()
	n := &namespace{t: t}
	n.thread()
	n.do(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return err
		}
		var err error
		if n.fd, err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
			return err
		}
		if err := os.WriteFile("/proc/sys/net/mptcp/enabled", []byte("1"), 0o644); err != nil {
			return err
		}
		lo, err := vnl.LinkByName("lo")
		if err != nil {
			return err
		}
		if err := vnl.LinkSetUp(lo); err != nil {
			return err
		}
		if n.pm, err = mptcp.Dial(); err != nil {
			return err
		}
		return n.pm.SetLimits(mptcp.Limits{Subflows: 8, AddAddrAccepted: 8})
	})
	t.Cleanup(func() {
		if err := errors.Join(unix.Close(n.fd), n.pm.Close()); err != nil {
			t.Error(err)
		}
	})
	return n
}

// do runs f in the namespace and ends the test if it fails.
func (n *namespace) do(f func() error) {
	n.t.Helper()
	done := make(chan error)
	n.calls <- func() { done <- f() }
	if err := <-done; err != nil {
		n.t.Fatal(err)
	}
}

// pair is a client and a server namespace with one link.
type pair struct {
	client, server *namespace
	// index is that of the link on the client's side.
	index int
}

// newPair links two namespaces. The client has 10.0.0.1 to 10.0.0.9 and fd00::1
// to fd00::9, the server 10.0.0.100 and fd00::100.
func newPair(t *testing.T) *pair {
	t.Helper()
	p := &pair{client: newNamespace(t), server: newNamespace(t)}
	p.client.do(func() error {
		link := &vnl.Veth{LinkAttrs: vnl.LinkAttrs{Name: "wan"}, PeerName: "up", PeerNamespace: vnl.NsFd(p.server.fd)}
		if err := vnl.LinkAdd(link); err != nil {
			return fmt.Errorf("veth: %w", err)
		}
		for i := 1; i <= 9; i++ {
			if err := addAddrs("wan", fmt.Sprintf("10.0.0.%d/24", i), fmt.Sprintf("fd00::%d/64", i)); err != nil {
				return err
			}
		}
		p.index = link.Index
		return vnl.LinkSetUp(link)
	})
	p.server.do(func() error {
		if err := addAddrs("up", "10.0.0.100/24", "fd00::100/64"); err != nil {
			return err
		}
		link, err := vnl.LinkByName("up")
		if err != nil {
			return err
		}
		return vnl.LinkSetUp(link)
	})
	return p
}

// addAddrs adds addresses without duplicate address detection.
func addAddrs(device string, prefixes ...string) error {
	link, err := vnl.LinkByName(device)
	if err != nil {
		return err
	}
	for _, text := range prefixes {
		addr, err := vnl.ParseAddr(text)
		if err != nil {
			return err
		}
		addr.Flags = unix.IFA_F_NODAD
		if err := vnl.AddrAdd(link, addr); err != nil {
			return fmt.Errorf("address %s: %w", text, err)
		}
	}
	return nil
}

func deleteAddr(device, prefix string) error {
	link, linkErr := vnl.LinkByName(device)
	addr, addrErr := vnl.ParseAddr(prefix)
	if err := errors.Join(linkErr, addrErr); err != nil {
		return err
	}
	return vnl.AddrDel(link, addr)
}

// dial connects the client, from an address of its own, to the server, which
// listens on all addresses with one IPv6 socket. Both ends do MPTCP.
func (p *pair) dial(from, to string) (client, server *net.TCPConn) {
	p.client.t.Helper()
	return p.dialWith(from, to, true, true)
}

func (p *pair) dialWith(from, to string, clientMP, serverMP bool) (client, server *net.TCPConn) {
	t := p.client.t
	t.Helper()
	var l net.Listener
	p.server.do(func() (err error) {
		var lc net.ListenConfig
		lc.SetMultipathTCP(serverMP)
		l, err = lc.Listen(t.Context(), "tcp", ":0")
		return err
	})
	t.Cleanup(func() { l.Close() })
	var c net.Conn
	p.client.do(func() (err error) {
		d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(from), 0))}
		d.SetMultipathTCP(clientMP)
		port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
		c, err = d.Dial("tcp", net.JoinHostPort(to, port))
		return err
	})
	t.Cleanup(func() { c.Close() })
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	client, server = c.(*net.TCPConn), s.(*net.TCPConn)
	if used, err := client.MultipathTCP(); err != nil || used != (clientMP && serverMP) {
		t.Fatalf("MPTCP in use: %v, %v; asked for by the client %v, by the server %v", used, err, clientMP, serverMP)
	}
	transfer(t, client, server, 100_000)
	transfer(t, server, client, 50_000)
	return client, server
}

// transfer sends n bytes from one end and reads them at the other.
func transfer(t *testing.T, from, to net.Conn, n int) {
	t.Helper()
	failed := make(chan error, 1)
	go func() {
		_, err := from.Write(make([]byte, n))
		failed <- err
	}()
	buffer := make([]byte, 1<<16)
	for got := 0; got < n; {
		k, err := to.Read(buffer)
		if err != nil {
			t.Fatal(err)
		}
		got += k
	}
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
}

// add adds subflow endpoints that are bound to the client's link.
func (p *pair) add(flags mptcp.Flags, ids map[uint8]string) {
	p.client.t.Helper()
	for id, addr := range ids {
		e := mptcp.Endpoint{ID: id, Addr: netip.MustParseAddr(addr), Flags: mptcp.FlagSubflow | flags, IfIndex: p.index}
		if err := p.client.pm.Add(e); err != nil {
			p.client.t.Fatal(err)
		}
	}
}

// connections lists in the namespace.
func (n *namespace) connections() []Connection {
	n.t.Helper()
	var cs []Connection
	n.do(func() (err error) {
		cs, err = Connections()
		return err
	})
	return cs
}

// poll calls ok until it is true.
func (n *namespace) poll(what string, ok func() bool) {
	n.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if ok() {
			return
		}
	}
	n.t.Fatalf("%s did not happen: %+v", what, n.connections())
}

// await lists until the only connection satisfies ok, and returns it.
func (n *namespace) await(what string, ok func(Connection) bool) Connection {
	n.t.Helper()
	var cs []Connection
	n.poll(what, func() bool {
		cs = n.connections()
		return len(cs) == 1 && ok(cs[0])
	})
	return cs[0]
}
