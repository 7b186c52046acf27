// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/batch"
)

// Multicast groups of rtnetlink, as bits (include/uapi/linux/rtnetlink.h). The
// rules of IPv6 have a number only.
const (
	lineGroups  = unix.RTMGRP_LINK | unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV6_IFADDR
	routeGroups = unix.RTMGRP_IPV4_ROUTE | unix.RTMGRP_IPV6_ROUTE | unix.RTMGRP_IPV4_RULE | 1<<(unix.RTNLGRP_IPV6_RULE-1)
)

// Notifications wakes whoever waits for a change of a link or an address in
// the namespace of the calling thread. Changes that come together give one
// value; what changed is to be read from the kernel. The channel is closed
// when ctx ends, or when the socket fails.
func Notifications(ctx context.Context) (<-chan struct{}, error) {
	return subscribe(ctx, lineGroups, func(*syscall.NetlinkMessage) bool { return true })
}

// Changes wakes as Notifications does, for changes of routes and rules too, as
// far as they can concern a line: what k writes, and what any mptcpctl adds, is
// left out.
func (k *Kernel) Changes(ctx context.Context) (<-chan struct{}, error) {
	f := newFilter(k.route.Port())
	return subscribe(ctx, lineGroups|routeGroups, f.counts)
}

func subscribe(ctx context.Context, groups uint32, counts func(*syscall.NetlinkMessage) bool) (<-chan struct{}, error) {
	s, err := batch.Listen(unix.NETLINK_ROUTE, groups)
	if err != nil {
		return nil, fmt.Errorf("notifications: %w", err)
	}
	return wake(ctx, s, counts), nil
}

// wake gives a value for what counts of all that arrives, and closes the socket
// at the end.
func wake(ctx context.Context, s *batch.Socket, counts func(*syscall.NetlinkMessage) bool) <-chan struct{} {
	wakes := make(chan struct{}, 1)
	// Closing ends receive; a socket that is closed has nothing to report.
	end := sync.OnceFunc(func() { _ = s.Close() })
	stop := context.AfterFunc(ctx, end)
	go func() {
		defer close(wakes)
		defer end()
		defer stop()
		for {
			// The kernel says ENOBUFS once when it had to drop messages, and
			// goes on: any of them may have counted.
			b, err := s.Receive()
			if err != nil && !errors.Is(err, unix.ENOBUFS) {
				return
			}
			if err == nil && !anyCounts(b, counts) {
				continue
			}
			select {
			case wakes <- struct{}{}:
			default:
			}
		}
	}()
	return wakes
}

// anyCounts reports whether one of the messages counts. Every one of them is
// looked at: a filter remembers what it has seen.
func anyCounts(b []byte, counts func(*syscall.NetlinkMessage) bool) bool {
	msgs, err := batch.Split(b)
	yes := err != nil
	for i := range msgs {
		if counts(&msgs[i]) {
			yes = true
		}
	}
	return yes
}
