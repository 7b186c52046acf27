// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"

	"github.com/mptcpctl/mptcpctl/pkg/health"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// ipv4Conf is the path of an IPv4 setting of a device
// (Documentation/networking/ip-sysctl.rst).
func ipv4Conf(device, name string) string { return "net/ipv4/conf/" + device + "/" + name }

// lines finds what is wrong with one line alone.
func (e *examination) lines() {
	seen := make(map[string]bool)
	several := e.countUsable(plan.IPv4) > 1 && e.Sysctls[keyForward] != "0"
	for _, l := range e.participants() {
		for _, f := range plan.Families {
			switch u := &l.Use[f]; {
			case u.Health.Verdict == health.Dead:
				e.add(DeadLine, l.Name, fmt.Sprintf("is up and carries nothing (%s): %s (%s)", f.Name(), u.Health.Reason, u.Health.Source), "ifup "+l.Name)
			case u.Reason == plan.ReasonNoDefault && wantsDefault(l, f):
				e.noGateway(l, f, "no gateway")
			case u.Reason == plan.ReasonBadGateway:
				e.noGateway(l, f, string(u.Reason))
			}
		}
		if d := l.Device; several && l.Use[plan.IPv4].Usable && !seen[d] && e.strict(d) {
			seen[d] = true
			key := ipv4Conf(d, "rp_filter")
			e.add(StrictFilter, l.Name, "rp_filter is strict on "+d+": it can drop replies to the LAN",
				"sysctl -w "+plan.Sysctl{Key: key, Value: "2"}.String())
		}
	}
}

func (e *examination) countUsable(f plan.Family) (n int) {
	for _, l := range e.participants() {
		if l.Use[f].Usable {
			n++
		}
	}
	return n
}

// wantsDefault reports whether a default route is missing for sure. A second
// IPv4 interface on a line's device is for the modem's own pages, and a unique
// local IPv6 address (RFC 4193) may be all that a provider gives.
func wantsDefault(l *plan.LineUse, f plan.Family) bool {
	u := &l.Use[f]
	switch {
	case f == plan.IPv4:
		return l.Own
	case len(u.Prefixes) > 0:
		return true
	}
	for _, a := range u.Addresses {
		if a.Addr().As16()[0]&0xfe != 0xfc {
			return true
		}
	}
	return false
}

func (e *examination) noGateway(l *plan.LineUse, f plan.Family, what string) {
	if l.Netifd.Dynamic { // made for an address, as MAP-E makes one
		return
	}
	fix := []string{"ifup " + l.Name}
	option := "gateway"
	if f == plan.IPv6 {
		option = "ip6gw"
	}
	if l.Netifd.Proto == "static" || l.Netifd.Proto == "" {
		fix = setting(l.Name + "." + option + "=ADDRESS")
	}
	e.add(NoGateway, l.Name, fmt.Sprintf("%s (%s): nothing can leave over %s", what, f.Name(), l.Device), fix...)
}

// strict reports whether the reverse path filter asks for the very device: the
// larger of two settings counts, 1 is strict, 2 loose (IN_DEV_RPFILTER of
// include/linux/inetdevice.h).
func (e *examination) strict(device string) bool {
	return max(e.Sysctls[ipv4Conf("all", "rp_filter")], e.Sysctls[ipv4Conf(device, "rp_filter")]) == "1"
}
