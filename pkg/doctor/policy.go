// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// bypassedRules are the foreign rules for a firewall mark that the router's own packets may
// carry, but never reach: a rule for the source address comes first, and no
// earlier rule takes packets with that mark.
func (f *Facts) bypassedRules(family plan.Family) (behind []*Rule) {
	sources := -1 // where the first of those rules is
	for i := range f.Rules[family] {
		r := &f.Rules[family][i]
		switch {
		case r.managed() && r.Priority == plan.PrioritySource && sources < 0:
			sources = i
		case sources >= 0 && r.marked() && !f.earlier(family, sources, r):
			behind = append(behind, r)
		}
	}
	return behind
}

// marked reports whether a foreign rule routes what the router sends by a mark.
func (r *Rule) marked() bool {
	return !r.managed() && r.Mask != 0 && !r.Invert && r.Table != 0 && (r.IIF == "" || r.IIF == "lo")
}

// earlier reports whether one of the first rules takes all packets of a rule for a mark.
func (f *Facts) earlier(family plan.Family, first int, r *Rule) bool {
	for i := range first {
		if b := &f.Rules[family][i]; b.marked() && b.Mask&^r.Mask == 0 && b.Mark == r.Mark&b.Mask {
			return true
		}
	}
	return false
}

// PolicyBehind reports whether there are rules for marks behind those for the
// lines' addresses, so that Ruleset matters.
func (f *Facts) PolicyBehind() bool {
	return len(f.bypassedRules(plan.IPv4))+len(f.bypassedRules(plan.IPv6)) > 0
}

// policies finds what routes the router's own packets by a mark. An output
// chain sets it once the source address has been chosen, so that the packet
// meets the rule for that address first. A mark that no chain sets may be that
// of a program's own sockets, and is only noted.
func (e *examination) policies() {
	marks := outputMarks(e.Ruleset)
	var noted []string
	for _, f := range plan.Families {
		for _, r := range e.bypassedRules(f) {
			rule := r.String()
			switch {
			case marks.reach(r.Mark, r.Mask):
				e.add(PolicyBehind, "", fmt.Sprintf("the router's own packets do not follow the rule %s: an output chain marks them after their source address was chosen, and rule %d for that address comes first",
					rule, plan.PrioritySource), e.moveRule(f, r)...)
			case (r.Table < kernelTables[0] || r.Table > kernelTables[1]) && !slices.Contains(noted, rule):
				noted = append(noted, rule)
			}
		}
	}
	if len(noted) > 0 {
		e.add(MarkBehind, "", fmt.Sprintf("packets from a line's address match rule %d before these fwmark rules: %s", plan.PrioritySource, strings.Join(noted, "; ")))
	}
}

// kernelTables are the first and last of the kernel's own tables (RT_TABLE_DEFAULT
// to RT_TABLE_LOCAL, include/uapi/linux/rtnetlink.h).
var kernelTables = [2]uint32{253, 255}

// Priorities that mwan3 takes for its own (mwan3's mwan3.sh): what it marks are the
// subflows too, which no policy may take away.
const mwan3First, mwan3Last = 1001, 3999

// moveRule puts a rule before those of the lines.
func (e *examination) moveRule(f plan.Family, r *Rule) []string {
	if r.Priority >= mwan3First && r.Priority <= mwan3Last {
		return []string{"# start the program with: mwan3 use INTERFACE COMMAND"}
	}
	return []string{fmt.Sprintf("%srule add pref %d %s", ip(f), priorityBefore, r.text())}
}

// priorityBefore comes before all managed rules.
const priorityBefore = 400
