// SPDX-License-Identifier: Apache-2.0

package mptcp

import (
	"net/netip"
	"strconv"
	"strings"
)

// MinID and MaxID bound the id of an endpoint; 0 stands for the address of a
// connection's first subflow, whatever it is. The kernel keeps the ids in a
// bitmap of MPTCP_PM_MAX_ADDR_ID + 1 bits (net/mptcp/protocol.h), since the
// address id of RFC 8684 section 3.4 has eight.
const (
	MinID = 1
	MaxID = 255
)

// Endpoint is an address that the path manager uses for subflows or announces
// to peers. Two endpoints can be compared with ==.
type Endpoint struct {
	// ID is the address id, MinID to MaxID. Zero, which no endpoint that was
	// read from the kernel has, lets the kernel choose.
	ID uint8
	// Addr is the local address, without zone. An IPv4 address that is mapped
	// into IPv6 means the IPv4 address.
	Addr netip.Addr
	// Port is the port on which the kernel listens for joins to the announced
	// address, in host order. Zero means the port of the connection; any other
	// value goes with FlagSignal and without FlagSubflow only.
	Port uint16
	// Flags say what the endpoint is used for.
	Flags Flags
	// IfIndex is the index of the interface to which subflows of this endpoint
	// are bound. Zero means that routing chooses. The kernel checks neither
	// that the interface exists nor that it has the address.
	IfIndex int
}

// Place is the address and, where it has one, the port, as "ip mptcp endpoint show"
// prints them: "10.0.0.1 port 8443".
func (e Endpoint) Place() string {
	if e.Port == 0 {
		return e.Addr.String()
	}
	return e.Addr.String() + " port " + strconv.Itoa(int(e.Port))
}

// Flags is a set of MPTCP_PM_ADDR_FLAG_* bits (include/uapi/linux/mptcp.h).
// Zero is an endpoint that only gives its id to subflows from its address.
// Bits that have no name here are kept as the kernel sent them.
type Flags uint32

const (
	// FlagSignal announces the address to peers (ADD_ADDR, RFC 8684 section
	// 3.4.1). It excludes FlagFullmesh.
	FlagSignal Flags = 1 << 0
	// FlagSubflow makes the kernel open a subflow from the address for every
	// connection.
	FlagSubflow Flags = 1 << 1
	// FlagBackup marks the subflows as backup: the peer sends on them only when
	// no other subflow is usable (RFC 8684 section 3.3.8).
	FlagBackup Flags = 1 << 2
	// FlagFullmesh opens a subflow to every known address of the peer, not
	// only to the first one. Since Linux 5.18.
	FlagFullmesh Flags = 1 << 3
	// FlagImplicit marks an endpoint that the kernel made by itself, for the
	// local address of a subflow that the peer opened. It is read only.
	FlagImplicit Flags = 1 << 4
	// FlagLaminar uses the endpoint for subflows to addresses that the peer
	// announces. Since Linux 6.18; older kernels store the bit or drop it, and
	// do nothing with it either way.
	FlagLaminar Flags = 1 << 5
)

// String returns the names as "ip mptcp endpoint show" prints them, in its
// order and separated by spaces: "subflow backup". Bits without a name follow
// as one hexadecimal number. The empty set is "".
func (f Flags) String() string {
	names := [...]struct {
		flag Flags
		name string
	}{
		{FlagSignal, "signal"},
		{FlagSubflow, "subflow"},
		{FlagLaminar, "laminar"},
		{FlagBackup, "backup"},
		{FlagFullmesh, "fullmesh"},
		{FlagImplicit, "implicit"},
	}
	var words []string
	for _, n := range names {
		if f&n.flag != 0 {
			words = append(words, n.name)
			f &^= n.flag
		}
	}
	if f != 0 {
		words = append(words, "0x"+strconv.FormatUint(uint64(f), 16))
	}
	return strings.Join(words, " ")
}
