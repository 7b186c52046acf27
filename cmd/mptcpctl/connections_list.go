// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"

	"github.com/mptcpctl/mptcpctl/pkg/kernel"
	"github.com/mptcpctl/mptcpctl/pkg/reconcile"
	"github.com/mptcpctl/mptcpctl/pkg/sockdiag"
)

// connectionList lists connections with the names of their lines.
type connectionList struct {
	*options
	filter connectionFilter
	names  lineNames
	// What the last listing saw, whether it matched the filter or not.
	connections, subflows int
}

// readNames reads the names of the lines and resolves the filter.
func (l *connectionList) readNames(ctx context.Context) error {
	names, err := l.namesOrDevices(ctx)
	if err != nil {
		return err
	}
	l.names = names
	return l.filter.resolve(names)
}

// each calls fn for the connections that match the filter.
func (l *connectionList) each(fn func(c *sockdiag.Connection) error) error {
	l.connections, l.subflows = 0, 0
	var failed error
	err := sockdiag.Each(func(c sockdiag.Connection) error {
		l.connections++
		l.subflows += len(c.Subflows)
		if !l.filter.match(l.names, &c) {
			return nil
		}
		inOrder(c.Subflows)
		failed = fn(&c)
		return failed
	})
	if err == nil || failed != nil {
		return failed
	}
	return listFailed(err)
}

// listFailed says what the kernel lacks, MPTCP or only the list of its sockets.
func listFailed(err error) error {
	if !errors.Is(err, sockdiag.ErrNoMPTCPDiag) && !errors.Is(err, sockdiag.ErrNoTCPDiag) {
		return wrap("listing the connections", err)
	}
	if _, ok, unknown := kernel.Sysctl("net/mptcp/enabled"); !ok && unknown == nil {
		err = errors.New("this kernel does not support Multipath TCP")
	}
	return &exitError{exitNoMPTCP, err}
}

// hiddenText is why no connection has a subflow.
const hiddenText = "subflows are not shown: before Linux 6.15 only root can list them"

// hidden tells that the kernel keeps the subflows from us; see reconcile.Hidden.
func (l *connectionList) hidden() bool {
	return l.connections > 0 && l.subflows == 0 && reconcile.NeedNetAdmin() != nil
}

// warnHidden says so.
func (l *connectionList) warnHidden() {
	if l.hidden() {
		l.warn([]string{hiddenText})
	}
}

// inOrder sorts subflows by their address ids, the first subflow first.
func inOrder(subflows []sockdiag.Subflow) {
	less := func(a, b *sockdiag.Subflow) bool {
		if a.LocalID != b.LocalID {
			return a.LocalID < b.LocalID
		}
		return a.RemoteID < b.RemoteID || a.RemoteID == b.RemoteID && a.Cookie < b.Cookie
	}
	for i := range subflows {
		for k := i; k > 0 && less(&subflows[k], &subflows[k-1]); k-- {
			subflows[k], subflows[k-1] = subflows[k-1], subflows[k]
		}
	}
}
