#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Usual guess: netlink.RouteList says by what a route goes, and a route that was listed
# can be written again with one value changed.
#
# Truth: it does not decode RTA_NH_ID (deserializeRoute in route_linux.go). A route by a
# nexthop object looks like one with a nexthop of its own, and becomes one when it is
# replaced by what was listed: then it no longer follows the object. With
# net.ipv4.nexthop_compat_mode 0 it has neither device nor gateway in the list, and is
# refused when it is written again.
#
# Versions: github.com/vishvananda/netlink v1.3.1, Go 1.26, iproute2 6.1, Linux 6.18.
set -eu

# shellcheck source=findings/vishvananda-netlink
. "${0%/*}/vishvananda-netlink"
cat >main.go <<'PROGRAM'
package main

import (
	"fmt"
	"log"

	"github.com/vishvananda/netlink"
)

// Gives the default route an MTU of 1400 bytes.
func main() {
	routes, err := netlink.RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{}, netlink.RT_FILTER_DST)
	if err != nil || len(routes) != 1 {
		log.Fatal(routes, err)
	}
	fmt.Println(routes[0])
	routes[0].MTU = 1400
	if err := netlink.RouteReplace(&routes[0]); err != nil {
		fmt.Println("not replaced:", err)
	}
}
PROGRAM
CGO_ENABLED=0 go build -mod=mod -o program .

cat >network <<'NETWORK'
changed() { echo "changed: $1"; ip route; exit 1; }
ip link add eth1 type veth peer name far1
ip link set eth1 up
ip link set far1 up
ip addr add 192.0.2.2/24 dev eth1
ip nexthop add id 7 via 192.0.2.1 dev eth1
ip route add default nhid 7
NETWORK

unshare -Urn sh -eu <<'NAMESPACE'
. ./network
echo "nexthop_compat_mode 1"
echo "ip:        $(ip route show default)"
listed=$(./program)
echo "listed:    $listed"
echo "replaced:  $(ip route show default)"
case $listed in *"Gw: 192.0.2.1"*) ;; *) changed "the gateway is not listed" ;; esac
case $(ip route show default) in *nhid*) changed "the replaced route keeps the object" ;; *"mtu 1400"*) ;; *) changed "not replaced" ;; esac
NAMESPACE

unshare -Urn sh -eu <<'NAMESPACE'
. ./network
echo 0 >/proc/sys/net/ipv4/nexthop_compat_mode
echo "nexthop_compat_mode 0"
echo "ip:        $(ip route show default)"
listed=$(./program)
echo "listed:    $listed"
case $listed in *"Gw: 192.0.2.1"*) changed "the gateway is listed" ;; *"not replaced"*) ;; *) changed "replaced" ;; esac
case $(ip route show default) in *"nhid 7"*) ;; *) changed "replaced" ;; esac
NAMESPACE
