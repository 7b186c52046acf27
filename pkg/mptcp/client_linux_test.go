// SPDX-License-Identifier: Apache-2.0

package mptcp

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/mdlayher/netlink"
	vnl "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/netlab/since"
)

var addrs = cmpopts.EquateComparable(netip.Addr{})

func endpoint(text string, id uint8, flags Flags) Endpoint {
	return Endpoint{Addr: netip.MustParseAddr(text), ID: id, Flags: flags}
}

func mustAdd(t *testing.T, c *Client, endpoints ...Endpoint) {
	t.Helper()
	for _, e := range endpoints {
		if err := c.Add(e); err != nil {
			t.Fatal(err)
		}
	}
}

func wantEndpoints(t *testing.T, c *Client, want ...Endpoint) {
	t.Helper()
	got, err := c.Endpoints()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, addrs, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("endpoints (-want +got):\n%s", diff)
	}
}

func TestDialWithoutTheFamily(t *testing.T) {
	conn, err := netlink.Dial(unix.NETLINK_GENERIC, &netlink.Config{Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := lookup(conn, "mptcp_none"); !errors.Is(err, ErrNotSupported) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v, want ErrNotSupported", err)
	}
}

func TestEndpointsComeBackAsAdded(t *testing.T) {
	c := dialNew(t)
	lo, err := vnl.LinkByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	if err := vnl.LinkSetUp(lo); err != nil {
		t.Fatal(err)
	}
	wantEndpoints(t, c)

	bound := endpoint("10.0.1.2", 7, FlagSubflow|FlagBackup)
	bound.IfIndex = 1
	port := endpoint("127.0.0.1", 255, FlagSignal)
	port.Port = 4433
	v6 := endpoint("2001:db8::1", 100, FlagSubflow|FlagFullmesh)
	v6.IfIndex = 4711
	mustAdd(t, c, bound, port, v6, endpoint("fe80::1", 1, 0))
	wantEndpoints(t, c, endpoint("fe80::1", 1, 0), bound, v6, port)
}

func TestTheKernelChoosesClimbingIDs(t *testing.T) {
	c := dialNew(t)
	mustAdd(t, c, endpoint("10.0.1.1", 0, FlagSubflow), endpoint("10.0.1.2", 0, FlagSubflow))
	if err := c.Delete(1); err != nil {
		t.Fatal(err)
	}
	mustAdd(t, c, endpoint("::ffff:10.0.1.3", 0, FlagSubflow))
	wantEndpoints(t, c, endpoint("10.0.1.2", 2, FlagSubflow), endpoint("10.0.1.3", 3, FlagSubflow))
}

// refused tells whether err is what the kernel answers to an endpoint that clashes with
// another one: the errno, or before Linux 6.2 EINVAL with words for all of them.
func refused(t *testing.T, err, want error) bool {
	t.Helper()
	distinct, uname := since.Linux("6.2")
	if uname != nil {
		t.Fatal(uname)
	}
	if distinct {
		return errors.Is(err, want)
	}
	return errors.Is(err, unix.EINVAL) && strings.Contains(err.Error(), "too many addresses or duplicate one")
}

func TestRefusals(t *testing.T) {
	c := dialNew(t)
	mustAdd(t, c, endpoint("10.0.0.1", 1, FlagSubflow), endpoint("10.0.0.2", 2, FlagSignal))
	port := endpoint("10.0.0.3", 0, FlagSubflow)
	port.Port = 4433
	signalPort := endpoint("10.0.0.3", 0, FlagSubflow|FlagSignal)
	signalPort.Port = 4433
	tests := []struct {
		name string
		do   func() error
		want error
		text string
	}{
		{"a duplicate address", func() error { return c.Add(endpoint("10.0.0.1", 0, FlagSubflow)) }, unix.EEXIST, "endpoint 10.0.0.1: "},
		{"a duplicate address under a new id", func() error { return c.Add(endpoint("10.0.0.1", 9, FlagSubflow)) }, fs.ErrExist, "endpoint 10.0.0.1: "},
		{"an id in use", func() error { return c.Add(endpoint("10.0.0.3", 1, FlagSubflow)) }, unix.EBUSY, "endpoint 10.0.0.3: "},
		{"signal with fullmesh", func() error { return c.Add(endpoint("10.0.0.3", 0, FlagSignal|FlagFullmesh)) }, unix.EINVAL, "fullmesh"},
		{"an implicit endpoint", func() error { return c.Add(endpoint("10.0.0.3", 0, FlagImplicit)) }, unix.EINVAL, "IMPLICIT"},
		{"a port without signal", func() error { return c.Add(port) }, unix.EINVAL, "port"},
		{"a port with signal and subflow", func() error { return c.Add(signalPort) }, unix.EINVAL, "port"},
		{"no address", func() error { return c.Add(Endpoint{ID: 4}) }, unix.EINVAL, "endpoint invalid IP"},
		{"delete of an unknown id", func() error { return c.Delete(77) }, unix.EINVAL, "endpoint id 77: address not found: "},
		{"delete of id 0", func() error { return c.Delete(0) }, unix.EINVAL, "endpoint id 0: "},
		{"flags of an unknown id", func() error { return c.SetFlags(77, FlagBackup) }, unix.EINVAL, "endpoint id 77: "},
		{"flags of id 0", func() error { return c.SetFlags(0, FlagBackup) }, unix.EOPNOTSUPP, "endpoint id 0: "},
		{"fullmesh on a signal endpoint", func() error { return c.SetFlags(2, FlagFullmesh) }, unix.EINVAL, "endpoint id 2: "},
		{"a subflow limit above the maximum", func() error { return c.SetLimits(Limits{Subflows: MaxLimit + 1}) }, unix.EINVAL, "limit greater than maximum"},
		{"an address limit above the maximum", func() error { return c.SetLimits(Limits{AddAddrAccepted: MaxLimit + 1}) }, unix.EINVAL, "limit greater than maximum"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.do()
			clash := tt.want == unix.EEXIST || tt.want == fs.ErrExist || tt.want == unix.EBUSY
			if clash && !refused(t, err, tt.want) || !clash && !errors.Is(err, tt.want) {
				t.Fatalf("error %v, want %v", err, tt.want)
			}
			var errno unix.Errno
			if !errors.As(err, &errno) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("error %q has no errno or not the text %q", err, tt.text)
			}
		})
	}
	wantEndpoints(t, c, endpoint("10.0.0.1", 1, FlagSubflow), endpoint("10.0.0.2", 2, FlagSignal))
}

func TestRequestsThatTheMethodsNeverSend(t *testing.T) {
	c := dialNew(t)
	mustAdd(t, c, endpoint("10.0.0.1", 1, FlagSubflow))
	noFamily, err := nested(func(ae *netlink.AttributeEncoder) {
		ae.Bytes(addrAttrAddr4, []byte{10, 0, 0, 2})
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.write(cmdAddAddr, noFamily); !errors.Is(err, unix.EINVAL) {
		t.Errorf("add without a family: error %v, want EINVAL", err)
	}
	unknown, err := encodeID(9)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.execute(cmdGetAddr, 0, unknown); !errors.Is(err, unix.EINVAL) {
		t.Errorf("get of an unknown id: error %v, want EINVAL", err)
	}
	byAddress, err := encodeEndpoint(endpoint("10.0.0.1", 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.write(cmdDelAddr, byAddress); err != nil {
		t.Errorf("delete by address: error %v, want success", err)
	}
	wantEndpoints(t, c, endpoint("10.0.0.1", 1, FlagSubflow))
}

// TestAFullTable fills the table: how many endpoints fit is the kernel's affair.
func TestAFullTable(t *testing.T) {
	c := dialNew(t)
	mustAdd(t, c, endpoint("10.0.0.1", 1, FlagSubflow))
	for name, e := range map[string]Endpoint{"a duplicate": endpoint("10.0.0.1", 2, FlagSubflow), "an id in use": endpoint("10.0.0.2", 1, FlagSubflow)} {
		refused := c.Add(e)
		if _, full, err := c.Full(e, refused); refused == nil || full || err != nil {
			t.Errorf("%s beside one endpoint: added with %v, full %t, %v", name, refused, full, err)
		}
	}
	n := 1
	var refused error
	for ; n < MaxID && refused == nil; n++ {
		refused = c.Add(endpoint(fmt.Sprintf("10.0.0.%d", n+1), uint8(n+1), FlagSubflow))
	}
	if refused != nil {
		n--
	}
	got, err := c.Endpoints()
	if err != nil || len(got) != n || n < LowestBound {
		t.Fatalf("%d endpoints, %v, of %d that were added", len(got), err, n)
	}
	for _, e := range []Endpoint{endpoint("10.0.1.1", 0, FlagSubflow), endpoint("10.0.1.1", uint8(min(n+1, MaxID)), FlagSubflow)} {
		refused := c.Add(e)
		if count, full, err := c.Full(e, refused); refused == nil || !full && n < MaxID || full && count != n || err != nil {
			t.Errorf("one more beside %d: added with %v, full at %d %t, %v", n, refused, count, full, err)
		}
	}
}

func TestSetFlags(t *testing.T) {
	c := dialNew(t)
	mustAdd(t, c, endpoint("10.0.0.1", 5, FlagSubflow), endpoint("2001:db8::1", 6, FlagSignal))
	steps := []struct {
		name string
		id   uint8
		set  Flags
		want Flags
	}{
		{"backup is set in place", 5, FlagBackup, FlagSubflow | FlagBackup},
		{"both are set together", 5, FlagBackup | FlagFullmesh, FlagSubflow | FlagBackup | FlagFullmesh},
		{"what is not named is cleared", 5, FlagFullmesh, FlagSubflow | FlagFullmesh},
		{"the flags of an endpoint are taken as they are", 5, FlagSubflow | FlagBackup, FlagSubflow | FlagBackup},
		{"signal cannot be set, subflow cannot be cleared", 5, FlagSignal, FlagSubflow},
		{"implicit cannot be set", 5, FlagImplicit, FlagSubflow},
		{"a signal endpoint can be backup", 6, FlagBackup, FlagSignal | FlagBackup},
	}
	for _, s := range steps {
		if err := c.SetFlags(s.id, s.set); err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		got, err := c.Endpoints()
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != 2 || got[s.id-5].ID != s.id || got[s.id-5].Flags != s.want {
			t.Errorf("%s: %+v, want flags %v under id %d", s.name, got, s.want, s.id)
		}
	}
}

func TestLimits(t *testing.T) {
	c := dialNew(t)
	check := func(want Limits) {
		t.Helper()
		if got, err := c.Limits(); err != nil || got != want {
			t.Errorf("limits %+v, %v, want %+v", got, err, want)
		}
	}
	now := Limits{Subflows: 2}
	check(now)
	for _, l := range []Limits{{Subflows: 8, AddAddrAccepted: 3}, {AddAddrAccepted: 8}, {}} {
		written, bound, err := c.SetHighestLimits(l, now)
		if err != nil || written != l || bound != 0 {
			t.Fatalf("limits %+v: written %+v up to %d, %v", l, written, bound, err)
		}
		check(l)
		now = l
	}
}

// TestTheHighestLimits asks for more than the kernel accepts, for each limit alone and
// for both.
func TestTheHighestLimits(t *testing.T) {
	c := dialNew(t)
	now := Limits{Subflows: 2}
	var bounds []uint32
	for _, l := range []Limits{{Subflows: MaxLimit, AddAddrAccepted: 3}, {Subflows: 1, AddAddrAccepted: MaxLimit}, {Subflows: MaxLimit, AddAddrAccepted: MaxLimit}} {
		written, bound, err := c.SetHighestLimits(l, now)
		if err != nil || written != l.upTo(bound) {
			t.Fatalf("limits %+v: written %+v up to %d, %v", l, written, bound, err)
		}
		if got, err := c.Limits(); err != nil || got != written {
			t.Errorf("limits %+v, %v, want %+v", got, err, written)
		}
		above := Limits{Subflows: 1, AddAddrAccepted: bound + 1}
		if err := c.SetLimits(above); !errors.Is(err, unix.EINVAL) {
			t.Errorf("limits %+v: %v, want EINVAL", above, err)
		}
		now = written
		bounds = append(bounds, bound)
	}
	if bounds[0] < LowestBound || bounds[1] != bounds[0] || bounds[2] != bounds[0] {
		t.Errorf("bounds %d, want the same each time", bounds)
	}
}

func TestWithoutCapNetAdminReadingWorksAndWritingIsEPERM(t *testing.T) {
	admin := dialNew(t)
	mustAdd(t, admin, endpoint("10.0.0.1", 1, FlagSubflow))
	dropNetAdmin(t)
	c := dial(t)
	wantEndpoints(t, c, endpoint("10.0.0.1", 1, FlagSubflow))
	if got, err := c.Limits(); err != nil || got.Subflows != 2 {
		t.Errorf("limits %+v, %v", got, err)
	}
	for name, err := range map[string]error{
		"add":    c.Add(endpoint("10.0.0.2", 2, FlagSubflow)),
		"delete": c.Delete(1),
		"flags":  c.SetFlags(1, FlagBackup),
		"limits": c.SetLimits(Limits{}),
	} {
		if !errors.Is(err, unix.EPERM) || !errors.Is(err, os.ErrPermission) {
			t.Errorf("%s: error %v, want EPERM", name, err)
		}
	}
	wantEndpoints(t, c, endpoint("10.0.0.1", 1, FlagSubflow))
}

// TestAddOverAnImplicitEndpoint has a client and a server in one namespace. The
// server announces 127.0.0.2, and the client, connected from 127.0.0.9, joins
// it from 127.0.0.1, for which the kernel makes an implicit endpoint.
func TestAddOverAnImplicitEndpoint(t *testing.T) {
	c := dialNew(t)
	implicit := makeImplicit(t, c)

	other := implicit
	other.ID, other.Flags = 200, FlagSubflow
	if err := c.Add(other); !errors.Is(err, unix.EINVAL) {
		t.Errorf("add with another id: error %v, want EINVAL", err)
	}
	other.ID = implicit.ID
	if err := c.Add(other); !refused(t, err, unix.EBUSY) {
		t.Errorf("add with its own id: error %v, want EBUSY", err)
	}
	other.ID = 0
	if err := c.Add(other); err != nil {
		t.Errorf("add without id: %v", err)
	}
	other.ID = implicit.ID
	got, err := c.Endpoints()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(got, other) {
		t.Errorf("endpoints %+v, want %+v among them", got, other)
	}
}

// makeImplicit has the kernel make an implicit endpoint and returns it.
func makeImplicit(t *testing.T, c *Client) Endpoint {
	t.Helper()
	lo, err := vnl.LinkByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	if err := vnl.LinkSetUp(lo); err != nil {
		t.Fatal(err)
	}
	if err := c.SetLimits(Limits{Subflows: 8, AddAddrAccepted: 8}); err != nil {
		t.Fatal(err)
	}
	mustAdd(t, c, endpoint("127.0.0.2", 50, FlagSignal))
	connect(t)
	deadline := time.Now().Add(20 * time.Second)
	for time.Now().Before(deadline) {
		got, err := c.Endpoints()
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range got {
			if e.Flags&FlagImplicit != 0 {
				return e
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("no implicit endpoint appeared")
	return Endpoint{}
}

// connect makes an MPTCP connection from 127.0.0.9 to 127.0.0.1 and sends on it both ways.
func connect(t *testing.T) {
	t.Helper()
	var lc net.ListenConfig
	lc.SetMultipathTCP(true)
	l, err := lc.Listen(t.Context(), "tcp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 9)}}
	d.SetMultipathTCP(true)
	port := l.Addr().(*net.TCPAddr).Port
	client, err := d.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	for _, c := range [][2]net.Conn{{client, server}, {server, client}} {
		if _, err := c[0].Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := c[1].Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
}
