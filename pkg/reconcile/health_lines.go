// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/health"
	"github.com/mptcpctl/mptcpctl/pkg/kernel"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
	"github.com/mptcpctl/mptcpctl/pkg/probe"
)

// examined is a line, in one family, whose health is looked after.
type examined struct {
	plan.Health
	// key is all that the examination depends on: with another one it begins anew.
	key      string
	check    config.Check
	counted  kernel.Counted
	targets  []config.Target
	memory   *health.Line
	prober   probe.Prober
	answers  []health.Answer
	last     kernel.Count
	counting bool // last is of this line
	unsent   bool // a probe could not leave
	next     int64
}

// newExamined is what there is to examine of a usable line.
func newExamined(l *plan.LineUse, f plan.Family, alone, ping bool) *examined {
	u := &l.Use[f]
	e := &examined{check: l.Check, counted: kernel.Counted{Device: u.Device.Name, Family: f}}
	e.Interface, e.Family = l.Name, f
	near := &e.counted.Near
	for _, p := range u.Addresses {
		*near = append(*near, p.Masked())
	}
	if u.Gateway.IsValid() && !containsAddr(*near, u.Gateway) {
		*near = append(*near, netip.PrefixFrom(u.Gateway, u.Gateway.BitLen()))
	}
	if !alone {
		for _, p := range u.Addresses {
			e.counted.Ours = append(e.counted.Ours, netip.PrefixFrom(p.Addr(), p.Addr().BitLen()))
		}
		e.counted.Ours = append(e.counted.Ours, u.Forwarded...)
	}
	e.findTargets(l, u, ping)
	e.prober = probe.Prober{Device: u.Device.Name, Source: u.Source, Beyond: e.beyond}
	e.key = fmt.Sprint(l.Name, f, u.Device, u.Source, e.check, e.counted, e.targets)
	return e
}

// findTargets are those of the configuration, else the line's own, the cheapest first.
func (e *examined) findTargets(l *plan.LineUse, u *plan.Use, ping bool) {
	add := func(t config.Target) {
		if plan.FamilyOf(t.Addr) == e.Family && !slices.Contains(e.targets, t) && (ping || t.Kind != config.TargetPing) {
			e.targets = append(e.targets, t)
		}
	}
	for _, t := range l.Check.Targets {
		add(t)
	}
	if len(e.targets) > 0 {
		return
	}
	add(probe.Hop(e.Family == plan.IPv6))
	for _, a := range l.Netifd.NameServers {
		if config.Gateway(a) && !a.IsUnspecified() && e.beyond(a) {
			add(config.Target{Kind: config.TargetDNS, Addr: a})
		}
	}
}

// beyond reports whether an address is beyond the line's own network.
func (e *examined) beyond(a netip.Addr) bool {
	return plan.FamilyOf(a) == e.Family && !a.IsLinkLocalUnicast() && !containsAddr(e.counted.Near, a)
}

func containsAddr(networks []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(a) })
}

// examinedLines are the lines to examine after a run.
func examinedLines(lines []plan.LineUse) (all []*examined) {
	ping := mayPing()
	use := make(map[string]int) // lines of a family on a device
	for i := range lines {
		for _, f := range plan.Families {
			if u := &lines[i].Use[f]; lines[i].Participates() && u.Usable {
				use[f.String()+u.Device.Name]++
			}
		}
	}
	for i := range lines {
		l := &lines[i]
		for _, f := range plan.Families {
			if u := &l.Use[f]; l.Participates() && u.Usable && u.Source.IsValid() {
				all = append(all, newExamined(l, f, use[f.String()+u.Device.Name] == 1, ping))
			}
		}
	}
	return all
}

// mayPing reports whether the kernel lets this process send ICMP echoes
// (net.ipv4.ping_group_range, by default nobody, which is about both families).
func mayPing() bool {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMP)
	if err != nil {
		return false
	}
	unix.Close(fd)
	return true
}
