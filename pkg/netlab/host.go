// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"errors"
	"fmt"
	"net/netip"
)

// FarHost is the address of the host that AddFarHost makes, of a network that is
// neither private nor anybody's (RFC 2544).
var FarHost = netip.MustParseAddr("198.18.0.2")

// AddFarHost makes a host on the internet that is not the far server: what a LAN
// host wants to reach through it. The caller closes it.
func (l *Lab) AddFarHost() (*Namespace, error) {
	n, err := newNamespace("far")
	if err != nil {
		return nil, err
	}
	gateway, err := l.uplink(n, hostDevice, "far", netip.PrefixFrom(FarHost, 24), 1)
	if err == nil {
		err = defaultRoutes(n, hostDevice, gateway)
	}
	if err != nil {
		return nil, fmt.Errorf("make the far host: %w", errors.Join(err, n.Close()))
	}
	return n, nil
}

// Address and gateway of the server's second device.
var (
	ServerSecond        = netip.MustParsePrefix("10.98.0.2/24")
	ServerSecondGateway = netip.MustParseAddr("10.98.0.1")
)

// ServerSecondDevice is the one that AddServerAddress makes.
const ServerSecondDevice = "eth1"

// AddServerAddress gives the far server a second way to the internet, with
// ServerSecond on ServerSecondDevice. No default route leads there.
func (l *Lab) AddServerAddress() error {
	_, err := l.uplink(l.Server, ServerSecondDevice, "server2", ServerSecond, 2)
	return err
}

// uplink connects a host to the internet by a device of its own, and returns the
// other end's address: the first of the network.
func (l *Lab) uplink(n *Namespace, device, name string, address netip.Prefix, number int) (netip.Addr, error) {
	gateway := address.Masked().Addr().Next()
	if err := prepare(n, false); err != nil {
		return gateway, err
	}
	if err := veth(l.Internet, name, mac(7, number), n, device, mac(8, number)); err != nil {
		return gateway, err
	}
	// Its carrier comes first: a route that the internet gets without one is no route
	// there until the kernel has taken note of the carrier, up to a second later.
	if err := configure(n, device); err != nil {
		return gateway, err
	}
	if err := configure(l.Internet, name, netip.PrefixFrom(gateway, address.Bits())); err != nil {
		return gateway, err
	}
	return gateway, configure(n, device, address)
}
