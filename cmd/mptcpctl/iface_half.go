// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"strings"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// otherHalf warns if the line of an interface has another section with its own
// option, which keeps another mode, and names the command that changes it too.
func otherHalf(lines []plan.LineUse, choice modeChoice) (warnings []string) {
	at := slices.IndexFunc(lines, func(l plan.LineUse) bool { return l.Name == choice.name })
	if at < 0 {
		return nil
	}
	line := &lines[at]
	for i := range lines {
		other := &lines[i]
		if i == at || !other.Own || other.Frozen || other.Mode == line.Mode || !sameLine(line, other) || choice.reset && !other.Chosen {
			continue
		}
		command := "mptcpctl iface " + other.Name + " " + choice.mode
		switch {
		case choice.reset:
			command = "mptcpctl iface " + other.Name + " --reset"
		case choice.save:
			command += " --save"
		}
		warnings = append(warnings, other.Name+" is on the same line and stays in mode "+other.Mode.String()+"; to change it: "+command)
	}
	return warnings
}

// sameLine reports whether two interfaces are the two families of one line: on one
// device, or one the alias of the other, with no family in common.
func sameLine(a, b *plan.LineUse) bool {
	for _, f := range plan.Families {
		if a.Has(f) && b.Has(f) {
			return false
		}
	}
	return a.Device != "" && a.Device == b.Device || sameBase(a.Interface, b.Interface)
}

// sameBase compares the devices of two sections as the configuration has them.
func sameBase(a, b config.Interface) bool {
	alias := func(child, parent config.Interface) bool {
		name, ok := strings.CutPrefix(child.Device, "@")
		return ok && name == parent.Name
	}
	return a.Device != "" && a.Device == b.Device || alias(a, b) || alias(b, a)
}
