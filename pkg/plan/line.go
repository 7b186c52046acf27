// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"net/netip"
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

// filledByNetifd reports whether netifd puts the line's routes into its table
// itself ("ip4table").
func (l *Line) filledByNetifd(f Family) bool {
	return l.NetifdTable(f) != 0 && l.NetifdTable(f) == l.Tables[f]
}

// NetifdTable is the table that netifd itself fills ("ip4table", "ip6table"), 0 for
// none.
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

// Resolve joins the configuration with what netifd reports. The result holds
// every interface of either, in the order of the configuration file, a dynamic
// one behind its parent, those without any section last.
func Resolve(cfg *config.Config, interfaces []netifd.Interface) []Line {
	byName := make(map[string]netifd.Interface, len(interfaces))
	for _, i := range interfaces {
		byName[i.Name] = i
	}
	lines := make([]Line, 0, len(cfg.Interfaces))
	for _, section := range cfg.Interfaces {
		lines = append(lines, newLine(section, byName[section.Name]))
		delete(byName, section.Name)
		for _, i := range interfaces {
			if !i.Dynamic || hasSection(cfg, i.Name) {
				continue
			}
			if child, ok := cfg.Dynamic(i.Name); ok && child.Position == section.Position {
				lines = append(lines, newLine(child, i))
				delete(byName, i.Name)
			}
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

func hasSection(cfg *config.Config, name string) bool {
	_, ok := cfg.Interface(name)
	return ok
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

// ownDevice are the protocols whose addresses stand on the device of the
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
	ReasonFrozen       Reason = "bad value in the configuration, left as it is"
	ReasonDown         Reason = "down"
	ReasonNoDevice     Reason = "its device does not exist"
	ReasonDeviceDown   Reason = "its device is set down"
	ReasonNoCarrier    Reason = "no carrier"
	ReasonNoAddress    Reason = "no address"
	ReasonNoDefault    Reason = "no default route"
	ReasonDisabled     Reason = "multipath is switched off in globals"
	ReasonTableBlocked Reason = "its table still serves a line with a bad value"
)

// lineAddress is one address of a line, as the kernel has it.
type lineAddress struct {
	Address
	connected netip.Prefix // zero: none
}

// Use is the state of one line in one family.
type Use struct {
	// Usable says that the line has all that it needs.
	Usable bool
	Reason Reason
	// LinkReady is Usable, the carrier left aside.
	LinkReady bool
	Table     uint32
	Device    Device
	// Addresses are those that netifd reports and the kernel has.
	Addresses []netip.Prefix
	// Prefixes are the delegated prefixes (IPv6 only).
	Prefixes []netip.Prefix
	Gateway  netip.Addr
	// NoEndpoint says why the line has none; empty when it has one or wants
	// none.
	NoEndpoint string

	addresses []lineAddress
	route     netifd.Route
}

// LineUse is a Line with its state in both families.
type LineUse struct {
	Line
	Use [2]Use
}

// usableAnywhere reports whether the line is usable in any family.
func (l *LineUse) usableAnywhere() bool { return l.Use[IPv4].Usable || l.Use[IPv6].Usable }

// examine finds out whether the line is usable in a family. carrier says that
// a lost carrier makes it unusable.
func examine(l *Line, f Family, s *State, carrier bool) Use {
	u := Use{Table: l.Tables[f], Device: s.deviceByName(l.Device)}
	switch {
	case l.Frozen:
		u.Reason = ReasonFrozen
	case l.Mode == config.Off:
		u.Reason = ReasonOff
	}
	if !l.Netifd.Up {
		u.Reason = cmp.Or(u.Reason, ReasonDown)
		return u
	}
	if u.Device.Index == 0 {
		u.Reason = cmp.Or(u.Reason, ReasonNoDevice)
		return u
	}
	if !u.Device.Up {
		// Somebody did that behind netifd's back; the kernel takes no route.
		u.Reason = cmp.Or(u.Reason, ReasonDeviceDown)
		return u
	}
	u.addresses = confirmed(l, f, s, u.Device.Index)
	for _, a := range u.addresses {
		u.Addresses = append(u.Addresses, a.Prefix)
	}
	if f == IPv6 {
		u.Prefixes = l.Netifd.Prefixes
	}
	var gateway bool
	u.route, gateway = l.defaultRoute(f)
	u.Gateway = u.route.Nexthop
	switch {
	case u.Reason != "":
	case len(u.Addresses) == 0 && len(u.Prefixes) == 0:
		u.Reason = ReasonNoAddress
	case !gateway:
		u.Reason = ReasonNoDefault
	case carrier && !u.Device.Carrier:
		u.Reason, u.LinkReady = ReasonNoCarrier, true
	default:
		u.Reason, u.Usable, u.LinkReady = ReasonUsable, true, true
	}
	return u
}

// confirmed are the addresses of netifd that the kernel has and that may be
// used as a source, in netifd's order.
func confirmed(l *Line, f Family, s *State, index int) []lineAddress {
	var all []lineAddress
	for _, wanted := range l.Netifd.Addresses {
		if FamilyOf(wanted.Prefix.Addr()) != f {
			continue
		}
		for _, a := range s.Addresses {
			if a.Index == index && a.Prefix.Addr() == wanted.Prefix.Addr() && a.Global && !a.Deprecated && !a.DADFailed {
				all = append(all, lineAddress{Address: a, connected: connected(a, wanted.Peer)})
				break
			}
		}
	}
	return all
}

// connected is the prefix that is on the link because of an address.
func connected(a Address, peer netip.Addr) netip.Prefix {
	switch {
	case a.NoPrefixRoute:
		return netip.Prefix{}
	case a.Peer.IsValid():
		return a.Peer.Masked()
	case peer.IsValid():
		return netip.PrefixFrom(peer, peer.BitLen())
	case a.Prefix.IsSingleIP():
		return netip.Prefix{}
	}
	return a.Prefix.Masked()
}
