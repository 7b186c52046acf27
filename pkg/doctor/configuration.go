// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// configuration finds what is wrong with the file, and what waits to be applied.
func (e *examination) configuration() {
	for _, p := range e.Config.Problems {
		e.badValue(p)
	}
	if n := e.pending(); n > 0 && !e.Config.Hidden {
		e.add(Pending, "", fmt.Sprintf("the kernel differs from the configuration, pending changes: %d", n), "mptcpctl apply")
	}
	if !e.Config.Globals.Multipath {
		e.add(Disabled, "", "multipath is switched off (option multipath of the section globals)",
			modeSetting("globals.multipath=enable")...)
		return
	}
	e.masters(e.switchedOffLines())
}

// switchedOffLines finds the lines that a runtime choice has taken out.
func (e *examination) switchedOffLines() (found bool) {
	for i := range e.Result.Lines {
		l := &e.Result.Lines[i]
		if l.Own && l.Mode == config.Off && l.Saved != config.Off {
			found = true
			e.add(SwitchedOff, l.Name, "switched off at run time, until the next reboot", "mptcpctl iface "+l.Name+" --reset")
		}
	}
	return found
}

// masters finds that no line has the default route, or several. A server, whose line
// announces its address, and one whose lines are only switched off need none.
func (e *examination) masters(switchedOff bool) {
	var masters []*plan.LineUse
	saved, server := false, false // by modes that are others until the next reboot only
	for i := range e.Config.Interfaces {
		saved = saved || e.Config.Interfaces[i].Saved == config.Master
	}
	for i := range e.Result.Lines {
		l := &e.Result.Lines[i]
		server = server || l.Mode.Announces() || l.Saved.Announces()
	}
	participants := e.participants()
	for _, l := range participants {
		if l.Mode == config.Master && l.Own {
			masters = append(masters, l)
		}
	}
	switch {
	case len(masters) > 0:
		e.twoMasters(masters)
	case saved, server:
	case len(participants) > 0:
		e.add(NoMaster, "", "no interface has mode master: the default route is left to netifd",
			"mptcpctl iface "+participants[0].Name+" master --save")
	case !switchedOff:
		e.add(NoMaster, "", "no interface takes part: none has the option multipath", modeSetting("INTERFACE.multipath=master")...)
	}
}

// lock finds what keeps every run from its lock.
func (e *examination) lock() {
	switch {
	case e.Lock == "":
	case e.Holder > 0:
		pid := strconv.Itoa(e.Holder)
		e.add(LockFailed, "", "nothing can be changed: process "+pid+" holds the lock and does not release it: "+e.Lock, "kill "+pid)
	default:
		e.add(LockFailed, "", "nothing can be changed: "+e.Lock, "rm -rf "+e.LockFile)
	}
}

// twoMasters finds masters of one family. wan and wan6 on one device are one line.
func (e *examination) twoMasters(masters []*plan.LineUse) {
	var names []string
	for _, l := range masters {
		if slices.ContainsFunc(masters, func(o *plan.LineUse) bool {
			return o != l && o.Families.Overlap(l.Families) && (o.Device != l.Device || o.Device == "")
		}) {
			names = append(names, l.Name)
		}
	}
	if len(names) > 1 {
		e.add(TwoMasters, "", fmt.Sprintf("%s have mode master: %s takes precedence", list(names), names[0]),
			"mptcpctl iface "+names[1]+" on --save")
	}
}

// pending counts the operations, but for those that other findings speak of.
func (e *examination) pending() int {
	n := len(e.Result.Ops)
	for _, op := range e.Result.Ops {
		switch {
		case op.Object != plan.ObjectSysctl:
		case op.Sysctl.Key == keyEnabled && e.switchedOff():
			n--
		case op.Sysctl.Key == keyCongestion && e.noCongestion(op.Sysctl.Value):
			n--
		}
	}
	return n
}

// noCongestion finds a congestion control that the kernel does not have. A write
// loads its module where there is one; where not, apply cannot help.
func (e *examination) noCongestion(name string) bool {
	there, known := e.Sysctls[keyCongestions]
	if !known || slices.Contains(strings.Fields(there), name) {
		return false
	}
	load := "modprobe tcp_" + name
	if e.Install != "" {
		load = e.Install + " kmod-tcp-" + name
	}
	e.add(BadValue, "globals", fmt.Sprintf("option congestion '%s': this kernel only has %s", config.Shown(name), there), load, "mptcpctl apply")
	return true
}

// badValue names the mode that was meant, where it can be told.
func (e *examination) badValue(p config.Problem) {
	text := fmt.Sprintf("option %s '%s': expected %s", p.Option, config.Shown(p.Value), p.Accepted)
	if p.Option != config.OptionMultipath {
		e.add(BadValue, p.Section, text, "uci delete network."+p.Section+"."+p.Option, "uci commit network", "mptcpctl apply")
		return
	}
	meant := "MODE"
	for _, mode := range config.Modes() {
		if meant == "MODE" && distance(p.Value, mode, 1) == 1 {
			meant = mode
		}
	}
	e.add(BadValue, p.Section, text, modeSetting(p.Section+".multipath="+meant)...)
}
