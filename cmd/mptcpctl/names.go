// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"net/netip"

	"github.com/mptcpctl/mptcpctl/pkg/kernel"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
	"github.com/mptcpctl/mptcpctl/pkg/reconcile"
)

// lineNames says to which line an address or a device belongs.
type lineNames struct {
	lines    []plan.LineUse
	byAddr   map[netip.Addr]lineName
	byDevice map[string]string  // name of the interface by that of its device
	devices  map[int]string     // name of the device by its index
	holders  map[netip.Addr]int // index of the device that has the address
}

// lineName is an interface with its device. own says that the address is the line's,
// although it may be on another device: the router's own in a delegated prefix.
type lineName struct {
	name, device string
	own          bool
}

// newLineNames takes the names from what a plan was made from.
func newLineNames(k *kernel.Kernel, seen *reconcile.Observation) (lineNames, error) {
	n := lineNames{
		lines:  seen.Result.Lines,
		byAddr: make(map[netip.Addr]lineName), byDevice: make(map[string]string),
		devices: make(map[int]string), holders: make(map[netip.Addr]int),
	}
	for i := range n.lines {
		for f := range n.lines[i].Use {
			if l := &n.lines[i]; l.Participates() && l.Use[f].Source.IsValid() {
				n.byAddr[l.Use[f].Source] = lineName{l.Name, l.Device, true}
			}
		}
	}
	// Of two interfaces on one device the first in the file names it.
	for i := range n.lines {
		l := &n.lines[i]
		if _, taken := n.byDevice[l.Device]; !taken && l.Device != "" {
			n.byDevice[l.Device] = l.Name
		}
		for _, a := range l.Netifd.Addresses {
			if _, taken := n.byAddr[a.Prefix.Addr()]; !taken {
				n.byAddr[a.Prefix.Addr()] = lineName{l.Name, l.Device, false}
			}
		}
	}
	for _, d := range seen.State.Devices {
		n.devices[d.Index] = d.Name
	}
	for _, a := range seen.State.Addresses {
		n.holders[a.Prefix.Addr()] = a.Index
		if _, known := n.devices[a.Index]; known {
			continue
		}
		name, err := k.DeviceName(a.Index)
		if err != nil {
			return n, wrap("naming the devices", err)
		}
		n.devices[a.Index] = name
	}
	return n, nil
}

// of names the line of a socket with this local address that is bound to the
// device with this index, 0 for none. What belongs to no interface of the
// configuration has the name of its device, or "-".
func (n lineNames) of(local netip.Addr, index int) string {
	line, known := n.byAddr[local]
	if known && line.own && (index == 0 || n.devices[index] == line.device) {
		return line.name
	}
	if index == 0 {
		index = n.holders[local]
	}
	device := n.devices[index]
	if known && (device == "" || device == line.device) {
		return line.name
	}
	return cmp.Or(n.byDevice[device], device, line.name, "-")
}
