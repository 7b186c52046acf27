// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// refusing is the word of a route type that leads nowhere, from RTN_BLACKHOLE to
// RTN_PROHIBIT of include/uapi/linux/rtnetlink.h; empty: it does not.
func refusing(typ uint8) string {
	if typ < 6 || typ > 8 {
		return ""
	}
	return [...]string{"blackhole", "unreachable", "prohibit"}[typ-6]
}

// mainTable finds routes of the main table that keep packets from the lines.
func (e *examination) mainTable() {
	for i := range e.Routes {
		r := &e.Routes[i]
		kind := refusing(r.Type)
		if kind == "" {
			e.hostRoute(r)
			continue
		}
		dst := "default"
		if !r.Default() {
			dst = r.Dst.String()
		}
		e.add(ErrorRoute, "", fmt.Sprintf("the main table has %s %s: lookups that match it never reach the lines", kind, dst),
			fmt.Sprintf("%sroute del %s %s metric %d", ip(r.Family), kind, dst, r.Metric))
	}
}

// hostRoute finds a route by which netifd holds the peer of a tunnel on the line
// that was the best when the tunnel came up
// (proto_add_host_dependency, netifd's interface_ip_add_target_route), where
// that line has been put last since. Such routes are the only ones of
// its protocol that it does not report.
func (e *examination) hostRoute(r *Route) {
	l := e.lastLine(r)
	if l == nil || e.reported(r.Dst) {
		return
	}
	peer := r.Dst.Addr()
	tunnel := e.tunnelTo(peer, l)
	if tunnel == "" {
		return
	}
	first := e.Result.MasterList[r.Family][0]
	e.add(HostRoute, l.Name, fmt.Sprintf("a host route keeps the tunnel peer %s on it, although %s takes precedence", peer, first),
		setting(tunnel+".nohostroute=1")...)
}

// lastLine is the line by which a route leads, where others go before it.
func (e *examination) lastLine(r *Route) *plan.LineUse {
	ranked := e.Result.MasterList[r.Family]
	for i := range e.Result.Lines {
		l := &e.Result.Lines[i]
		last := l.Mode.Backup() || l.Mode.Waits() || l.Mode == config.Off && l.Chosen
		if last && l.Device != "" && l.Device == r.Device && len(ranked) > 0 && ranked[0] != l.Name && l.Use[r.Family].Gateway != r.Dst.Addr() {
			return l
		}
	}
	return nil
}

// reported reports whether netifd lists a route: it is a configured one then.
func (e *examination) reported(dst netip.Prefix) bool {
	for i := range e.Result.Lines {
		for _, r := range e.Result.Lines[i].Netifd.Routes {
			if r.Target == dst {
				return true
			}
		}
	}
	return false
}

// tunnelTo names the tunnel whose peer an address is. Where the configuration
// does not tell, it is the only one, or TUNNEL; empty: there is none, or
// one that belongs on the line.
func (e *examination) tunnelTo(peer netip.Addr, l *plan.LineUse) (name string) {
	for i := range e.Result.Lines {
		t := &e.Result.Lines[i]
		switch {
		case !tunnel(t.Netifd.Proto):
		case t.From == l.Name || e.option(t.Name, "tunlink") == l.Name:
			return ""
		case e.hasPeer(t.Name, peer.String()):
			return t.Name
		case name != "":
			name = "TUNNEL"
		default:
			name = t.Name
		}
	}
	return name
}

// hasPeer looks into the section of an interface, and into those of its peers
// (WireGuard).
func (e *examination) hasPeer(name, peer string) bool {
	if e.Network == nil {
		return false
	}
	for i := range e.Network.Sections {
		s := &e.Network.Sections[i]
		if s.Name != name && s.Type != "wireguard_"+name {
			continue
		}
		for _, option := range []string{"endpoint_host", "peeraddr", "server"} {
			if slices.Contains(s.Values(option), peer) {
				return true
			}
		}
	}
	return false
}

// tunnel reports whether netifd itself makes a tunnel by a protocol.
func tunnel(proto string) bool { return config.TunnelProtocol(proto) && proto != "none" }
