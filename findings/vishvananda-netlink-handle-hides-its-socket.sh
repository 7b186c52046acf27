#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Usual guess: with nl.EnableErrorMessageReporting the errors of vishvananda/netlink have
# the kernel's words beside the errno, and what a netlink.Handle changed is told from the
# changes of others by the port id of its socket, which the kernel puts into the
# notification (nlmsg_pid in netlink(7)).
#
# Truth: that variable is only read where the functions of the package open a socket for
# one request (ExecuteIter in nl/nl_linux.go); the errors of a Handle have the errno
# alone. Strict checking, without which the kernel ignores the filters of a dump, is only
# for a Handle: no request has both. A Handle does not give its port id, and a RouteUpdate
# does not have the one of the notification.
#
# Versions: github.com/vishvananda/netlink v1.3.1, Go 1.26, Linux 6.18.
set -eu

# shellcheck source=findings/vishvananda-netlink
. "${0%/*}/vishvananda-netlink"
cat >main.go <<'PROGRAM'
package main

import (
	"errors"
	"fmt"
	"log"
	"net"
	"reflect"
	"syscall"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
)

func must[T any](v T, err error) T {
	check(err)
	return v
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	nl.EnableErrorMessageReporting = true
	eth1 := must(netlink.LinkByName("eth1")).Attrs().Index
	own, other := must(netlink.NewHandle(syscall.NETLINK_ROUTE)), must(netlink.NewHandle(syscall.NETLINK_ROUTE))

	route := &netlink.Route{Dst: must(netlink.ParseIPNet("203.0.113.0/24")), LinkIndex: eth1, Gw: net.IPv4(198, 51, 100, 1)}
	byPackage, byHandle := netlink.RouteAdd(route), own.RouteAdd(route)
	fmt.Println("error of the package:", byPackage)
	fmt.Println("error of a handle:   ", byHandle)
	if !errors.Is(byPackage, syscall.ENETUNREACH) || byPackage == syscall.ENETUNREACH {
		log.Fatal("changed: the kernel's words are not in the error of the package")
	}
	if byHandle != syscall.ENETUNREACH {
		log.Fatal("changed: the error of a handle is more than its errno")
	}

	updates := make(chan netlink.RouteUpdate)
	check(netlink.RouteSubscribe(updates, nil))
	route.Gw = net.IPv4(192, 0, 2, 1)
	var deletions []netlink.RouteUpdate
	for _, handle := range []*netlink.Handle{own, other} {
		check(own.RouteAdd(route))
		check(handle.RouteDel(route))
		for len(deletions) == 0 || handle == other && len(deletions) == 1 {
			if update := <-updates; update.Type == syscall.RTM_DELROUTE {
				deletions = append(deletions, update)
			}
		}
	}
	fmt.Printf("deleted by one handle: %+v\n", deletions[0])
	fmt.Printf("deleted by another:    %+v\n", deletions[1])
	if !reflect.DeepEqual(deletions[0], deletions[1]) {
		log.Fatal("changed: the notifications of two handles differ")
	}
}
PROGRAM
CGO_ENABLED=0 go build -mod=mod -o program .

unshare -Urn sh -eu <<'NAMESPACE'
ip link add eth1 type veth peer name far1
ip link set eth1 up
ip link set far1 up
ip addr add 192.0.2.2/24 dev eth1
timeout 60 ./program
NAMESPACE
