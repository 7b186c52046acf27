// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"fmt"
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
