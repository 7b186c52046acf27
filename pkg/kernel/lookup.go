// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// Query is a TCP packet that looks for its way.
type Query struct {
	// Dst is where it goes to. It decides about the family.
	Dst netip.Addr
	// Src is where it comes from. The zero Addr lets the kernel choose, as for
	// a socket that is not bound to an address.
	Src netip.Addr
	// OIF names the device that its socket is bound to; empty: none.
	OIF string
	// IIF names the device on which it came in to be forwarded; empty: it is
	// made here. Src is the sender's address then.
	IIF string
}

// Answer is the way that the kernel chose.
type Answer struct {
	// Refused says why there is none: ENETUNREACH, EHOSTUNREACH, EACCES (a rule
	// or route "prohibit"), EINVAL ("blackhole", or a source that this machine
	// does not have, or that cannot come in by that device), EXDEV (the same, or
	// the reverse path filter). It is 0 where there is a way.
	Refused unix.Errno
	// Table is where the route stands; 0 where no route was found and the
	// kernel takes the destination for one on the link of the OIF (IPv4 only:
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

// refusals are the errors of a lookup that are answers (fib_props in
// net/ipv4/fib_semantics.c, ip_route_input_slow in net/ipv4/route.c).
var refusals = []unix.Errno{unix.ENETUNREACH, unix.EHOSTUNREACH, unix.EACCES, unix.EINVAL, unix.EXDEV}

// Lookup asks the kernel which way a packet takes (RTM_GETROUTE). It asks
// twice: once for the way, once for the route that was found. No way is an
// answer; the error is about the question, a device that does not exist, or
// the socket. It needs no privilege.
func (k *Kernel) Lookup(q Query) (Answer, error) {
	a, err := k.ask(&q)
	if errno := unix.Errno(0); errors.As(err, &errno) && slices.Contains(refusals, errno) {
		return Answer{Refused: errno}, nil
	}
	if err != nil {
		return a, fmt.Errorf("lookup of %s: %w", q.Dst, err)
	}
	return a, nil
}

func (k *Kernel) ask(q *Query) (a Answer, err error) {
	body, err := k.encodeQuery(q)
	if err != nil {
		return a, err
	}
	f := plan.FamilyOf(q.Dst)
	var way found
	if err := k.lookup(f, body, &way); err != nil {
		return a, err
	}
	a = Answer{Table: way.Table, Type: way.typ, Gateway: way.Gateway, Src: way.Src}
	if a.Device, err = k.DeviceName(way.Index); err != nil {
		return a, err
	}
	binary.NativeEndian.PutUint32(body[8:], binary.NativeEndian.Uint32(body[8:])|unix.RTM_F_FIB_MATCH)
	err = k.lookup(f, body, &way)
	if errors.Is(err, unix.EHOSTUNREACH) {
		a.Table = 0
		return a, nil
	}
	a.Matched, a.Table = way.Dst, way.Table
	return a, err
}

// encodeQuery makes the request. Strict checking wants the lengths of the
// addresses to be whole (inet_rtm_valid_getroute_req in net/ipv4/route.c);
// IPv6 always tells the table, and takes no flag for it.
func (k *Kernel) encodeQuery(q *Query) ([]byte, error) {
	if !q.Dst.IsValid() || q.Src.IsValid() && q.Src.BitLen() != q.Dst.BitLen() {
		return nil, errors.New("one destination and a source of its family are needed")
	}
	f := plan.FamilyOf(q.Dst)
	header := make([]byte, unix.SizeofRtMsg)
	header[0], header[1] = addressFamilies[f], uint8(q.Dst.BitLen())
	ae := netlink.NewAttributeEncoder()
	ae.Bytes(unix.RTA_DST, q.Dst.AsSlice())
	if q.Src.IsValid() {
		header[2] = uint8(q.Src.BitLen())
		ae.Bytes(unix.RTA_SRC, q.Src.AsSlice())
	}
	ae.Uint8(unix.RTA_IP_PROTO, unix.IPPROTO_TCP)
	if f == plan.IPv4 {
		binary.NativeEndian.PutUint32(header[8:], unix.RTM_F_LOOKUP_TABLE)
	}
	for i, name := range []string{q.OIF, q.IIF} {
		d, ok, err := k.deviceByName(name)
		switch {
		case err != nil:
			return nil, err
		case ok:
			ae.Uint32([...]uint16{unix.RTA_OIF, unix.RTA_IIF}[i], uint32(d.Index))
		case name != "":
			return nil, fmt.Errorf("device %s: %w", name, unix.ENODEV)
		}
	}
	return join(header, ae)
}

// found is one reply to a lookup.
type found struct {
	plan.Route
	typ uint8
}

// lookup sends one request. A reply says "cloned" of the way, which is no route
// of a table, so that decodeRoute would pass over it.
func (k *Kernel) lookup(f plan.Family, body []byte, answer *found) error {
	return k.route.get(unix.RTM_GETROUTE, body, func(b []byte) error {
		if len(b) < unix.SizeofRtMsg {
			return fmt.Errorf("message of %d bytes", len(b))
		}
		b = slices.Clone(b)
		answer.typ = b[7]
		b[2], b[3] = 0, 0 // the source that was asked for, and the type of service
		binary.NativeEndian.PutUint32(b[8:], binary.NativeEndian.Uint32(b[8:])&^unix.RTM_F_CLONED)
		r, _, err := decodeRoute(b, f)
		answer.Route = r.Route
		return err
	})
}

// AnyRoute is a route of whomever in one table.
type AnyRoute struct {
	plan.Route
	// Protocol says who made it (rtm_protocol).
	Protocol uint8
	// Plain says that Route is all there is to it. Others are not unicast, or
	// have several next hops or one of another family.
	Plain bool
}

// TableRoutes lists the first routes of one table, some ten thousand, and counts
// all of them. A table that does not exist has none. It needs no privilege.
func (k *Kernel) TableRoutes(f plan.Family, table uint32) (first []AnyRoute, count int, err error) {
	more := 0
	routes, err := k.routesThat(f, routeFilter{table: table}, &more, func(route) bool { return true })
	if err != nil {
		return nil, 0, err
	}
	first = make([]AnyRoute, len(routes))
	name := ""
	for i := range routes {
		r := &routes[i]
		if i == 0 || r.Index != routes[i-1].Index {
			if name, err = k.DeviceName(r.Index); err != nil {
				return nil, 0, err
			}
		}
		r.Device = name
		first[i] = AnyRoute{r.Route, r.protocol, r.plain}
	}
	return first, len(first) + more, nil
}
