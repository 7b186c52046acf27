// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/doctor"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// factRoutes reads the routes of the main table that doctor asks for: those that
// refuse what all or half of a family is, and those to a host that netifd makes.
func (k *Kernel) factRoutes(f plan.Family) (all []doctor.Route, err error) {
	wide := func(r *route) bool { return r.Dst.Bits() <= 1 }
	host := func(r *route) bool { return r.Dst.IsSingleIP() }
	filter := routeFilter{table: plan.Main}
	for _, typ := range []uint8{unix.RTN_BLACKHOLE, unix.RTN_UNREACHABLE, unix.RTN_PROHIBIT, unix.RTN_UNICAST} {
		wanted := wide
		if typ == unix.RTN_UNICAST {
			filter.protocol, wanted = unix.RTPROT_STATIC, host
		}
		routes, err := k.liveRoutes(f, filter, typ, wanted)
		for i := 0; i < len(routes) && err == nil; i++ {
			r := &routes[i]
			r.Device, err = k.DeviceName(r.Index)
			all = append(all, doctor.Route{Route: r.Route, Type: typ})
		}
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// liveRoutes lists some routes, of one type unless that is 0, without those whose device has no
// carrier. The kernel itself leaves out all others by their table, type and protocol
// (ip_valid_fib_dump_req in net/ipv4/fib_frontend.c), so that a long table is walked
// but not sent.
func (k *Kernel) liveRoutes(f plan.Family, filter routeFilter, typ uint8, wanted func(*route) bool) ([]route, error) {
	header := make([]byte, unix.SizeofRtMsg)
	header[0], header[5], header[7] = addressFamilies[f], filter.protocol, typ
	ae := netlink.NewAttributeEncoder()
	ae.Uint32(unix.RTA_TABLE, filter.table)
	body, err := join(header, ae)
	if err != nil {
		return nil, err
	}
	more := 0 // than anybody needs
	routes, err := dump(k.route, unix.RTM_GETROUTE, body, &more, func(b []byte) (route, bool, error) {
		r, ok, err := decodeRoute(b, f)
		return r, ok && r.Table == filter.table && (filter.protocol == 0 || r.protocol == filter.protocol) && (typ == 0 || b[7] == typ) &&
			binary.NativeEndian.Uint32(b[8:])&(unix.RTNH_F_DEAD|unix.RTNH_F_LINKDOWN) == 0 && wanted(&r), err
	})
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return nil, fmt.Errorf("%s routes of table %d: %w", f, filter.table, err)
	}
	return routes, nil
}

// factAddresses are the addresses of all devices, with their names.
func (k *Kernel) factAddresses(there []plan.Address) ([]doctor.Address, error) {
	all := make([]doctor.Address, len(there))
	for i, a := range there {
		all[i].Address = a
		if i > 0 && there[i-1].Index == a.Index {
			all[i].Device = all[i-1].Device
			continue
		}
		var err error
		if all[i].Device, err = k.DeviceName(a.Index); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// missing are the devices of the configuration that do not exist. That of a VLAN
// (eth1.2) does where its parent does: netifd makes it when it is needed.
func (k *Kernel) missing(cfg *config.Config) ([]string, error) {
	if cfg == nil {
		return nil, nil
	}
	var names []string
	for _, i := range cfg.Interfaces {
		_, there, err := k.deviceByName(i.Device)
		if parent, _, vlan := strings.Cut(i.Device, "."); vlan && !there && err == nil {
			_, there, err = k.deviceByName(parent)
		}
		switch {
		case err != nil:
			return nil, err
		case !there && i.Device != "":
			names = append(names, i.Device)
		}
	}
	return names, nil
}
