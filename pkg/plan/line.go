// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"slices"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/netifd"
)

// Line is one interface with all that is known of it before the kernel is
// asked: what the configuration wants and what netifd says.
type Line struct {
	config.Interface
	// Netifd is the zero value when netifd does not know the interface.
	Netifd netifd.Interface
	// Device is the link that carries the addresses; empty while it is unknown.
	Device string
	// Tables are the table numbers by family.
	Tables [2]uint32
}

// Participates reports whether the line has rules, a table and endpoints.
func (l *Line) Participates() bool { return l.Mode != config.Off && !l.Frozen }

// off reports whether an interface takes no part, and that not for a bad value.
func (l *Line) off() bool { return l.Mode == config.Off && !l.Frozen }

// NetifdTable is the table that netifd itself fills ("ip4table", "ip6table"), 0 for
// none. It is never a line's.
func (l *Line) NetifdTable(f Family) uint32 {
	table := cmp.Or(l.Netifd.IP4Table, l.IP4Table)
	if f == IPv6 {
		table = cmp.Or(l.Netifd.IP6Table, l.IP6Table)
	}
	if config.ReservedTable(table) {
		return 0
	}
	return table
}

// Has reports whether the line has a family: by its protocol, or by what netifd
// reports of it now. One that may have both has what it has while it is up, and
// both while it is down.
func (l *Line) Has(f Family) bool {
	may := [2]bool{IPv4: l.Families.IPv4, IPv6: l.Families.IPv6}
	if may[f] && !(may[1-f] && l.Netifd.Up) {
		return true
	}
	return l.reported(f)
}

// reported reports whether netifd has an address or a default route of a family on
// the interface.
func (l *Line) reported(f Family) bool {
	known := &l.Netifd
	byDefault := func(r netifd.Route) bool { return r.Default() && ordinary(r, f) }
	return slices.ContainsFunc(known.Addresses, func(a netifd.Address) bool { return FamilyOf(a.Prefix.Addr()) == f }) ||
		slices.ContainsFunc(known.Routes, byDefault) || slices.ContainsFunc(known.Inactive, byDefault) ||
		f == IPv6 && len(known.Prefixes) > 0
}

// Resolve joins the configuration with what netifd reports. The result holds
// every interface of either, in the order of the configuration file, a dynamic
// one behind its parent, those without any section last.
func Resolve(cfg *config.Config, interfaces []netifd.Interface) []Line {
	names := cfg.Names()
	byName := make(map[string]netifd.Interface, len(interfaces))
	made := make([][]Line, len(cfg.Interfaces)) // by netifd, behind their parents
	for _, i := range interfaces {
		byName[i.Name] = i
		if _, own := names[i.Name]; own || !i.Dynamic {
			continue
		}
		if child, parent := cfg.DynamicOf(names, i.Name, i.Proto); parent >= 0 {
			made[parent] = append(made[parent], newLine(child, i))
		}
	}
	lines := make([]Line, 0, len(cfg.Interfaces))
	for n, section := range cfg.Interfaces {
		lines = append(lines, newLine(section, byName[section.Name]))
		delete(byName, section.Name)
		for _, child := range made[n] {
			lines = append(lines, child)
			delete(byName, child.Name)
		}
	}
	for _, i := range interfaces {
		if _, left := byName[i.Name]; left {
			section := config.Interface{Name: i.Name, Position: len(cfg.Interfaces) + 1}
			lines = append(lines, newLine(section, i))
		}
	}
	numberTables(cfg, lines)
	return lines
}

func newLine(section config.Interface, known netifd.Interface) Line {
	device := known.L3Device
	if device == "" && slices.Contains(ownDevice, known.Proto) {
		device = cmp.Or(known.Device, section.Device)
	}
	if len(device) > 0 && device[0] == '@' {
		device = ""
	}
	return Line{Interface: section, Netifd: known, Device: device}
}

// ownDevice are the protocols whose addresses are on the device of the
// configuration, so that it is known while the interface is down too. PPP and
// tunnels make another one. Without netifd there is no protocol.
var ownDevice = []string{"", "static", "dhcp", "dhcpv6", "none"}

// defaultRoute is the line's default route in a family: in force or held back
// by netifd, the first with the lowest metric.
func (l *Line) defaultRoute(f Family) (best netifd.Route, ok bool) {
	for _, routes := range [][]netifd.Route{l.Netifd.Routes, l.Netifd.Inactive} {
		for _, r := range routes {
			if r.Default() && ordinary(r, f) && (!ok || r.Metric < best.Metric) {
				best, ok = r, true
			}
		}
	}
	return best, ok
}

// typeUnicast is the rtnetlink type of a route that leads on (RTN_UNICAST,
// include/uapi/linux/rtnetlink.h).
const typeUnicast = 1

// ordinary reports whether a route is one of a family that leads on and
// belongs into no table of its own.
func ordinary(r netifd.Route, f Family) bool {
	return FamilyOf(r.Target.Addr()) == f && r.Table == 0 && (r.Type == 0 || r.Type == typeUnicast)
}

// Reason says why a line is not used in a family, or how.
type Reason string

// The reasons, as status shows them.
const (
	ReasonUsable       Reason = "usable"
	ReasonOff          Reason = "off"
	ReasonFrozen       Reason = "bad value in the configuration: left unchanged"
	ReasonDown         Reason = "down"
	ReasonNoDevice     Reason = "its device does not exist"
	ReasonDeviceDown   Reason = "its device is administratively down"
	ReasonNoCarrier    Reason = "no carrier"
	ReasonNoAddress    Reason = "no address"
	ReasonUniqueLocal  Reason = "only unique local addresses (fc00::/7)"
	ReasonLinkLocal    Reason = "only link-local addresses (169.254.0.0/16)"
	ReasonTemporary    Reason = "only temporary addresses"
	ReasonNoDefault    Reason = "no default route"
	ReasonBadGateway   Reason = "its gateway is not the address of a router"
	ReasonDisabled     Reason = "multipath is switched off in globals"
	ReasonTableBlocked Reason = "its table is still used by a line with a bad value"
)
