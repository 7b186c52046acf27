// SPDX-License-Identifier: Apache-2.0

package mptcp

import (
	"fmt"
	"net/netip"
	"syscall"
)

// EventType says what happened (enum mptcp_event_type of
// include/uapi/linux/mptcp_pm.h). Types that have no name here are those of newer
// kernels.
type EventType uint8

const (
	// EventCreated: a connection has begun, and the peer does MPTCP.
	EventCreated EventType = 1
	// EventEstablished: the connection may have more subflows from now on.
	EventEstablished EventType = 2
	// EventClosed: the connection has ended.
	EventClosed EventType = 3
	// EventAnnounced: the peer has announced an address (ADD_ADDR, RFC 8684
	// section 3.4.1).
	EventAnnounced EventType = 6
	// EventRemoved: the peer has withdrawn an address (REMOVE_ADDR, RFC 8684
	// section 3.4.2).
	EventRemoved EventType = 7
	// EventSubflowEstablished: the connection has one more subflow.
	// EventSubflowClosed: it has lost one, the first one perhaps, and lives on.
	EventSubflowEstablished EventType = 10
	EventSubflowClosed      EventType = 11
	// EventSubflowPriority: the peer has changed the priority of a subflow
	// (MP_PRIO, RFC 8684 section 3.3.8). A change by this host is no event.
	EventSubflowPriority EventType = 13
	// EventListenerCreated and EventListenerClosed: a listening MPTCP socket,
	// an application's or that of an endpoint with a port. Since Linux 6.2.
	EventListenerCreated EventType = 15
	EventListenerClosed  EventType = 16
)

// String returns the event's name in lower case, "subflow established".
func (t EventType) String() string {
	switch t {
	case EventCreated:
		return "created"
	case EventEstablished:
		return "established"
	case EventClosed:
		return "closed"
	case EventAnnounced:
		return "announced"
	case EventRemoved:
		return "removed"
	case EventSubflowEstablished:
		return "subflow established"
	case EventSubflowClosed:
		return "subflow closed"
	case EventSubflowPriority:
		return "subflow priority"
	case EventListenerCreated:
		return "listener created"
	case EventListenerClosed:
		return "listener closed"
	}
	return fmt.Sprintf("event %d", uint8(t))
}

// Event is one message of the path manager about a connection. What its type
// does not tell is zero.
type Event struct {
	Type EventType
	// Token names the connection on this host (RFC 8684 section 3.2). Events
	// about listeners have none.
	Token uint32
	// Local and Remote are the addresses of the subflow, for EventCreated and
	// EventEstablished those of the first one. EventAnnounced has the announced
	// address in Remote, with the port of the connection where it has none of
	// its own; events about listeners have Local. IPv4 is never mapped into IPv6.
	Local, Remote netip.AddrPort
	// LocalID and RemoteID are the address ids (RFC 8684 section 3.2). Zero is
	// the address of the first subflow.
	LocalID, RemoteID uint8
	// IfIndex is the index of the interface to which the subflow is bound. Zero:
	// to none, routing chooses.
	IfIndex int
	// Backup: the peer wants the subflow used as backup. What this host wants,
	// the flag of its endpoint, is not told.
	Backup bool
	// Server: the peer has opened the connection.
	Server bool
	// NoJoinToFirst: no subflow may be opened to the peer's first address and
	// port (the flag C of RFC 8684 section 3.1). The kernel tells since 6.17 and
	// in its stable releases of that time.
	NoJoinToFirst bool
	// Errno is the error that ended the subflow, ETIMEDOUT for one. Zero: none.
	Errno syscall.Errno
	// WasReset: the peer has ended the subflow by a reset with a reason
	// (MP_TCPRST, RFC 8684 section 3.6), which is Reset.
	WasReset bool
	Reset    Reset
}

// Reset is what a peer says of a reset of a subflow.
type Reset struct {
	// Reason is one of the registry in RFC 8684 section 7.4.
	Reason uint8
	// Transient: the peer takes it that the condition will pass (the flag T).
	Transient bool
}

// String returns the reason as RFC 8684 section 7.4 words it, in lower case.
func (r Reset) String() string {
	reasons := [...]string{
		"unspecified error", "MPTCP-specific error", "lack of resources", "administratively prohibited",
		"too much outstanding data", "unacceptable performance", "middlebox interference",
	}
	if int(r.Reason) < len(reasons) {
		return reasons[r.Reason]
	}
	return fmt.Sprintf("reason %d", r.Reason)
}

// LostError tells that the kernel has dropped events, because the socket's
// buffer was full. It is compatible with errors.Is(err, syscall.ENOBUFS).
type LostError struct {
	// Count is the number of events; zero where the kernel has not said it.
	Count uint32
}

func (e *LostError) Error() string {
	if e.Count == 0 {
		return "events may be lost"
	}
	return fmt.Sprintf("%d events are lost", e.Count)
}

// Unwrap returns ENOBUFS.
func (e *LostError) Unwrap() error { return syscall.ENOBUFS }
