// SPDX-License-Identifier: Apache-2.0

package sockdiag

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
	"github.com/mptcpctl/mptcpctl/pkg/netlab/since"
)

// eachPerConnection is the most that a listing may allocate for a connection
// with one subflow, in bytes, garbage included.
const eachPerConnection = 600

// TestTenThousandConnections has fewer where memory is small: the kernel has room
// for four tokens per MB (net/mptcp/token.c, TOKEN_MAX_CHAIN_LEN and
// mptcp_token_init), of which each connection of the lab takes two, and what
// finds none becomes plain TCP.
func TestTenThousandConnections(t *testing.T) {
	var memory unix.Sysinfo_t
	if err := unix.Sysinfo(&memory); err != nil {
		t.Fatal(err)
	}
	n := int(min(10_000, uint64(memory.Totalram)*uint64(memory.Unit)>>20))
	lab, err := netlab.New(netlab.Config{Lines: []netlab.LineConfig{{}}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := lab.Close(); err != nil {
			t.Error(err)
		}
	}()
	crowd, err := lab.NewCrowd(context.Background(), n)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := crowd.Close(); err != nil {
			t.Error(err)
		}
	}()
	err = lab.Router.Do(func() error {
		tokens, ports := make(map[uint32]bool, n), make(map[uint16]bool, n)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := Each(func(c Connection) error {
			tokens[c.Token], ports[c.Local.Port()] = true, true
			if len(c.Subflows) != 1 || c.Subflows[0].Local != c.Local || c.Subflows[0].Remote != c.Remote || c.Subflows[0].Token != c.Token {
				t.Errorf("connection %+v, want one subflow of the same addresses", c)
			}
			return nil
		})
		runtime.ReadMemStats(&after)
		if len(tokens) != n || len(ports) != n {
			t.Errorf("%d tokens and %d ports, want %d", len(tokens), len(ports), n)
		}
		if per := (after.TotalAlloc - before.TotalAlloc) / uint64(n); per > eachPerConnection {
			t.Errorf("%d bytes were allocated for each connection, want at most %d", per, eachPerConnection)
		} else {
			t.Logf("%d bytes for each connection", per)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// each lists as Each does, with something happening in between.
func (n *namespace) each(between func()) map[netip.AddrPort]Connection {
	n.t.Helper()
	all := make(map[netip.AddrPort]Connection)
	n.do(func() error {
		return each(func(c Connection) error {
			if _, twice := all[c.Local]; twice {
				n.t.Errorf("connection %+v is listed twice", c)
			}
			c.Subflows = slices.Clone(c.Subflows)
			all[c.Local] = c
			return nil
		}, between)
	})
	return all
}

func addrPort(t *testing.T, a net.Addr) netip.AddrPort {
	t.Helper()
	return a.(*net.TCPAddr).AddrPort()
}

func TestWhatChangesBetweenTheTwoLists(t *testing.T) {
	p := newPair(t)
	stays, _ := p.dial("10.0.0.1", "10.0.0.100")
	goes, far := p.dial("10.0.0.1", "10.0.0.100")
	address := netip.AddrPort{}
	// Listing occupies the thread of the namespace, so another one connects.
	twin := *p
	twin.client = p.client.twin()
	all := p.client.each(func() {
		comes, _ := twin.dial("10.0.0.1", "10.0.0.100")
		address = addrPort(t, comes.LocalAddr())
		gone := addrPort(t, goes.LocalAddr())
		// Both ends: Linux 6.18.15 does not reset a connection that is closed with
		// SO_LINGER of 0.
		if err := errors.Join(goes.Close(), far.Close()); err != nil {
			t.Error(err)
		}
		twin.client.poll("the end of the connection", func() bool {
			return !slices.ContainsFunc(twin.client.connections(), func(c Connection) bool { return c.Local == gone })
		})
	})
	if len(all) != 2 {
		t.Errorf("%d connections, want 2: %+v", len(all), all)
	}
	for _, local := range []netip.AddrPort{addrPort(t, stays.LocalAddr()), address} {
		if c := all[local]; len(c.Subflows) != 1 || c.Subflows[0].Token != c.Token || c.Subflows[0].Local != local {
			t.Errorf("connection from %v: %+v, want one subflow", local, c)
		}
	}
}

// TestExists asks for single connections, as Each does for those that have no
// subflow in either list.
func TestExists(t *testing.T) {
	p := newPair(t)
	p.dial("10.0.0.1", "10.0.0.100")
	token := p.client.await("the connection", func(Connection) bool { return true }).Token
	p.client.do(func() error {
		k, err := open()
		if err != nil {
			return err
		}
		defer k.close()
		for _, tt := range []struct {
			token uint32
			want  bool
		}{{token, true}, {^token, false}} {
			if got, err := k.exists(tt.token); got != tt.want || err != nil {
				t.Errorf("connection %08x exists: %v, %v, want %v", tt.token, got, err, tt.want)
			}
		}
		return nil
	})
}

func TestEachEndsWithTheFirstErrorOfItsFunction(t *testing.T) {
	p := newPair(t)
	p.dial("10.0.0.1", "10.0.0.100")
	p.dial("10.0.0.1", "10.0.0.100")
	stop := errors.New("enough")
	p.client.do(func() error {
		calls := 0
		if err := Each(func(Connection) error { calls++; return stop }); err != stop || calls != 1 {
			t.Errorf("error %v after %d calls, want %v after 1", err, calls, stop)
		}
		return nil
	})
}

func TestAFallenBackConnectionHasItsTCPSocket(t *testing.T) {
	p := newPair(t)
	client, _ := p.dialWith("10.0.0.1", "10.0.0.100", true, false)
	c := p.client.await("the fall-back", func(c Connection) bool { return c.Fallback && len(c.Subflows) == 1 })
	s := c.Subflows[0]
	if s.Local != addrPort(t, client.LocalAddr()) || s.Remote != c.Remote || s.State != Established || s.TCP.BytesSent < 100_000 {
		t.Errorf("connection %+v, want the socket that carried the transfer", c)
	}
}

// TestWhatNeverTriedMPTCP lets the kernel find that MPTCP is filtered: the server
// is out of reach until the kernel tries without. It then gives MPTCP up for all
// connections to come. Before Linux 6.12 it goes on with MPTCP for ever.
func TestWhatNeverTriedMPTCP(t *testing.T) {
	p := newPair(t)
	_, err := os.Stat("/proc/sys/net/mptcp/blackhole_timeout")
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	givesUp := err == nil
	p.dial("10.0.0.1", "10.0.0.100") // the client knows the server's MAC address
	var l net.Listener
	p.server.do(func() (err error) {
		var lc net.ListenConfig
		lc.SetMultipathTCP(true)
		l, err = lc.Listen(t.Context(), "tcp", "10.0.0.100:0")
		return errors.Join(err, deleteAddr("up", "10.0.0.100/24"))
	})
	t.Cleanup(func() { l.Close() })
	to := addrPort(t, l.Addr())
	blocked := p.client.begin(t, to)
	p.client.poll("the plain SYN", func() bool { return p.client.retransmitted(to) >= 2 })
	p.server.do(func() error { return addAddrs("up", "10.0.0.100/24") })
	p.client.poll("the connection", func() bool {
		return slices.ContainsFunc(p.client.connections(), func(c Connection) bool { return c.Remote == to && c.State == Established && c.Fallback == givesUp })
	})
	next := p.client.begin(t, to)
	local, err := unix.Getsockname(next)
	if err != nil {
		t.Fatal(err)
	}
	port := uint16(local.(*unix.SockaddrInet4).Port)
	p.client.poll("the next connection, without MPTCP if the kernel has given it up", func() bool {
		return slices.ContainsFunc(p.client.connections(), func(c Connection) bool {
			return c.Local.Port() == port && (c.Token == 0) == givesUp && c.Fallback == givesUp && c.State == Established && c.Remote == to && len(c.Subflows) == 1 && c.Subflows[0].Remote == to
		})
	})
	for _, fd := range []int{blocked, next} {
		if err := unix.Close(fd); err != nil {
			t.Error(err)
		}
	}
}

// begin starts to connect and does not wait.
func (n *namespace) begin(t *testing.T, to netip.AddrPort) (fd int) {
	t.Helper()
	n.do(func() (err error) {
		fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_MPTCP)
		if err != nil {
			return err
		}
		err = unix.Connect(fd, &unix.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())})
		if err == unix.EINPROGRESS {
			return nil
		}
		return err
	})
	return fd
}

// retransmitted counts the SYNs that were sent again to an address.
func (n *namespace) retransmitted(to netip.AddrPort) (count uint32) {
	n.do(func() error {
		return Subflows(func(s Subflow) error {
			if s.Remote == to {
				count = max(count, s.TCP.Retrans)
			}
			return nil
		}, SynSent)
	})
	return count
}

func TestMPTCPInfo(t *testing.T) {
	p := newPair(t)
	counts, err := since.Linux("6.5")
	if err != nil {
		t.Fatal(err)
	}
	p.add(0, map[uint8]string{4: "10.0.0.2"})
	p.dial("10.0.0.1", "10.0.0.100")
	c := p.client.await("the acknowledgement", func(c Connection) bool {
		sent := uint64(0)
		for _, s := range c.Subflows {
			sent += s.TCP.BytesAcked
		}
		return len(paths(c.Subflows)) == 2 && sent >= 100_000 && (!counts || c.MPTCP.BytesAcked >= 100_000)
	})
	got := c.MPTCP
	if got.Subflows != 1 || got.SubflowsMax != 8 || got.Checksum {
		t.Errorf("information %+v with one subflow more, of 8, and no checksum", got)
	}
	if counts && (!got.Counted || got.BytesSent != 100_000 || got.BytesReceived < 50_000) {
		t.Errorf("information %+v after 100000 bytes out and 50000 in", got)
	}
	if !counts && (got.Counted || got.BytesSent != 0 || got.BytesReceived != 0 || got.BytesAcked != 0) {
		t.Errorf("information %+v of a kernel that does not count", got)
	}
}

func TestErrorsNameTheOpenWrtPackage(t *testing.T) {
	for err, want := range map[error]string{ErrNoMPTCPDiag: "kmod-inet-mptcp-diag", ErrNoTCPDiag: "kmod-inet-diag"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not name %s", err, want)
		}
	}
}

// TestManyAreListedInParts lists connections of one and of two subflows, a few
// subflows at a time.
func TestManyAreListedInParts(t *testing.T) {
	p := newPair(t)
	p.add(0, map[uint8]string{4: "10.0.0.2"})
	const n = 20
	for range n {
		p.dial("10.0.0.1", "10.0.0.100")
	}
	p.client.poll("the joins", func() bool {
		return !slices.ContainsFunc(p.client.connections(), func(c Connection) bool { return len(c.Subflows) != 2 })
	})
	for _, kept := range []int{5, 2 * n, 2*n - 1} {
		seen := make(map[uint32]int)
		p.client.do(func() error {
			k, err := open()
			if err != nil {
				return err
			}
			defer k.close()
			return k.each(kept, func(c Connection) error {
				seen[c.Token]++
				if len(c.Subflows) != 2 || c.Subflows[0].Token != c.Token || c.Subflows[1].Token != c.Token {
					t.Errorf("%d subflows at a time: connection %+v, want two subflows of its own", kept, c)
				}
				return nil
			}, func() {})
		})
		for token, times := range seen {
			if times != 1 {
				t.Errorf("%d subflows at a time: connection %08x is listed %d times", kept, token, times)
			}
		}
		if len(seen) != n {
			t.Errorf("%d subflows at a time: %d connections, want %d", kept, len(seen), n)
		}
	}
}
