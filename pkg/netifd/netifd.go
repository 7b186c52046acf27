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
	// NameServers are those that the line's provider or the configuration names, used
	// by the resolver or not.
	NameServers []netip.Addr
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
	return parse(jsonValue{v})
}

func parse(v value) ([]Interface, error) {
	list, ok := v.items("interface")
	if !ok {
		return nil, fmt.Errorf("%w: no array \"interface\"", ErrGarbage)
	}
	var all []Interface
	for _, item := range list {
		i, err := parseInterface(item)
		if err != nil {
			return nil, fmt.Errorf("%w: interface %q: %w", ErrGarbage, i.Name, err)
		}
		all = append(all, i)
	}
	return all, nil
}

func parseInterface(v value) (Interface, error) {
	i := Interface{
		Name:     v.text("interface"),
		Up:       v.flag("up"),
		Dynamic:  v.flag("dynamic"),
		Proto:    v.text("proto"),
		L3Device: v.text("l3_device"),
		Device:   v.text("device"),
		Metric:   number(v, "metric"),
		IP4Table: number(v, "ip4table"),
		IP6Table: number(v, "ip6table"),
	}
	if i.Name == "" {
		return i, errors.New("no name")
	}
	for _, key := range []string{"ipv4-address", "ipv6-address"} {
		for _, item := range list(v, key) {
			a, err := parseAddress(item)
			if err != nil {
				return i, fmt.Errorf("%s: %w", key, err)
			}
			i.Addresses = append(i.Addresses, a)
		}
	}
	for _, item := range list(v, "ipv6-prefix") {
		p, err := parsePrefix(item, "address")
		if err != nil {
			return i, fmt.Errorf("ipv6-prefix: %w", err)
		}
		i.Prefixes = append(i.Prefixes, p.Masked())
	}
	for _, item := range append(list(v, "dns-server"), list(v, "inactive", "dns-server")...) {
		if a, err := netip.ParseAddr(item.text("")); err == nil {
			i.NameServers = append(i.NameServers, a.WithZone(""))
		}
	}
	var err error
	if i.Routes, err = parseRoutes(list(v, "route"), i.Metric); err != nil {
		return i, fmt.Errorf("route: %w", err)
	}
	if i.Inactive, err = parseRoutes(list(v, "inactive", "route"), i.Metric); err != nil {
		return i, fmt.Errorf("inactive route: %w", err)
	}
	return i, nil
}

// number is a number that netifd means as unsigned: the bus, and JSON made of what it
// has sent, have those from 2^31 up as negative ones (blobmsg_format_element in
// libubox's blobmsg_json.c).
func number(v value, key string) uint32 {
	n, _ := v.number(key)
	return uint32(n)
}

// list is an array, empty where there is none.
func list(v value, keys ...string) []value {
	all, _ := v.items(keys...)
	return all
}

func parsePrefix(v value, key string) (netip.Prefix, error) {
	a, err := netip.ParseAddr(v.text(key))
	if err != nil {
		return netip.Prefix{}, err
	}
	bits, _ := v.number("mask")
	p := netip.PrefixFrom(a, int(max(-1, min(bits, 255))))
	if !p.IsValid() {
		return p, fmt.Errorf("mask %d of %s", bits, a)
	}
	return p, nil
}

func parseAddress(v value) (Address, error) {
	p, err := parsePrefix(v, "address")
	if err != nil {
		return Address{}, err
	}
	a := Address{Prefix: p}
	if peer := v.text("ptpaddress"); peer != "" {
		a.Peer, err = netip.ParseAddr(peer)
	}
	return a, err
}

func parseRoutes(items []value, metric uint32) ([]Route, error) {
	var all []Route
	for _, item := range items {
		target, err := parsePrefix(item, "target")
		if err != nil {
			return nil, err
		}
		r := Route{Target: target.Masked(), Metric: metric, Table: number(item, "table"), Type: number(item, "type"), MTU: number(item, "mtu")}
		if _, own := item.number("metric"); own {
			r.Metric = number(item, "metric")
		}
		hop, err := netip.ParseAddr(item.text("nexthop"))
		if err != nil {
			return nil, err
		}
		if !hop.IsUnspecified() {
			r.Nexthop = hop
		}
		if r.Source, err = parseSource(item.text("source")); err != nil {
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
