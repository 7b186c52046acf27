// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/explain"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// refusals are the errors of a lookup that are answers (fib_props in
// net/ipv4/fib_semantics.c, ip_route_input_slow in net/ipv4/route.c).
var refusals = []unix.Errno{unix.ENETUNREACH, unix.EHOSTUNREACH, unix.EACCES, unix.EINVAL, unix.EXDEV}

// Lookup asks the kernel which way a packet takes (RTM_GETROUTE). It asks
// twice: once for the way, once for the route that was found. No way is an
// answer; the error is about the question, a device that does not exist, or
// the socket. It needs no privilege.
func (k *Kernel) Lookup(q explain.Query) (explain.Answer, error) {
	a, err := k.ask(&q)
	if errno := refusal(err); errno != 0 {
		return explain.Answer{Refused: errno}, nil
	}
	if err != nil {
		return a, fmt.Errorf("lookup of %s: %w", q.Dst, err)
	}
	return a, nil
}

// refusal is the refusal that an error of a lookup is, or 0.
func refusal(err error) unix.Errno {
	for _, errno := range refusals {
		if errors.Is(err, errno) {
			return errno
		}
	}
	return 0
}

func (k *Kernel) ask(q *explain.Query) (a explain.Answer, err error) {
	body, err := k.encodeQuery(q)
	if err != nil {
		return a, err
	}
	var way route
	if err := k.answered(body, &way); err != nil {
		return a, err
	}
	a = explain.Answer{Table: way.Table, Type: way.typ, Gateway: way.Gateway, Src: way.Src}
	if a.Device, err = k.DeviceName(way.Index); err != nil {
		return a, err
	}
	binary.NativeEndian.PutUint32(body[8:], binary.NativeEndian.Uint32(body[8:])|unix.RTM_F_FIB_MATCH)
	err = k.answered(body, &way)
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
func (k *Kernel) encodeQuery(q *explain.Query) ([]byte, error) {
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
	if q.Mark != 0 {
		ae.Uint32(unix.RTA_MARK, q.Mark)
	}
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

// answered sends the request of a lookup. A reply says "cloned" of the way, which is
// no route of a table, so that decodeRoute would pass over it.
func (k *Kernel) answered(body []byte, answer *route) error {
	return k.route.get(unix.RTM_GETROUTE, body, func(b []byte) error {
		if len(b) < unix.SizeofRtMsg {
			return fmt.Errorf("message of %d bytes", len(b))
		}
		b = append([]byte(nil), b...)
		b[2], b[3] = 0, 0 // the source that was asked for, and the type of service
		binary.NativeEndian.PutUint32(b[8:], binary.NativeEndian.Uint32(b[8:])&^unix.RTM_F_CLONED)
		r, _, err := decodeRoute(b)
		*answer = r
		return err
	})
}

// TableRoutes lists the first routes of one table, some ten thousand, and counts
// all of them. A table that does not exist has none. It needs no privilege.
func (k *Kernel) TableRoutes(f plan.Family, table uint32) (first []explain.AnyRoute, count int, err error) {
	more := 0
	routes, err := k.routesThat(routeFilter{family: addressFamilies[f], table: table}, &more, func(route) bool { return true })
	if err != nil {
		return nil, 0, err
	}
	first = make([]explain.AnyRoute, len(routes))
	name := ""
	for i := range routes {
		r := &routes[i]
		if i == 0 || r.Index != routes[i-1].Index {
			if name, err = k.DeviceName(r.Index); err != nil {
				return nil, 0, err
			}
		}
		r.Device = name
		first[i] = explain.AnyRoute{Route: r.Route, Protocol: r.protocol, Plain: r.plain}
	}
	return first, len(first) + more, nil
}

// Forwards reports whether the kernel forwards what comes in by a device. A
// device without that setting is taken for one that does.
func (k *Kernel) Forwards(f plan.Family, device string) (bool, error) {
	value, ok, err := Sysctl("net/" + f.String() + "/conf/" + device + "/forwarding")
	return err == nil && (!ok || value != "0"), err
}
