// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// status is the answer of netifd's network.interface.NAME status (netifd, ubus.c,
// netifd_dump_status), with its keys in netifd's order. What only an up interface
// has is left out of a down one.
type status struct {
	Interface string `json:"interface,omitempty"` // in a dump only
	Up        bool   `json:"up"`
	Pending   bool   `json:"pending"`
	Available bool   `json:"available"`
	Autostart bool   `json:"autostart"`
	Dynamic   bool   `json:"dynamic"`
	Uptime    *int   `json:"uptime,omitempty"`
	L3Device  string `json:"l3_device,omitempty"`
	Proto     string `json:"proto"`
	Device    string `json:"device"`
	*upStatus
	Data   map[string]any `json:"data"`
	Errors []statusError  `json:"errors,omitempty"`
}

type upStatus struct {
	Updated     []string       `json:"updated,omitempty"`
	IP4Table    uint32         `json:"ip4table,omitempty"`
	IP6Table    uint32         `json:"ip6table,omitempty"`
	Metric      int            `json:"metric"`
	DNSMetric   int            `json:"dns_metric"`
	Delegation  bool           `json:"delegation"`
	IPv4        []addressJSON  `json:"ipv4-address"`
	IPv6        []addressJSON  `json:"ipv6-address"`
	Prefixes    []prefixJSON   `json:"ipv6-prefix"`
	Assignments []assignedJSON `json:"ipv6-prefix-assignment"`
	activeStatus
	Inactive inactiveStatus `json:"inactive"`
}

type inactiveStatus struct {
	IPv4 []addressJSON `json:"ipv4-address"`
	IPv6 []addressJSON `json:"ipv6-address"`
	activeStatus
}

type activeStatus struct {
	Routes    []routeJSON `json:"route"`
	DNS       []string    `json:"dns-server"`
	Search    []string    `json:"dns-search"`
	Neighbors []struct{}  `json:"neighbors"`
}

type statusError struct {
	Subsystem string `json:"subsystem"`
	Code      string `json:"code"`
}

type addressJSON struct {
	Address string `json:"address"`
	Mask    int    `json:"mask"`
	Peer    string `json:"ptpaddress,omitempty"`
}

type routeJSON struct {
	Target  string `json:"target"`
	Mask    int    `json:"mask"`
	Nexthop string `json:"nexthop"`
	Source  string `json:"source"`
}

type prefixJSON struct {
	addressJSON
	Class    string                 `json:"class"`
	Assigned map[string]addressJSON `json:"assigned"`
}

type assignedJSON struct {
	addressJSON
	Local addressJSON `json:"local-address"`
}

// dump is the answer of network.interface dump, sorted by name as netifd does.
func (s *state) dump(now time.Time) map[string][]status {
	var all []status
	for i := range s.Interfaces {
		one := s.status(&s.Interfaces[i], now)
		one.Interface = s.Interfaces[i].Name
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b status) int { return strings.Compare(a.Interface, b.Interface) })
	return map[string][]status{"interface": all}
}

func (s *state) status(i *Interface, now time.Time) status {
	one := status{Up: i.Up, Available: !i.Gone, Autostart: !i.Down, Dynamic: i.Dynamic, Proto: i.Proto, Device: i.Device, Data: map[string]any{}}
	if i.Gone {
		one.Errors = []statusError{{Subsystem: "interface", Code: "NO_DEVICE"}}
	}
	if !i.Up {
		return one
	}
	uptime := int(now.Sub(i.Since).Seconds())
	one.Uptime, one.L3Device = &uptime, i.l3()
	if i.LeaseTime != 0 {
		one.Data["leasetime"] = i.LeaseTime
	}
	one.upStatus = &upStatus{
		Updated: i.updated(), IP4Table: i.IP4Table, IP6Table: i.IP6Table, Metric: i.Metric, Delegation: true,
		IPv4: i.addresses(4), IPv6: i.addresses(16),
		Prefixes: s.prefixes(i), Assignments: s.assignments(i),
		activeStatus: emptyStatus(),
		Inactive:     inactiveStatus{IPv4: []addressJSON{}, IPv6: []addressJSON{}, activeStatus: emptyStatus()},
	}
	for _, r := range i.routes() {
		to := &one.activeStatus
		if !i.active(r) {
			to = &one.Inactive.activeStatus
		}
		to.Routes = append(to.Routes, r.json())
	}
	names := &one.activeStatus
	if i.NoPeerDNS {
		names = &one.Inactive.activeStatus
	}
	names.DNS, names.Search = append(names.DNS, i.DNS...), append(names.Search, i.Search...)
	return one
}

func emptyStatus() activeStatus {
	return activeStatus{Routes: []routeJSON{}, DNS: []string{}, Search: []string{}, Neighbors: []struct{}{}}
}

// updated lists what changed at the last event, which for an ifup is all there is.
func (i *Interface) updated() []string {
	var words []string
	for _, w := range []struct {
		is   bool
		word string
	}{
		{len(i.Addresses) > 0, "addresses"}, {len(i.routes()) > 0, "routes"},
		{i.Prefix.IsValid(), "prefixes"}, {i.LeaseTime != 0, "data"},
	} {
		if w.is {
			words = append(words, w.word)
		}
	}
	return words
}

func (i *Interface) addresses(size int) []addressJSON {
	all := []addressJSON{}
	for _, a := range i.Addresses {
		if a.Addr().BitLen() != size*8 {
			continue
		}
		one := toJSON(a)
		if size == 4 && i.Peer.IsValid() {
			one.Peer = i.Peer.String()
		}
		all = append(all, one)
	}
	return all
}

func toJSON(p netip.Prefix) addressJSON {
	return addressJSON{Address: p.Addr().String(), Mask: p.Bits()}
}

func (r Route) json() routeJSON {
	nexthop, source := everything(r.Target.Addr()).Addr(), everything(r.Target.Addr())
	if r.Via.IsValid() {
		nexthop = r.Via
	}
	if r.Source.IsValid() {
		source = r.Source
	}
	return routeJSON{Target: r.Target.Addr().String(), Mask: r.Target.Bits(), Nexthop: nexthop.String(), Source: source.String()}
}

func (s *state) prefixes(i *Interface) []prefixJSON {
	if !i.Prefix.IsValid() {
		return []prefixJSON{}
	}
	one := prefixJSON{addressJSON: toJSON(i.Prefix.Masked()), Class: i.Name, Assigned: map[string]addressJSON{}}
	if s.LAN {
		one.Assigned["lan"] = toJSON(lanAddress(i.Prefix).Masked())
	}
	return []prefixJSON{one}
}

func (s *state) assignments(i *Interface) []assignedJSON {
	all := []assignedJSON{}
	for _, other := range s.Interfaces {
		if i.Name == "lan" && other.Up && other.Prefix.IsValid() {
			local := lanAddress(other.Prefix)
			all = append(all, assignedJSON{addressJSON: toJSON(local.Masked()), Local: toJSON(local)})
		}
	}
	return all
}
