// SPDX-License-Identifier: Apache-2.0

package mptcp

import (
	"errors"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	vnl "github.com/vishvananda/netlink"

	"github.com/mptcpctl/mptcpctl/pkg/netlab/since"
)

// message is a generic netlink message of a type with attributes.
func message(typ uint8, attrs ...[]byte) []byte {
	return join(append([][]byte{{typ, 1, 0, 0}}, attrs...)...)
}

func TestDecodeEvent(t *testing.T) {
	local, remote := netip.MustParseAddrPort("10.0.1.2:5001"), netip.MustParseAddrPort("192.0.2.1:80")
	v4 := join(attr(2, u16(2)...), attr(5, 10, 0, 1, 2), attr(7, 192, 0, 2, 1), attr(9, 0x13, 0x89), attr(10, 0, 80))
	mapped := append(make([]byte, 10), 0xff, 0xff, 10, 0, 1, 2)
	tests := []struct {
		name string
		in   []byte
		want Event
	}{
		{"a subflow in IPv4: ports in network order",
			message(10, attr(1, u32(0xdeadbeef)...), v4, attr(3, 2), attr(4, 1), attr(11, 1), attr(15, u32(70000)...)),
			Event{Type: EventSubflowEstablished, Token: 0xdeadbeef, Local: local, Remote: remote, LocalID: 2, RemoteID: 1, Backup: true, IfIndex: 70000}},
		{"IPv6", message(1, attr(1, u32(7)...), attr(2, u16(10)...), attr(6, v6Wire...), attr(8, v6Wire...), attr(9, 0, 1), attr(10, 0, 2), attr(18, 1)),
			Event{Type: EventCreated, Token: 7, Local: netip.AddrPortFrom(v6, 1), Remote: netip.AddrPortFrom(v6, 2), Server: true}},
		{"a mapped address is IPv4", message(11, attr(6, mapped...), attr(9, 0x13, 0x89)),
			Event{Type: EventSubflowClosed, Local: local}},
		{"an error and a reset", message(11, attr(12, byte(syscall.ETIMEDOUT)), attr(16, u32(3)...), attr(17, u32(1)...)),
			Event{Type: EventSubflowClosed, Errno: syscall.ETIMEDOUT, WasReset: true, Reset: Reset{Reason: 3, Transient: true}}},
		{"a reset without a reason is one", message(11, attr(16, u32(0)...)), Event{Type: EventSubflowClosed, WasReset: true}},
		{"flags in place of the attribute server", message(2, attr(13, u16(3)...)), Event{Type: EventEstablished, Server: true, NoJoinToFirst: true}},
		{"flags do not take the attribute server back", message(2, attr(18, 1), attr(13, u16(1)...)), Event{Type: EventEstablished, Server: true, NoJoinToFirst: true}},
		{"a listener", message(15, attr(2, u16(2)...), attr(9, 0, 80), attr(5, 0, 0, 0, 0)),
			Event{Type: EventListenerCreated, Local: netip.MustParseAddrPort("0.0.0.0:80")}},
		{"a withdrawn address", message(7, attr(1, u32(9)...), attr(4, 5)), Event{Type: EventRemoved, Token: 9, RemoteID: 5}},
		{"a port without an address is none", message(6, attr(10, 0, 80)), Event{Type: EventAnnounced}},
		{"an unknown type with an unknown attribute", message(200, attr(1, u32(9)...), attr(99, 1, 2, 3)), Event{Type: 200, Token: 9}},
		{"nothing but the header", message(3), Event{Type: EventClosed}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := decodeEvent(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestDecodeMalformedEvents(t *testing.T) {
	tests := []struct {
		name string
		in   []byte
		want string
	}{
		{"nothing", nil, "event: "},
		{"half a header", []byte{1, 1}, "event: "},
		{"an attribute that is longer than the message", message(1, []byte{200, 0, 1, 0}), "event 1: "},
		{"a token of two bytes", message(1, attr(1, 1, 2)), "event 1: "},
		{"an IPv4 address of five bytes", message(10, attr(5, 1, 2, 3, 4, 5)), "event 10: attribute 5 of 5 bytes, want 4"},
		{"an IPv6 address of four bytes", message(10, attr(8, 1, 2, 3, 4)), "event 10: attribute 8 of 4 bytes, want 16"},
		{"a port of one byte", message(10, attr(9, 1)), "event 10: attribute 9 of 1 bytes, want 2"},
		{"an empty port", message(10, attr(10)), "event 10: attribute 10 of 0 bytes, want 2"},
		{"a backup of four bytes", message(10, attr(11, 1, 0, 0, 0)), "event 10: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if e, err := decodeEvent(tt.in); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("%+v, error %v, want %q", e, err, tt.want)
			}
		})
	}
}

func FuzzDecodeEvent(f *testing.F) {
	f.Add(message(10, attr(1, u32(1)...), attr(5, 10, 0, 1, 2), attr(9, 0x13, 0x89)))
	f.Add(message(11, attr(16, u32(3)...)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, err := decodeEvent(b); err == nil {
			_ = e.Type.String() + e.Reset.String()
		}
	})
}

func TestEventWords(t *testing.T) {
	words := []string{EventSubflowEstablished.String(), EventType(77).String(), Reset{Reason: 6}.String(), Reset{Reason: 7}.String(),
		(&LostError{}).Error(), (&LostError{Count: 3}).Error()}
	want := []string{"subflow established", "event 77", "middlebox interference", "reason 7", "events may be lost", "3 events are lost"}
	if diff := cmp.Diff(want, words); diff != "" {
		t.Errorf("words (-want +got):\n%s", diff)
	}
}

// dialEvents hears the events of a new namespace, in which the loopback is up.
func dialEvents(t *testing.T) (*Client, *Events) {
	t.Helper()
	c := dialNew(t)
	lo, err := vnl.LinkByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	if err := vnl.LinkSetUp(lo); err != nil {
		t.Fatal(err)
	}
	e, err := DialEvents()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return c, e
}

// until receives until one event fits, and returns all.
func until(t *testing.T, e *Events, fits func(Event) bool) []Event {
	t.Helper()
	stop := time.AfterFunc(20*time.Second, func() { e.Close() })
	defer stop.Stop()
	var all []Event
	for {
		events, err := e.Receive()
		all = append(all, events...)
		if slices.ContainsFunc(events, fits) {
			return all
		}
		if err != nil {
			t.Fatalf("%v; so far %+v", err, all)
		}
	}
}

// listenersAreTold tells whether the kernel has events of listening sockets, which came
// with Linux 6.2.
func listenersAreTold(t *testing.T) bool {
	t.Helper()
	told, err := since.Linux("6.2")
	if err != nil {
		t.Fatal(err)
	}
	return told
}

func TestEventsOfTheKernel(t *testing.T) {
	c, e := dialEvents(t)
	mustAdd(t, c, endpoint("127.0.0.3", 3, FlagSubflow|FlagBackup))
	connect(t)
	joinAddr := netip.MustParseAddr("127.0.0.3")
	joined := func(e Event) bool { return e.Type == EventSubflowEstablished && e.Local.Addr() == joinAddr }
	all := until(t, e, joined)
	first := func(want EventType, server bool) Event {
		t.Helper()
		i := slices.IndexFunc(all, func(e Event) bool { return e.Type == want && e.Server == server })
		if i < 0 {
			t.Fatalf("no event %v of a server (%t): %+v", want, server, all)
		}
		return all[i]
	}
	if listenersAreTold(t) {
		listener := first(EventListenerCreated, false)
		if !listener.Local.Addr().IsUnspecified() || listener.Token != 0 || listener.Local.Port() != first(EventCreated, false).Remote.Port() {
			t.Errorf("listener %+v", listener)
		}
	} else if i := slices.IndexFunc(all, func(e Event) bool { return e.Type == EventListenerCreated }); i >= 0 {
		t.Errorf("event %+v of a kernel without it", all[i])
	}
	client, server := first(EventCreated, false), first(EventCreated, true)
	if client.Local != server.Remote || client.Remote != server.Local || client.Token == server.Token || client.Token == 0 ||
		client.Local.Addr() != netip.MustParseAddr("127.0.0.9") {
		t.Errorf("client %+v, server %+v", client, server)
	}
	if got := first(EventEstablished, true); got.Token != server.Token {
		t.Errorf("established %+v", got)
	}
	i := slices.IndexFunc(all, joined)
	if got := all[i]; got.Token != client.Token || got.Remote != client.Remote || got.LocalID != 3 || got.RemoteID != 0 || got.Backup {
		t.Errorf("join %+v", got)
	}

	// The server is told of priorities.
	if err := c.SetFlags(3, 0); err != nil {
		t.Fatal(err)
	}
	until(t, e, func(e Event) bool {
		return e.Type == EventSubflowPriority && e.Token == server.Token && e.RemoteID == 3 && !e.Backup
	})
	if err := c.Delete(3); err != nil {
		t.Fatal(err)
	}
	until(t, e, func(e Event) bool {
		return e.Type == EventRemoved && e.Token == server.Token && e.RemoteID == 3 && !e.Local.IsValid()
	})
	mustAdd(t, c, endpoint("127.0.0.4", 4, FlagSignal))
	announced := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.4"), client.Remote.Port())
	until(t, e, func(e Event) bool {
		return e.Type == EventAnnounced && e.Token == client.Token && e.RemoteID == 4 && e.Remote == announced
	})
}

func TestAnOverrunIsCounted(t *testing.T) {
	_, e := dialEvents(t)
	if err := e.SetBuffer(1); err != nil {
		t.Fatal(err)
	}
	const connections = 5
	for range connections {
		connect(t)
	}
	stop := time.AfterFunc(20*time.Second, func() { e.Close() })
	defer stop.Stop()
	heard, lost := 0, 0
	// Every connection makes as many events at least: at both ends its creation and
	// its establishment, and a listener.
	each := 4
	if listenersAreTold(t) {
		each++
	}
	for heard+lost < each*connections {
		events, err := e.Receive()
		heard += len(events)
		var told *LostError
		if !errors.As(err, &told) && err != nil {
			t.Fatalf("%v after %d events, %d lost", err, heard, lost)
		}
		if told != nil {
			if told.Count == 0 || !errors.Is(err, syscall.ENOBUFS) {
				t.Errorf("%v is no count of an overrun", err)
			}
			lost += int(told.Count)
		}
	}
	if heard == 0 || lost == 0 {
		t.Errorf("%d heard, %d lost", heard, lost)
	}

	// It goes on.
	if err := e.SetBuffer(1 << 20); err != nil {
		t.Fatal(err)
	}
	connect(t)
	until(t, e, func(e Event) bool { return e.Type == EventEstablished && e.Server })
}

func TestCloseEndsReceive(t *testing.T) {
	_, e := dialEvents(t)
	time.AfterFunc(10*time.Millisecond, func() { e.Close() })
	if events, err := e.Receive(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("%v, error %v, want os.ErrClosed", events, err)
	}
}

func TestEventsNeedCapNetAdmin(t *testing.T) {
	enterNewNetns(t)
	dropNetAdmin(t)
	if _, err := DialEvents(); !errors.Is(err, os.ErrPermission) {
		t.Errorf("error %v, want EPERM", err)
	}
}
