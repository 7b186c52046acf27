// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"slices"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/netifd"
)

// unmanagedDefault names the interface that has the main table's default route, if it is
// neither a line nor switched off: usually a VPN. Else it is empty. first is the first
// line of the list.
func (p *planner) unmanagedDefault(f Family, first *LineUse) string {
	main := &p.State.Defaults[f]
	if !main.Known {
		return p.lowerDefault(f, first)
	}
	if len(main.Hops) == 0 {
		return ""
	}
	// A line whose default route is not in the main table cannot win there: its
	// metric decides.
	if first.notInMain(f) && MetricOf(f, first.Use[f].route.Metric) < MetricOf(f, main.Metric) {
		return ""
	}
	name := ""
	for _, hop := range main.Hops {
		owner, foreign := p.defaultOwner(f, hop)
		if !foreign {
			return ""
		}
		name = owner
	}
	return name
}

// notInMain reports whether netifd keeps the line's default route out of the main table:
// out of the kernel ("defaultroute 0"), or in a table of its own ("ip4table").
func (l *LineUse) notInMain(f Family) bool {
	return l.NetifdTable(f) != 0 || !slices.ContainsFunc(l.Netifd.Routes, func(r netifd.Route) bool { return r.Default() && ordinary(r, f) })
}

// defaultOwner names the interface by which a default route leaves; foreign reports
// whether it is an outside one. Where several share the device, the gateway tells which
// it is.
func (p *planner) defaultOwner(f Family, hop Hop) (name string, foreign bool) {
	var here []*LineUse
	for i := range p.lines {
		if l := &p.lines[i]; l.Device != "" && p.State.deviceByName(l.Device).Index == hop.Index {
			here = append(here, l)
		}
	}
	for _, l := range here {
		if p.hasDefaultBy(l, f, hop) {
			return l.Name, l.Unmanaged()
		}
	}
	for _, l := range here {
		if !l.Unmanaged() {
			return l.Name, false
		}
		name = l.Name
	}
	if name == "" {
		name = p.State.deviceByIndex(hop.Index).Name
	}
	if name == "" {
		name = fmt.Sprintf("device number %d", hop.Index)
	}
	return name, true
}

// Unmanaged reports whether an interface has nothing to do with multipath: it has no
// multipath option of its own and takes none over.
func (l *Line) Unmanaged() bool { return !l.HasMode() && !l.Frozen }

// hasDefaultBy reports whether netifd has a default route by the gateway on the
// interface.
func (p *planner) hasDefaultBy(l *LineUse, f Family, hop Hop) bool {
	return slices.ContainsFunc(l.Netifd.Routes, func(r netifd.Route) bool {
		return r.Default() && ordinary(r, f) && r.Nexthop == hop.Gateway
	})
}

// MetricOf is a metric of netifd's as the kernel stores it: in IPv6, 0 becomes 1024.
func MetricOf(f Family, metric uint32) uint32 {
	if f == IPv6 && metric == 0 {
		return metricIPv6
	}
	return metric
}

// lowerDefault names an outside interface whose default route the main table would
// prefer to that of the first line, by netifd's metrics, where the kernel could not be
// asked. In IPv6 the default routes of lines usually hold for their own sources only,
// so that one for all sources has no rival.
func (p *planner) lowerDefault(f Family, first *LineUse) string {
	specific := first.Use[f].route.Source.Bits() > 0 && f == IPv6
	for i := range p.lines {
		l := &p.lines[i]
		if l.Mode != config.Off || !l.Unmanaged() || !l.Netifd.Up || l.NetifdTable(f) != 0 {
			continue
		}
		for _, r := range l.Netifd.Routes {
			if !r.Default() || !ordinary(r, f) || f == IPv6 && r.Source.IsValid() {
				continue
			}
			if specific || MetricOf(f, r.Metric) < MetricOf(f, first.Use[f].route.Metric) {
				return l.Name
			}
		}
	}
	return ""
}
