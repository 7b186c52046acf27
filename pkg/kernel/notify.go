// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Notifications wakes whoever waits for a change of a link or an address in
// the namespace of the calling thread. Changes that come together give one
// value; what changed is to be read from the kernel. The channel is closed
// when ctx ends, or when the socket fails.
func Notifications(ctx context.Context) (<-chan struct{}, error) {
	nl, err := subscribe()
	if err != nil {
		return nil, fmt.Errorf("notifications: %w", err)
	}
	return wake(ctx, nl), nil
}

func subscribe() (*netlink.Conn, error) {
	return netlink.Dial(unix.NETLINK_ROUTE, &netlink.Config{
		Groups: unix.RTMGRP_LINK | unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV6_IFADDR,
	})
}

// wake gives a value for whatever arrives, and closes the socket at the end.
func wake(ctx context.Context, nl *netlink.Conn) <-chan struct{} {
	wakes := make(chan struct{}, 1)
	// Closing ends Receive; a socket that is closed has nothing to report.
	end := sync.OnceFunc(func() { _ = nl.Close() })
	stop := context.AfterFunc(ctx, end)
	go func() {
		defer close(wakes)
		defer end()
		defer stop()
		for {
			// The kernel says ENOBUFS once when it had to drop messages, and
			// goes on: that was a change too.
			if _, err := nl.Receive(); err != nil && !errors.Is(err, unix.ENOBUFS) {
				return
			}
			select {
			case wakes <- struct{}{}:
			default:
			}
		}
	}()
	return wakes
}
