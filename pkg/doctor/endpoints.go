// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
	"github.com/mptcpctl/mptcpctl/pkg/sockdiag"
)

// endpoints finds the lines that want an endpoint and get none.
func (e *examination) endpoints() {
	for _, l := range e.participants() {
		for _, f := range plan.Families {
			switch u := &l.Use[f]; {
			case u.NoEndpoint == plan.NoEndpointForeign:
				e.addressHeld(l, u)
			case strings.HasPrefix(u.NoEndpoint, plan.NoEndpointSlot):
				e.noSlot(l, f)
			}
		}
	}
}

func (e *examination) addressHeld(l *plan.LineUse, u *plan.Use) {
	for _, there := range e.Result.Endpoints {
		if !there.Own && there.Port == 0 && u.Holds(there.Addr) {
			e.add(AddressHeld, l.Name, fmt.Sprintf("a foreign endpoint has the address %s (id %d)", there.Addr, there.ID),
				deleteEndpoint(there.ID), "mptcpctl apply")
			return
		}
	}
}

// noSlot makes room by deleting a foreign endpoint, else that of the line that asks, unless
// it has one in the other family, which it would lose too.
func (e *examination) noSlot(l *plan.LineUse, f plan.Family) {
	text := fmt.Sprintf("no endpoint (%s): all %d slots of the kernel are taken", f.Name(), e.State.MaxEndpoints)
	var fix []string
	if other := &l.Use[plan.IPv6-f]; !other.Usable || other.NoEndpoint != "" {
		fix = []string{"mptcpctl iface " + l.Name + " off --save"}
	}
	for i := range e.Result.Endpoints {
		if there := &e.Result.Endpoints[i]; !there.Own {
			text += fmt.Sprintf(", one by the foreign %s", there.Place())
			fix = []string{deleteEndpoint(there.ID), "mptcpctl apply"}
			break
		}
	}
	e.add(NoSlot, l.Name, text, fix...)
}

// staleEndpoints finds foreign endpoints that open subflows from an address that no
// device has. One that only announces may be for an address on the other side of a
// translation.
func (e *examination) staleEndpoints() {
	for _, there := range e.State.Endpoints {
		if there.Flags&mptcp.FlagSubflow == 0 || there.Flags&mptcp.FlagImplicit != 0 || e.own(there) || e.State.Present(there.Addr) {
			continue
		}
		e.add(StaleEndpoint, "", fmt.Sprintf("no device has the address of the foreign endpoint %s (id %d)", there.Addr, there.ID),
			deleteEndpoint(there.ID))
	}
}

// deadJoins finds foreign endpoints with the address of a device that is no line, such
// as that of the LAN: joins from it stay without an answer, as nothing leads there by
// it, and what the peer answers by another way is lost.
func (e *examination) deadJoins() {
	for _, there := range e.State.Endpoints {
		device := e.deviceWith(there.Addr)
		if there.Flags&mptcp.FlagSubflow == 0 || e.own(there) || device == "" || e.lineDevice(device) {
			continue
		}
		joins := 0
		for i := range e.Connections {
			for j := range e.Connections[i].Subflows {
				s := &e.Connections[i].Subflows[j]
				if s.Local.Addr() == there.Addr && s.State == sockdiag.SynSent && s.TCP.Timeouts > 0 {
					joins++
				}
			}
		}
		if joins > 0 {
			e.add(DeadJoins, "", fmt.Sprintf("joins without an answer (SYN-SENT) from %s, which is no line, by the foreign endpoint %s (id %d): %d",
				device, there.Addr, there.ID, joins), deleteEndpoint(there.ID))
		}
	}
}

// deviceWith is the device that has an address; empty if none has.
func (e *examination) deviceWith(addr netip.Addr) string {
	for i := range e.Addresses {
		if e.Addresses[i].Prefix.Addr() == addr {
			return e.Addresses[i].Device
		}
	}
	return ""
}

func (e *examination) lineDevice(name string) bool {
	for i := range e.Result.Lines {
		if l := &e.Result.Lines[i]; l.Device == name && l.HasMode() {
			return true
		}
	}
	return false
}

// own reports whether an endpoint is managed. Without a configuration only one that
// is bound to no device is foreign for sure.
func (e *examination) own(there mptcp.Endpoint) bool {
	for _, known := range e.Result.Endpoints {
		if known.Endpoint == there {
			return known.Own
		}
	}
	return there.IfIndex != 0
}

func deleteEndpoint(id uint8) string { return fmt.Sprintf("ip mptcp endpoint delete id %d", id) }
