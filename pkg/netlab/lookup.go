// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"errors"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// A Packet is one whose way is asked for. From may be missing, which is an unbound
// socket's. In is the device by which a forwarded packet came, Out that to which a
// socket is bound.
type Packet struct {
	To, From netip.Addr
	In, Out  string
	Mark     uint32
}

// A Way is the answer: no device where the packet cannot be sent.
type Way struct {
	Device  string
	Gateway netip.Addr
	Source  netip.Addr
	Table   int
}

// Way asks the kernel which way a packet takes, with all rules.
func (n *Namespace) Way(p Packet) (Way, error) {
	routes, err := n.Netlink.RouteGetWithOptions(p.To.AsSlice(), &netlink.RouteGetOptions{SrcAddr: p.From.AsSlice(), Iif: p.In, Oif: p.Out, Mark: p.Mark})
	for _, none := range []error{unix.ENETUNREACH, unix.EHOSTUNREACH, unix.EACCES, unix.EINVAL} {
		if errors.Is(err, none) {
			return Way{}, nil
		}
	}
	if err != nil || len(routes) == 0 {
		return Way{}, err
	}
	link, err := n.Netlink.LinkByIndex(routes[0].LinkIndex)
	if err != nil {
		return Way{}, err
	}
	w := Way{Device: link.Attrs().Name, Table: routes[0].Table}
	w.Gateway, _ = netip.AddrFromSlice(routes[0].Gw)
	w.Source, _ = netip.AddrFromSlice(routes[0].Src)
	w.Gateway, w.Source = w.Gateway.Unmap(), w.Source.Unmap()
	return w, nil
}
