// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"

	"github.com/mptcpctl/mptcpctl/pkg/sockdiag"
)

// connectionFilter selects the connections to show; its zero value selects all.
type connectionFilter struct {
	words []string // of the command line
	peer  peerFlag
	token tokenFlag

	// What the words mean: interfaces, and devices.
	lines, devices []string
}

// resolve finds the interfaces and devices that the words name.
func (f *connectionFilter) resolve(n lineNames) error {
	lines := linesOf(n.lines)
	for _, word := range f.words {
		names, err := meant(lines, word)
		if err != nil {
			return err
		}
		f.lines = append(f.lines, names...)
		if slices.Contains(names, word) {
			continue // an interface comes before a device of the same name
		}
		if len(names) == 0 && !n.hasDevice(word) {
			return unknownName(lines, word)
		}
		f.devices = append(f.devices, word)
	}
	return nil
}

func (n lineNames) hasDevice(name string) bool {
	for _, device := range n.devices {
		if device == name {
			return true
		}
	}
	return false
}

// match reports whether a connection is shown, with all its subflows: one subflow
// on the interface or to the peer is enough.
func (f *connectionFilter) match(n lineNames, c *sockdiag.Connection) bool {
	if f.token.set && (c.Token == 0 || c.Token != f.token.value) {
		return false
	}
	onLine := len(f.words) == 0
	toPeer := !f.peer.IsValid() || f.peer.Contains(c.Remote.Addr())
	for i := range c.Subflows {
		s := &c.Subflows[i]
		onLine = onLine || slices.Contains(f.lines, n.of(s.Local.Addr(), s.IfIndex)) || slices.Contains(f.devices, n.device(s))
		toPeer = toPeer || f.peer.Contains(s.Remote.Addr())
	}
	return onLine && toPeer
}

// device names the device of a subflow, "" when no device has its address.
func (n lineNames) device(s *sockdiag.Subflow) string {
	index := s.IfIndex
	if index == 0 {
		index = n.holders[s.Local.Addr()]
	}
	return n.devices[index]
}
