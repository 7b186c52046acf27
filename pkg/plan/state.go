// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"net/netip"

	"github.com/mptcpctl/mptcpctl/pkg/health"
	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
)

// State is what the kernel has, as far as a plan needs it. All slices keep the
// kernel's order.
type State struct {
	Devices   []Device
	Addresses []Address
	// Rules are the rules of protocol 77.
	Rules []Rule
	// Defaults say by family who has the default route of the main table.
	Defaults [2]MainDefault
	// Routes are the routes of protocol 77 in the tables that were asked for;
	// Foreign are all others there, of any type, that have a destination
	// of Request.Destinations.
	Routes, Foreign []Route
	Endpoints       []mptcp.Endpoint
	Limits          mptcp.Limits
	// PathManager says whether the kernel's path manager can be told anything.
	PathManager PathManager
	// MaxEndpoints is the kernel's bound on endpoints, MaxLimit that on each
	// of the limits. Where no operation has met them yet, they are what no kernel
	// goes beyond: mptcp.MaxID and mptcp.MaxLimit.
	MaxEndpoints int
	MaxLimit     uint32
	// Laminar says that the kernel's release has laminar endpoints.
	Laminar bool
	// Sysctls holds the values that were asked for, by key; a setting that
	// this kernel lacks is absent.
	Sysctls map[string]string
	// Subflows are the established MPTCP subflows. They are listed only while a
	// decision depends on them: SubflowsAsked says that it was tried,
	// SubflowsKnown that the kernel could answer.
	Subflows                     []Subflow
	SubflowsAsked, SubflowsKnown bool
	// Health are the verdicts on the lines that are examined.
	Health []Health
	// Connecting are the addresses from which MPTCP connections are being opened. They
	// are listed only while a line is dead that keeps the LAN's traffic.
	Connecting []netip.Addr
}

// Health is the verdict on one line in one family.
type Health struct {
	Interface string
	Family    Family
	health.State
	// Source says what the verdict rests on.
	Source string
}

// healthOf is the verdict on a line; the zero one if there is none.
func (s *State) healthOf(name string, f Family) Health {
	for i := range s.Health {
		if h := &s.Health[i]; h.Interface == name && h.Family == f {
			return *h
		}
	}
	return Health{}
}

// PathManager is the state of MPTCP's path management in the kernel.
type PathManager uint8

const (
	// PathManagerKernel: it can be told.
	PathManagerKernel PathManager = iota
	// PathManagerMissing: the kernel has no MPTCP.
	PathManagerMissing
	// PathManagerOther: net.mptcp.pm_type or path_manager names another.
	PathManagerOther
)

// String is "kernel", "missing" or "other".
func (p PathManager) String() string { return [...]string{"kernel", "missing", "other"}[p] }

// Device is one link.
type Device struct {
	Name  string
	Index int
	// Up is IFF_UP, Carrier IFF_LOWER_UP (include/uapi/linux/if.h).
	Up, Carrier bool
	// Kind is that of a virtual link, "wireguard" (IFLA_INFO_KIND); empty for
	// others.
	Kind string
}

// MainDefault is the default route that the main table itself takes for a packet
// that no rule concerns. Known without Hops: main has none.
type MainDefault struct {
	Known  bool
	Hops   []Hop
	Metric uint32
}

// Hop is one nexthop of a route.
type Hop struct {
	Index   int
	Gateway netip.Addr
}

// Address is one address of a link.
type Address struct {
	Index  int
	Prefix netip.Prefix
	// Peer is the prefix of the peer of a point-to-point address, or zero.
	Peer netip.Prefix
	// Global is scope universe or site; others never count.
	Global bool
	// Tentative, Deprecated, DADFailed, NoPrefixRoute and Temporary are the IFA_F_
	// flags (include/uapi/linux/if_addr.h).
	// Temporary is a privacy address (RFC 8981).
	Tentative, Deprecated, DADFailed, NoPrefixRoute, Temporary bool
	// Routed says of an address with NoPrefixRoute that the main table has its network
	// on the link all the same: whoever set the address has made the route.
	Routed bool
}

// Subflow is one established subflow of an MPTCP connection.
type Subflow struct {
	Token uint32
	Local netip.Addr
	// Opened says that this host opened it, Plain that it carries plain TCP, to
	// which its connection fell back: such a connection gets no other.
	Opened, Plain bool
	// Young says that the peer has not acknowledged anything on it yet. A connection
	// gets others only after that.
	Young bool
	// Stalled says that its peer leaves one retransmission after the other
	// without an answer.
	Stalled bool
}

// Present reports whether a device has an address.
func (s *State) Present(addr netip.Addr) bool {
	for i := range s.Addresses {
		if s.Addresses[i].Prefix.Addr() == addr {
			return true
		}
	}
	return false
}

// deviceByName returns the zero Device (Index 0) when there is none.
func (s *State) deviceByName(name string) Device {
	for _, d := range s.Devices {
		if d.Name == name && name != "" {
			return d
		}
	}
	return Device{}
}

func (s *State) deviceByIndex(index int) Device {
	for _, d := range s.Devices {
		if d.Index == index {
			return d
		}
	}
	return Device{}
}
