// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
)

// Kernel speaks to one network namespace, that of the thread that opened it;
// settings below /proc/sys are those of the thread that asks for them. It is
// not safe for concurrent use. Errors unwrap to the kernel's unix.Errno, and
// their text has the kernel's extended acknowledgement where it sent one.
type Kernel struct {
	route *conn
	// pm is opened when it is first needed.
	pm *mptcp.Client
	// AddAfter is when peers have heard of the endpoint that was deleted last. Apply
	// sets it; who knows of a deletion by another process sets it before.
	AddAfter time.Time
	// connected says that there are connections; nil: not asked in this run.
	connected *bool
	// before is called before each operation that is tried, with its place; an
	// error that it returns is the operation's. Tests let operations fail by it.
	before func(i int) error
}

// Open opens the namespace of the calling thread. It needs no privilege; Apply
// does (CAP_NET_ADMIN).
func Open() (*Kernel, error) {
	route, err := dial()
	if err != nil {
		return nil, fmt.Errorf("route netlink: %w", err)
	}
	return &Kernel{route: route, before: func(int) error { return nil }}, nil
}

// Close closes the sockets.
func (k *Kernel) Close() error {
	err := k.route.Close()
	if k.pm != nil {
		err = errors.Join(err, k.pm.Close())
	}
	return err
}

// pathManager returns the client of the path manager, or
// mptcp.ErrNotSupported.
func (k *Kernel) pathManager() (*mptcp.Client, error) {
	if k.pm == nil {
		pm, err := mptcp.Dial()
		if err != nil {
			return nil, err
		}
		k.pm = pm
	}
	return k.pm, nil
}

// Release is the release of the running kernel, as uname -r prints it. It is empty if
// the kernel does not tell.
func Release() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}

// gapResetsJoin reports whether a kernel resets a join while its connection has bytes that
// come after missing ones. A check that belongs into __mptcp_try_fallback
// (net/mptcp/protocol.h) came into __mptcp_finish_join (net/mptcp/protocol.c) when "mptcp:
// do not fallback when OoO is present" was applied to 6.12.60 and 6.6.118; 6.12.115 has
// moved it. What a later 6.6 has is not known.
func gapResetsJoin(release string) bool {
	point, found := strings.CutPrefix(release, "6.12.")
	first, last := 60, 114
	if !found {
		point, found = strings.CutPrefix(release, "6.6.")
		first, last = 118, math.MaxInt
	}
	if end := strings.IndexFunc(point, func(r rune) bool { return r < '0' || r > '9' }); end >= 0 {
		point = point[:end]
	}
	n, err := strconv.Atoi(point)
	return found && err == nil && first <= n && n <= last
}
