// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// modeReason says where the mode of a line comes from.
func modeReason(l *plan.LineUse) string {
	switch {
	case l.Frozen:
		return "a bad value in its own section or in its parent's"
	case l.Own && l.Chosen:
		return "set at run time, until the next reboot"
	case l.Own:
		return "its own option multipath"
	case l.From == "":
		return "no option multipath, and no mode to take over"
	case strings.HasPrefix(l.Interface.Device, "@"):
		return "alias of " + l.From + ", whose mode it takes over"
	case l.Netifd.Dynamic:
		return "made by netifd from " + l.From + ", whose mode it takes over"
	}
	return "on the device of " + l.From + ", whose mode it takes over"
}

// tableReason says why a line has its table (plan.Resolve gives the numbers).
func (e *Explanation) tableReason(l *plan.Line, f plan.Family) string {
	place := uint32(l.Position) + 1
	position := fmt.Sprintf("interface number %d in the file, plus 1", l.Position)
	if l.Netifd.Dynamic && l.From != "" {
		position = "that of " + l.From + ": " + position
	}
	switch l.Tables[f] {
	case 0:
		return fmt.Sprintf("it takes no part, and %d is %s", place, e.takenBy(l, f, place))
	case l.Table:
		return "option multipath_table"
	case place:
		return position
	}
	return fmt.Sprintf("%d is %s: the first free one from 1000 up", place, e.takenBy(l, f, place))
}

// takenBy says who has a number that a line cannot have.
func (e *Explanation) takenBy(l *plan.Line, f plan.Family, table uint32) string {
	if config.ReservedTable(table) {
		return "the kernel's"
	}
	for i := range e.Result.Lines {
		other := &e.Result.Lines[i].Line
		switch {
		case slices.Contains([]uint32{other.NetifdTable(plan.IPv4), other.NetifdTable(plan.IPv6)}, table):
			return "netifd's (ip4table or ip6table of " + other.Name + ")"
		case other.Name != l.Name && (other.Table == table || other.Tables[f] == table):
			return "taken by " + other.Name
		}
	}
	if slices.Contains(e.Config.DefaultTables, table) {
		return "taken by a route section of the configuration"
	}
	return "taken"
}
