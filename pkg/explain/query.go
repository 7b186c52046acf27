// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"net/netip"
	"strconv"
	"strings"
	"syscall"

	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// Query is a TCP packet whose route is looked up.
type Query struct {
	// Dst is its destination, which decides about the family.
	Dst netip.Addr
	// Src is its source. The zero Addr lets the kernel choose, as for a socket
	// that is not bound to an address.
	Src netip.Addr
	// OIF names the device that its socket is bound to; empty: none.
	OIF string
	// IIF names the device on which it came in to be forwarded; empty: it is
	// made here. Src is the sender's address then.
	IIF string
	// Mark is its firewall mark; 0: none.
	Mark uint32
}

// Answer is the way that the kernel chose.
type Answer struct {
	// Refused says why there is none: ENETUNREACH, EHOSTUNREACH, EACCES (a rule
	// or route "prohibit"), EINVAL ("blackhole", or a source that this machine
	// does not have, or that cannot come in by that device), EXDEV (the same, or
	// the reverse path filter). It is 0 where there is a way.
	Refused syscall.Errno
	// Table holds the route; it is 0 where no route was found and the kernel
	// takes the destination for one on the link of the OIF (IPv4 only:
	// ip_route_output_key_hash_rcu in net/ipv4/route.c).
	Table uint32
	// Matched is the destination of that route.
	Matched netip.Prefix
	// Type is RTN_* (include/uapi/linux/rtnetlink.h): 1 leads on, 2 is this
	// machine itself.
	Type uint8
	// Device is where the packet leaves, Gateway the next hop; it is the zero
	// Addr when the destination is on the link.
	Device  string
	Gateway netip.Addr
	// Src is the source that a packet without one gets, as far as the kernel
	// tells.
	Src netip.Addr
}

// Types of a route that lead to no other host (RTN_LOCAL and RTN_BROADCAST,
// include/uapi/linux/rtnetlink.h).
const (
	typeLocal     = 2
	typeBroadcast = 3
)

// Local reports whether the destination is this machine itself.
func (a Answer) Local() bool { return a.Type == typeLocal }

// merged reports whether the route is one of the local table although the
// kernel says main: until a rule is added, the two are one
// (fib_trie_unmerge in net/ipv4/fib_trie.c).
func (a *Answer) merged() bool {
	return a.Table == plan.Main && (a.Type == typeLocal || a.Type == typeBroadcast)
}

// AnyRoute is a route in one table, whoever made it.
type AnyRoute struct {
	plan.Route
	// Protocol says who made it (rtm_protocol).
	Protocol uint8
	// Plain says that Route is all there is to it. Others are not unicast, or
	// have several next hops or one of another family.
	Plain bool
}

// String is the route as "ip route" prints one, its table left out.
func (r AnyRoute) String() string {
	text, _, _ := strings.Cut(r.Route.String(), " table ")
	return text + " proto " + strconv.Itoa(int(r.Protocol))
}
