// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"net/netip"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
)

// refreshInterval is the shortest time between two readings of the names for an
// unknown address that was looked up before, since reading asks netifd.
const refreshInterval = time.Second

// refresh reads the names again. If the configuration cannot be read, they are those
// of the devices, and the error says why.
func (m *monitor) refresh(ctx context.Context) error {
	m.read = time.Now()
	names, err := m.readNames(ctx)
	if names.byAddr != nil {
		m.names = names
	}
	if m.known == nil {
		m.known, m.asked = make(map[netip.Addr]string), make(map[netip.Addr]bool)
	}
	return err
}

// line names the line of an event. Lines change while monitor runs: if an address
// was on no device when the names were read, they are read again.
func (m *monitor) line(ctx context.Context, e *mptcp.Event) string {
	local := e.Local.Addr()
	if !local.IsValid() || local.IsUnspecified() {
		return "-"
	}
	if !m.holds(local) && (!m.asked[local] || time.Since(m.read) > refreshInterval) {
		_ = m.refresh(ctx) // an error of the configuration was reported at the start
		m.asked[local] = true
	}
	name := m.names.of(local, e.IfIndex)
	if m.holds(local) {
		m.known[local] = name
	} else if old, known := m.known[local]; known {
		return old
	}
	return name
}

func (m *monitor) holds(a netip.Addr) bool {
	_, held := m.names.holders[a]
	return held
}
