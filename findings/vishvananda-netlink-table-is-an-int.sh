#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Usual guess: netlink.Route and netlink.Rule hold any table of the kernel's, whose
# numbers are 32 bits without a sign, on routers of 32 bits too.
#
# Truth: Table is an int. On 32 bits a number from 2147483648 up is negative in it, and
# counts as none. RouteAdd writes the route into the main table (prepareRouteReq in
# route_linux.go), RouteReplace replaces the default route there, and RuleAdd makes a
# rule that looks up whatever table the kernel finds empty. None reports an error.
#
# Needs a kernel that runs programs for 386 (amd64 with CONFIG_IA32_EMULATION).
# Versions: github.com/vishvananda/netlink v1.3.1, Go 1.26, Linux 6.18.
set -eu

# shellcheck source=findings/vishvananda-netlink
. "${0%/*}/vishvananda-netlink"
cat >main.go <<'PROGRAM'
package main

import (
	"log"
	"net"

	"github.com/vishvananda/netlink"
)

// Puts a default route by eth2 and a rule into table 4000000000.
func main() {
	number := uint32(4_000_000_000)
	link, err := netlink.LinkByName("eth2")
	if err != nil {
		log.Fatal(err)
	}
	everywhere := &net.IPNet{IP: net.IPv4zero, Mask: net.CIDRMask(0, 32)}
	route := &netlink.Route{Dst: everywhere, Gw: net.IPv4(192, 0, 2, 129), LinkIndex: link.Attrs().Index, Table: int(number)}
	if err := netlink.RouteReplace(route); err != nil {
		log.Fatal(err)
	}
	rule := netlink.NewRule()
	rule.Priority, rule.Table = 100, int(number)
	if err := netlink.RuleAdd(rule); err != nil {
		log.Fatal(err)
	}
}
PROGRAM
CGO_ENABLED=0 GOARCH=amd64 go build -mod=mod -o program64 .
CGO_ENABLED=0 GOARCH=386 go build -mod=mod -o program32 .

cat >network <<'NETWORK'
changed() { echo "changed: $1"; ip rule; ip route show table all; exit 1; }
. ./two-lines
NETWORK

unshare -Urn sh -eu <<'NAMESPACE'
. ./network
./program64
case $(ip route show default) in *" dev eth1 "*) ;; *) changed "64 bits: the main table's default route is replaced" ;; esac
case $(ip route show table 4000000000) in *" dev eth2 "*) ;; *) changed "64 bits: the route is not in its table" ;; esac
case $(ip rule show pref 100) in *" lookup 4000000000"*) ;; *) changed "64 bits: the rule has another table" ;; esac
echo "64 bits: $(ip route show default)(main), $(ip rule show pref 100)"
NAMESPACE

unshare -Urn sh -eu <<'NAMESPACE'
. ./network
./program32
case $(ip route show default) in *" dev eth2 "*) ;; *) changed "32 bits: the main table keeps its default route" ;; esac
[ -z "$(ip route show table all | grep 4000000000)" ] || changed "32 bits: the route is in its table"
case $(ip rule show pref 100) in *4000000000*) changed "32 bits: the rule has its table" ;; esac
echo "32 bits: $(ip route show default)(main), $(ip rule show pref 100)"
NAMESPACE
