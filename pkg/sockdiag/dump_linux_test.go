// SPDX-License-Identifier: Apache-2.0

package sockdiag

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	vnl "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"

	"github.com/mptcpctl/mptcpctl/pkg/netlab/since"
)

var comparable = cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{})

// path is what a test expects of a subflow, whichever ports it got.
type path struct {
	Local, Remote     string
	IfIndex           int
	LocalID, RemoteID uint8
	Flags             SubflowFlags
}

// paths reduces established subflows, in the order of their ids.
func paths(subflows []Subflow) []path {
	var ps []path
	for _, s := range subflows {
		if s.State == Established {
			ps = append(ps, path{
				Local: s.Local.Addr().String(), Remote: s.Remote.Addr().String(), IfIndex: s.IfIndex,
				LocalID: s.LocalID, RemoteID: s.RemoteID, Flags: s.Flags &^ MapValid,
			})
		}
	}
	slices.SortFunc(ps, func(a, b path) int {
		return int(a.LocalID) + int(a.RemoteID) - int(b.LocalID) - int(b.RemoteID)
	})
	return ps
}

// awaitPaths waits for these subflows on the namespace's only connection.
func (n *namespace) awaitPaths(want []path) Connection {
	n.t.Helper()
	var got []path
	defer func() {
		if n.t.Failed() {
			n.t.Logf("subflows (-want +got):\n%s", cmp.Diff(want, got))
		}
	}()
	return n.await("the wanted subflows", func(c Connection) bool {
		got = paths(c.Subflows)
		return cmp.Equal(want, got)
	})
}

const (
	first      = CapableRemote | CapableLocal | FullyEstablished | Connected
	firstPeer  = CapableRemote | FullyEstablished | Connected
	joined     = JoinRemote | JoinLocal | FullyEstablished | Connected
	joinedPeer = JoinRemote | FullyEstablished | Connected
)

// dump lists the sockets of a protocol.
func dump(protocol uint32, fn func([]byte) error) error {
	k, err := open()
	if err != nil {
		return err
	}
	defer k.close()
	return k.dump(protocol, anyState, fn)
}

func TestOneToEightSubflows(t *testing.T) {
	p := newPair(t)
	client, server := p.dial("10.0.0.1", "10.0.0.100")
	ofClient := []path{{Local: "10.0.0.1", Remote: "10.0.0.100", Flags: first}}
	ofServer := []path{{Local: "10.0.0.100", Remote: "10.0.0.1", Flags: firstPeer}}
	for i := uint8(2); i <= 9; i++ {
		c := p.client.awaitPaths(ofClient)
		if c.State != Established || c.Fallback || c.Local.String() != client.LocalAddr().String() || c.Remote.String() != client.RemoteAddr().String() {
			t.Errorf("connection %+v, want one from %v to %v", c, client.LocalAddr(), client.RemoteAddr())
		}
		s := p.server.awaitPaths(ofServer)
		if s.Local != c.Remote || s.Remote != c.Local || s.Token == c.Token {
			t.Errorf("server's connection %+v is not the other end of %+v", s, c)
		}
		for _, sub := range c.Subflows {
			if sub.Token != c.Token || sub.Remote != c.Remote || sub.Local.Port() == 0 || sub.Cookie == 0 {
				t.Errorf("subflow %+v of connection %08x", sub, c.Token)
			}
		}
		if i == 9 {
			break
		}
		addr := fmt.Sprintf("10.0.0.%d", i)
		p.add(0, map[uint8]string{i * 10: addr})
		ofClient = append(ofClient, path{Local: addr, Remote: "10.0.0.100", IfIndex: p.index, LocalID: i * 10, Flags: joined})
		ofServer = append(ofServer, path{Local: "10.0.0.100", Remote: addr, RemoteID: i * 10, Flags: joinedPeer})
	}
	transfer(t, client, server, 100_000)
}

func TestIPv6(t *testing.T) {
	p := newPair(t)
	p.add(0, map[uint8]string{4: "fd00::2"})
	p.dial("fd00::1", "fd00::100")
	p.client.awaitPaths([]path{
		{Local: "fd00::1", Remote: "fd00::100", Flags: first},
		{Local: "fd00::2", Remote: "fd00::100", IfIndex: p.index, LocalID: 4, Flags: joined},
	})
	p.server.awaitPaths([]path{
		{Local: "fd00::100", Remote: "fd00::1", Flags: firstPeer},
		{Local: "fd00::100", Remote: "fd00::2", RemoteID: 4, Flags: joinedPeer},
	})
}

// TestMappedAddressesAreUnmapped looks at the server, whose sockets are IPv6.
func TestMappedAddressesAreUnmapped(t *testing.T) {
	p := newPair(t)
	p.dial("10.0.0.1", "10.0.0.100")
	p.server.do(func() error {
		return dump(unix.IPPROTO_TCP, func(b []byte) error {
			if b[0] != unix.AF_INET6 {
				t.Errorf("socket of family %d, want IPv6", b[0])
			}
			return nil
		})
	})
	c := p.server.awaitPaths([]path{{Local: "10.0.0.100", Remote: "10.0.0.1", Flags: firstPeer}})
	if !c.Local.Addr().Is4() || !c.Remote.Addr().Is4() {
		t.Errorf("connection from %v to %v, want IPv4 addresses", c.Local, c.Remote)
	}
}

func TestBackupIsSeenAtBothEndsAndFollowsSetFlags(t *testing.T) {
	p := newPair(t)
	p.add(mptcp.FlagBackup, map[uint8]string{4: "10.0.0.2"})
	p.dial("10.0.0.1", "10.0.0.100")
	await := func(local, remote SubflowFlags) {
		t.Helper()
		p.client.awaitPaths([]path{
			{Local: "10.0.0.1", Remote: "10.0.0.100", Flags: first},
			{Local: "10.0.0.2", Remote: "10.0.0.100", IfIndex: p.index, LocalID: 4, Flags: joined | local},
		})
		p.server.awaitPaths([]path{
			{Local: "10.0.0.100", Remote: "10.0.0.1", Flags: firstPeer},
			{Local: "10.0.0.100", Remote: "10.0.0.2", RemoteID: 4, Flags: joinedPeer | remote},
		})
	}
	await(BackupLocal, BackupRemote)
	for _, flags := range []mptcp.Flags{0, mptcp.FlagBackup} {
		if err := p.client.pm.SetFlags(4, flags); err != nil {
			t.Fatal(err)
		}
		if flags == 0 {
			await(0, 0)
		} else {
			await(BackupLocal, BackupRemote)
		}
	}
}

func TestTCPInfoCountsTheTransfer(t *testing.T) {
	p := newPair(t)
	p.dial("10.0.0.1", "10.0.0.100")
	c := p.client.await("the acknowledgement", func(c Connection) bool {
		return len(c.Subflows) == 1 && c.Subflows[0].TCP.BytesAcked >= 100_000
	})
	got := c.Subflows[0].TCP
	if got.BytesSent < 100_000 || got.BytesReceived < 50_000 || got.BytesReceived > 60_000 || got.RTT <= 0 || got.Cwnd == 0 {
		t.Errorf("TCP info %+v after 100000 bytes out and 50000 in", got)
	}
}

func TestPlainTCPIsNotListed(t *testing.T) {
	p := newPair(t)
	for _, n := range []*namespace{p.client, p.server} {
		if cs := n.connections(); cs != nil {
			t.Errorf("connections %+v in a new namespace", cs)
		}
	}
	p.dialWith("10.0.0.1", "10.0.0.100", false, false)
	p.dialWith("10.0.0.2", "10.0.0.100", false, true)
	p.dialWith("fd00::1", "fd00::100", false, false)
	for _, n := range []*namespace{p.client, p.server} {
		if cs := n.connections(); cs != nil {
			t.Errorf("connections %+v, want none", cs)
		}
	}
}

func TestAConnectionToATCPServerFallsBack(t *testing.T) {
	p := newPair(t)
	p.dialWith("10.0.0.1", "10.0.0.100", true, false)
	c := p.client.await("the fallback", func(c Connection) bool { return c.Fallback })
	if c.State != Established {
		t.Errorf("connection %+v, want it established", c)
	}
	if cs := p.server.connections(); cs != nil {
		t.Errorf("the TCP server has the MPTCP connections %+v", cs)
	}
}

func TestAClosingSubflowIsNotEstablished(t *testing.T) {
	p := newPair(t)
	p.add(0, map[uint8]string{4: "10.0.0.2"})
	p.dial("10.0.0.1", "10.0.0.100")
	p.client.await("the join", func(c Connection) bool { return len(paths(c.Subflows)) == 2 })
	// Nobody answers the FIN that the deletion sends.
	p.server.do(func() error {
		link, err := vnl.LinkByName("up")
		if err != nil {
			return err
		}
		return vnl.LinkSetDown(link)
	})
	if err := p.client.pm.Delete(4); err != nil {
		t.Fatal(err)
	}
	c := p.client.awaitPaths([]path{{Local: "10.0.0.1", Remote: "10.0.0.100", Flags: first}})
	var states []State
	for _, s := range c.Subflows {
		if s.LocalID == 4 {
			states = append(states, s.State)
		}
	}
	if diff := cmp.Diff([]State{FinWait1}, states); diff != "" {
		t.Errorf("states of the deleted endpoint's subflows (-want +got):\n%s", diff)
	}
	p.client.do(func() error {
		got, err := EstablishedTokens()
		want := map[netip.Addr][]uint32{netip.MustParseAddr("10.0.0.1"): {c.Token}}
		if diff := cmp.Diff(want, got, comparable); diff != "" {
			t.Errorf("tokens (-want +got):\n%s", diff)
		}
		return err
	})
}

func TestAConnectionWithoutSubflowIsListed(t *testing.T) {
	p := newPair(t)
	p.add(0, map[uint8]string{4: "10.0.0.1", 5: "10.0.0.2"})
	p.dial("10.0.0.1", "10.0.0.100")
	// Before the join the kernel may not yet know that the first subflow is that
	// of endpoint 4, and then leaves it alone.
	p.client.await("the join", func(c Connection) bool { return len(paths(c.Subflows)) == 2 })
	for _, id := range []uint8{5, 4} {
		if err := p.client.pm.Delete(id); err != nil {
			t.Fatal(err)
		}
	}
	c := p.client.await("the loss of the subflow", func(c Connection) bool { return len(c.Subflows) == 0 })
	if c.State != Established {
		t.Errorf("connection %+v, want it established", c)
	}
}

func TestEstablishedTokens(t *testing.T) {
	p := newPair(t)
	p.add(0, map[uint8]string{4: "10.0.0.2"})
	p.dial("10.0.0.1", "10.0.0.100")
	p.dial("10.0.0.1", "10.0.0.100")
	p.dial("10.0.0.2", "10.0.0.100")
	p.dial("fd00::1", "fd00::100")
	p.dialWith("10.0.0.5", "10.0.0.100", false, false)
	established := func(cs []Connection) map[string]int {
		n := make(map[string]int)
		for _, c := range cs {
			for _, q := range paths(c.Subflows) {
				n[q.Local]++
			}
		}
		return n
	}
	want := map[string]int{"10.0.0.1": 2, "10.0.0.2": 3, "fd00::1": 1}
	var cs []Connection
	p.client.poll("the joins", func() bool {
		cs = p.client.connections()
		return cmp.Equal(want, established(cs))
	})
	p.client.do(func() error {
		tokens, err := EstablishedTokens()
		got := make(map[string]int)
		for addr, ts := range tokens {
			got[addr.String()] = len(ts)
			for _, token := range ts {
				if !slices.ContainsFunc(cs, func(c Connection) bool { return c.Token == token }) {
					t.Errorf("token %08x of %v is no connection's", token, addr)
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("tokens by address (-want +got):\n%s", diff)
		}
		return err
	})
}

func TestSubflowsEndsWithTheFirstErrorOfItsFunction(t *testing.T) {
	p := newPair(t)
	p.dial("10.0.0.1", "10.0.0.100")
	p.dial("10.0.0.1", "10.0.0.100")
	stop := errors.New("enough")
	p.client.do(func() error {
		calls := 0
		err := Subflows(func(Subflow) error { calls++; return stop })
		if !errors.Is(err, stop) || calls != 1 {
			t.Errorf("error %v after %d calls, want %v after 1", err, calls, stop)
		}
		return nil
	})
}

func TestSubflowsTakesOnlyTheStatesThatItIsAskedFor(t *testing.T) {
	p := newPair(t)
	p.dial("10.0.0.1", "10.0.0.100")
	for _, tt := range []struct {
		states []State
		want   int
	}{
		{nil, 1},
		{[]State{Established}, 1},
		{[]State{SynSent, Established}, 1},
		{[]State{SynSent, FinWait1, LastAck}, 0},
	} {
		p.client.do(func() error {
			got := 0
			err := Subflows(func(Subflow) error { got++; return nil }, tt.states...)
			if got != tt.want {
				t.Errorf("%d subflows in %v, want %d", got, tt.states, tt.want)
			}
			return err
		})
	}
}

// Kernels before 6.15 tell only who has CAP_NET_ADMIN which subflow belongs to
// which connection.
func TestListingNeedsNoCapability(t *testing.T) {
	p := newPair(t)
	p.add(0, map[uint8]string{4: "10.0.0.2"})
	p.dial("10.0.0.1", "10.0.0.100")
	p.client.do(func() error {
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		return unix.Capset(&header, &none[0])
	})
	told, err := since.Linux("6.15")
	if err != nil {
		t.Fatal(err)
	}
	var want []path
	if told {
		want = []path{
			{Local: "10.0.0.1", Remote: "10.0.0.100", Flags: first},
			{Local: "10.0.0.2", Remote: "10.0.0.100", IfIndex: p.index, LocalID: 4, Flags: joined},
		}
	}
	p.client.awaitPaths(want)
}

// TestAProtocolWithoutHandler asks the kernel for protocols that have none, to
// see the answer that a kernel without MPTCP or TCP listing would give.
func TestAProtocolWithoutHandler(t *testing.T) {
	n := newNamespace(t)
	for _, protocol := range []uint32{unix.IPPROTO_IGMP, 261} {
		n.do(func() error {
			err := dump(protocol, func([]byte) error { return errors.New("a reply") })
			if !errors.Is(err, unix.ENOENT) {
				t.Errorf("protocol %d: error %v, want ENOENT", protocol, err)
			}
			return nil
		})
	}
	if err := result(unix.ENOENT, unix.IPPROTO_MPTCP); !errors.Is(err, ErrNoMPTCPDiag) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("MPTCP: error %v, want ErrNoMPTCPDiag", err)
	}
	if err := result(unix.ENOENT, unix.IPPROTO_TCP); !errors.Is(err, ErrNoTCPDiag) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("TCP: error %v, want ErrNoTCPDiag", err)
	}
}
