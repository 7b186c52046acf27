// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mptcpctl/mptcpctl/pkg/config"
)

// Settings of MPTCP (Documentation/networking/mptcp-sysctl.rst);
// available_schedulers exists from 6.10 on.
const (
	keyEnabled    = "net/mptcp/enabled"
	keyScheduler  = "net/mptcp/scheduler"
	keySchedulers = "net/mptcp/available_schedulers"
)

// KeyBlackhole is for how many seconds, at first, the kernel opens plain TCP connections
// after SYNs with MPTCP were lost; from Linux 6.12 on.
const KeyBlackhole = "net/mptcp/blackhole_timeout"

// Resume ends that: the kernel forgets the losses when the setting is written, also with
// the value that it has (net/mptcp/ctrl.c, proc_blackhole_detect_timeout).
func Resume(timeout, reason string) Op {
	return Op{Action: Change, Object: ObjectSysctl, Sysctl: Sysctl{Key: KeyBlackhole, Value: timeout}, Reason: reason}
}

// LinkdownKey is the setting that makes the kernel skip routes of a device
// without carrier (Documentation/networking/ip-sysctl.rst).
func LinkdownKey(f Family, device string) string {
	return "net/" + f.String() + "/conf/" + device + "/ignore_routes_with_linkdown"
}

// settingPath is the path of a setting of "globals", whose names have dots only
// between their parts.
func settingPath(s config.Sysctl) string { return strings.ReplaceAll(s.Key, ".", "/") }

type wantedSysctl struct {
	Sysctl
	wanted
}

// globalSettings switches MPTCP on and asks for the settings of "globals".
func (p *planner) globalSettings() {
	p.wantSysctl(Sysctl{Key: keyEnabled, Value: "1"}, "", "multipath is on")
	for _, s := range p.Config.Globals.Sysctls {
		key := settingPath(s)
		if _, there := p.State.Sysctls[key]; !there {
			p.result.Warnings = append(p.result.Warnings, fmt.Sprintf("option %s: this kernel has no %s", s.Option, s.Key))
			continue
		}
		if all, known := p.State.Sysctls[keySchedulers]; known && key == keyScheduler && !slices.Contains(strings.Fields(all), s.Value) {
			p.result.Warnings = append(p.result.Warnings, fmt.Sprintf("option %s '%s': this kernel only has %s", s.Option, config.Shown(s.Value), all))
			continue
		}
		p.wantSysctl(Sysctl{Key: key, Value: s.Value, Optional: true}, "", "option "+s.Option)
	}
}

// linkdownSettings makes the kernel itself skip a line that loses its carrier,
// as long as there is another line of that family. The carrier is left aside
// in the count: a line that has just lost it is the one that must be skipped.
func (p *planner) linkdownSettings() {
	for _, f := range Families {
		devices := p.linkdownDevices(f)
		value, reason := "0", "the only usable line"
		if n := len(devices) + p.frozenLines(f); n >= 2 {
			value, reason = "1", fmt.Sprintf("%d usable lines", n)
		}
		for _, name := range devices {
			p.wantSysctl(Sysctl{Key: LinkdownKey(f, name), Value: value}, "", reason)
		}
		for _, d := range p.State.Devices {
			managed := p.managed[f][d.Name] || p.maybeManaged(f, d)
			if managed && !slices.Contains(devices, d.Name) && !p.frozenDevice(d.Name) {
				p.wantSysctl(Sysctl{Key: LinkdownKey(f, d.Name), Value: "0"}, "", "no usable line left")
			}
		}
	}
}

// maybeManaged reports whether a device may have the setting from mptcpctl without a
// managed rule or route: a line without carrier has no rule and no route where the carrier counts.
func (p *planner) maybeManaged(f Family, d Device) bool {
	for i := range p.lines {
		l := &p.lines[i]
		if l.Mode == config.Off && l.Saved == config.Off || l.Device != d.Name {
			continue
		}
		if _, route := l.defaultRoute(f); route || !l.Netifd.Up && !d.Carrier {
			return true
		}
	}
	return false
}

// linkdownDevices are the devices of the lines that only a carrier may lack.
func (p *planner) linkdownDevices(f Family) []string {
	var devices []string
	for i := range p.lines {
		u := &p.lines[i].Use[f]
		if p.lines[i].Participates() && u.LinkReady && !slices.Contains(devices, u.Device.Name) {
			devices = append(devices, u.Device.Name)
		}
	}
	return devices
}

// frozenLines counts those with a bad value that carry on beside the others.
func (p *planner) frozenLines(f Family) int {
	n := 0
	for i := range p.lines {
		l := &p.lines[i]
		if _, route := l.defaultRoute(f); route && l.Frozen && p.managed[f][l.Device] && len(l.Use[f].addresses) > 0 {
			n++
		}
	}
	return n
}

func (p *planner) wantSysctl(s Sysctl, iface, reason string) {
	p.draft.sysctls = append(p.draft.sysctls, wantedSysctl{s, wanted{iface, reason}})
}

// diffSysctls writes what is there with another value; a setting that the
// kernel lacks is left out.
func (p *planner) diffSysctls() {
	for _, w := range p.draft.sysctls {
		if have, there := p.State.Sysctls[w.Key]; there && !sameSetting(have, w.Value) {
			p.draft.add(phaseSetting, Op{Action: Change, Object: ObjectSysctl, Sysctl: w.Sysctl, Interface: w.iface, Reason: w.reason})
		}
	}
}

// sameSetting compares as the kernel does: numbers by their value.
func sameSetting(a, b string) bool {
	x, errA := strconv.ParseInt(a, 0, 64)
	y, errB := strconv.ParseInt(b, 0, 64)
	return a == b || errA == nil && errB == nil && x == y
}
