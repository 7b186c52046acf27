// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Protocol is the rtnetlink protocol number that every managed rule and route
// carries: the mark of ownership (rtm_protocol, FRA_PROTOCOL). Numbers from
// RTPROT_STATIC (4) up are free for user space (include/uapi/linux/rtnetlink.h).
const Protocol = 77

// Main is the kernel's main table (RT_TABLE_MAIN).
const Main = 254

// Priorities of the managed rules.
const (
	PriorityOverlap  = 500   // networks of a line that overlap those of another
	PriorityLocal    = 501   // replies from a line's address to the LAN
	PrioritySource   = 502   // packets from a line's address leave over that line
	PriorityDevice   = 503   // sockets bound to a line's device
	PriorityFallback = 504   // packets from a line's address while its table has no route, IPv6
	PriorityList     = 32765 // the master list, just before the kernel's main
)

// LastSteering is the priority of the last rule that leads a line's packets into the
// line's table. A foreign rule up to it can take them away.
const LastSteering = PriorityDevice

// QueryMark is the firewall mark with which the main table alone is asked for a route
// ("MPTC" in ASCII). While a line of the family is a master, a rule leads it there; no
// packet carries it.
const QueryMark = 0x4d505443

// Loopback is where packets of the router itself come from
// (ip_route_output_key_hash in net/ipv4/route.c).
const Loopback = "lo"

// NoGroup is a group of devices that no device has (IFLA_GROUP is an int). To
// suppress routes by it does nothing; it only tells the entries of the IPv6 master
// list apart from rules with a source, which the kernel takes for the same when a
// request names less than they have (rule_exists and rule_find in
// net/core/fib_rules.c).
const NoGroup = 1<<31 - 1

// Rule is a managed policy rule: protocol 77, action "lookup". It is
// comparable; the kernel's order among rules of one priority is their order of
// arrival and not part of it.
type Rule struct {
	Family   Family
	Priority uint32
	// Src is the source prefix; the zero Prefix stands for "all".
	Src netip.Prefix
	// OIF is the name of the device that a socket is bound to; empty: any.
	OIF string
	// IIF is Loopback for what the router itself sends; empty: any.
	IIF string
	// Mark is the firewall mark, all of whose bits count; 0: any.
	Mark uint32
	// Table is looked up.
	Table uint32
	// Suppress ignores routes whose prefix is not longer than this many bits
	// (FRA_SUPPRESS_PREFIXLEN); -1 ignores none.
	Suppress int
	// Group ignores routes by devices of that group (FRA_SUPPRESS_IFGROUP); 0
	// ignores none.
	Group uint32
}

// selector is what a packet must match: everything but the action.
type selector struct {
	family   Family
	priority uint32
	src      netip.Prefix
	oif, iif string
	mark     uint32
}

func (r Rule) selector() selector { return selector{r.Family, r.Priority, r.Src, r.OIF, r.IIF, r.Mark} }

// String is the rule in the syntax of "ip rule add".
func (r Rule) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "pref %d", r.Priority)
	if r.Src.IsValid() {
		b.WriteString(" from " + PrefixText(r.Src))
	}
	if r.IIF != "" {
		b.WriteString(" iif " + r.IIF)
	}
	if r.OIF != "" {
		b.WriteString(" oif " + r.OIF)
	}
	if r.Mark != 0 {
		b.WriteString(" fwmark 0x" + strconv.FormatUint(uint64(r.Mark), 16))
	}
	b.WriteString(" lookup " + tableText(r.Table))
	if r.Suppress >= 0 {
		b.WriteString(" suppress_prefixlength " + strconv.Itoa(r.Suppress))
	}
	if r.Group != 0 {
		b.WriteString(" suppress_ifgroup " + strconv.FormatUint(uint64(r.Group), 10))
	}
	b.WriteString(" protocol " + strconv.Itoa(Protocol))
	return b.String()
}

// Route is a route of protocol 77 in the table of a line.
type Route struct {
	Family Family
	Table  uint32
	Dst    netip.Prefix
	// Throw ends the lookup in this table, so that the next rule is asked
	// (RTN_THROW); such a route has nothing else but a metric.
	Throw bool
	// Gateway is the zero Addr for a destination on the link. In IPv4 it may be
	// an IPv6 address (RTA_VIA, RFC 9229).
	Gateway netip.Addr
	// Device is the name, Index the number of the link.
	Device string
	Index  int
	// Src is the preferred source (RTA_PREFSRC), or the zero Addr.
	Src netip.Addr
	// OnLink lets the gateway be outside of every connected prefix
	// (RTNH_F_ONLINK).
	OnLink bool
	// Metric is RTA_PRIORITY: 0 in IPv4; the kernel makes 1024 of 0 in IPv6
	// (IP6_RT_PRIO_USER), so that is what Metric is then.
	Metric uint32
	// MTU is that of the route in bytes (RTAX_MTU); 0: that of the device.
	MTU uint32
}

// routeKey is the identity of a route inside the kernel: two routes of one key
// do not exist side by side unless they are appended.
type routeKey struct {
	family Family
	table  uint32
	dst    netip.Prefix
	metric uint32
}

func (r Route) key() routeKey { return routeKey{r.Family, r.Table, r.Dst, r.Metric} }

// Default reports whether the route leads everywhere.
func (r Route) Default() bool { return r.Dst.Bits() == 0 }

// String is the route in the syntax of "ip route add".
func (r Route) String() string {
	var b strings.Builder
	if r.Throw {
		b.WriteString("throw ")
	}
	if r.Default() {
		b.WriteString("default")
	} else {
		b.WriteString(PrefixText(r.Dst))
	}
	r.writeNexthop(&b)
	if r.Src.IsValid() {
		b.WriteString(" src " + r.Src.String())
	}
	if r.MTU != 0 {
		b.WriteString(" mtu " + strconv.FormatUint(uint64(r.MTU), 10))
	}
	b.WriteString(" table " + tableText(r.Table))
	if r.Family == IPv4 && r.Metric != 0 || r.Family == IPv6 && r.Metric != metricIPv6 {
		b.WriteString(" metric " + strconv.FormatUint(uint64(r.Metric), 10))
	}
	b.WriteString(" proto " + strconv.Itoa(Protocol))
	return b.String()
}

func (r Route) writeNexthop(b *strings.Builder) {
	switch {
	case r.Throw:
		return
	case r.Gateway.IsValid() && FamilyOf(r.Gateway) != r.Family:
		b.WriteString(" via inet6 " + r.Gateway.String())
	case r.Gateway.IsValid():
		b.WriteString(" via " + r.Gateway.String())
	}
	b.WriteString(" dev " + r.Device)
	if !r.Gateway.IsValid() && r.Family == IPv4 {
		b.WriteString(" scope link")
	}
	if r.OnLink {
		b.WriteString(" onlink")
	}
}

// metricIPv6 is what the kernel stores for an IPv6 route without metric
// (include/net/ip6_fib.h, IP6_RT_PRIO_USER).
const metricIPv6 = 1024

func tableText(table uint32) string {
	if table == Main {
		return "main"
	}
	return strconv.FormatUint(uint64(table), 10)
}

// PrefixText leaves the length of a host prefix away, as ip does.
func PrefixText(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}
