// SPDX-License-Identifier: Apache-2.0

package netifd

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/valyala/fastjson"
)

// Interface is what netifd knows of one interface (netifd ubus.c,
// netifd_dump_status). A down interface has Name, Proto, Device and
// Dynamic only.
type Interface struct {
	Name string
	Up   bool
	// Dynamic says that netifd made the interface itself ("wan_6").
	Dynamic bool
	// Proto is the protocol ("dhcp", "pppoe"); empty without netifd.
	Proto string
	// L3Device carries the addresses ("pppoe-wan"); empty while down.
	L3Device string
	// Device is the device below ("eth0").
	Device string
	// Metric is that of the interface; a route's own wins over it.
	Metric uint32
	// Addresses are of both families, IPv4 first, in netifd's order.
	Addresses []Address
	// Prefixes are the delegated IPv6 prefixes.
	Prefixes []netip.Prefix
	// Routes are those in force, Inactive those that netifd keeps out of the
	// kernel ("defaultroute 0", a metric clash).
	Routes, Inactive []Route
	// IP4Table and IP6Table are the tables that netifd fills instead of the
	// main one; 0 means main.
	IP4Table, IP6Table uint32
}

// Address is one address of an interface with its prefix length. Peer is the
// peer of a point-to-point address ("ptpaddress"), else the zero Addr.
type Address struct {
	Prefix netip.Prefix
	Peer   netip.Addr
}

// Route is one route of an interface. Nexthop is the zero Addr where the
// destination is on the link. The metric is the route's own or, where it has
// none, the interface's.
type Route struct {
	Target  netip.Prefix
	Nexthop netip.Addr
	Metric  uint32
	// Table is not 0 for a route that belongs into a table of its own.
	Table uint32
	// Type is the rtnetlink type of a route that is not unicast, else 0.
	Type uint32
	// MTU is that of the route, in bytes; 0: that of the device.
	MTU uint32
	// Source is in IPv4 the source address that the kernel prefers, in IPv6 the
	// network whose packets alone take the route; the zero Prefix when there is
	// none (system_rt in netifd's system-linux.c).
	Source netip.Prefix
}

// Default reports whether the route leads everywhere.
func (r Route) Default() bool { return r.Target.Bits() == 0 }

// ErrGarbage says that the reply of netifd could not be read.
var ErrGarbage = errors.New("unreadable reply from netifd")

// Parse reads the reply of "ubus call network.interface dump".
func Parse(reply []byte) ([]Interface, error) {
	v, err := fastjson.ParseBytes(reply)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrGarbage, err)
	}
	list := v.Get("interface")
	if list == nil || list.Type() != fastjson.TypeArray {
		return nil, fmt.Errorf("%w: no array \"interface\"", ErrGarbage)
	}
	var all []Interface
	for _, item := range list.GetArray() {
		i, err := parseInterface(item)
		if err != nil {
			return nil, fmt.Errorf("%w: interface %q: %w", ErrGarbage, i.Name, err)
		}
		all = append(all, i)
	}
	return all, nil
}

func parseInterface(v *fastjson.Value) (Interface, error) {
	i := Interface{
		Name:     text(v, "interface"),
		Up:       v.GetBool("up"),
		Dynamic:  v.GetBool("dynamic"),
		Proto:    text(v, "proto"),
		L3Device: text(v, "l3_device"),
		Device:   text(v, "device"),
		Metric:   uint32(v.GetUint("metric")),
		IP4Table: uint32(v.GetUint("ip4table")),
		IP6Table: uint32(v.GetUint("ip6table")),
	}
	if i.Name == "" {
		return i, errors.New("no name")
	}
	for _, key := range []string{"ipv4-address", "ipv6-address"} {
		for _, item := range v.GetArray(key) {
			a, err := parseAddress(item)
			if err != nil {
				return i, fmt.Errorf("%s: %w", key, err)
			}
			i.Addresses = append(i.Addresses, a)
		}
	}
	for _, item := range v.GetArray("ipv6-prefix") {
		p, err := parsePrefix(item, "address")
		if err != nil {
			return i, fmt.Errorf("ipv6-prefix: %w", err)
		}
		i.Prefixes = append(i.Prefixes, p.Masked())
	}
	var err error
	if i.Routes, err = parseRoutes(v.GetArray("route"), i.Metric); err != nil {
		return i, fmt.Errorf("route: %w", err)
	}
	if i.Inactive, err = parseRoutes(v.GetArray("inactive", "route"), i.Metric); err != nil {
		return i, fmt.Errorf("inactive route: %w", err)
	}
	return i, nil
}

func text(v *fastjson.Value, key string) string { return string(v.GetStringBytes(key)) }

func parsePrefix(v *fastjson.Value, key string) (netip.Prefix, error) {
	a, err := netip.ParseAddr(text(v, key))
	if err != nil {
		return netip.Prefix{}, err
	}
	p := netip.PrefixFrom(a, v.GetInt("mask"))
	if !p.IsValid() {
		return p, fmt.Errorf("mask %d of %s", v.GetInt("mask"), a)
	}
	return p, nil
}

func parseAddress(v *fastjson.Value) (Address, error) {
	p, err := parsePrefix(v, "address")
	if err != nil {
		return Address{}, err
	}
	a := Address{Prefix: p}
	if peer := text(v, "ptpaddress"); peer != "" {
		a.Peer, err = netip.ParseAddr(peer)
	}
	return a, err
}

func parseRoutes(items []*fastjson.Value, metric uint32) ([]Route, error) {
	var all []Route
	for _, item := range items {
		target, err := parsePrefix(item, "target")
		if err != nil {
			return nil, err
		}
		r := Route{Target: target.Masked(), Metric: metric, Table: uint32(item.GetUint("table")), Type: uint32(item.GetUint("type")), MTU: uint32(item.GetUint("mtu"))}
		if item.Exists("metric") {
			r.Metric = uint32(item.GetUint("metric"))
		}
		hop, err := netip.ParseAddr(text(item, "nexthop"))
		if err != nil {
			return nil, err
		}
		if !hop.IsUnspecified() {
			r.Nexthop = hop
		}
		if r.Source, err = parseSource(text(item, "source")); err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

// parseSource reads the source of a route. Older releases of netifd have none;
// "::/0" and "0.0.0.0/0" say nothing.
func parseSource(word string) (netip.Prefix, error) {
	if word == "" {
		return netip.Prefix{}, nil
	}
	source, err := netip.ParsePrefix(word)
	if err != nil || source.Bits() == 0 {
		return netip.Prefix{}, err
	}
	return source.Masked(), nil
}
