// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// AnyRule is a policy rule, managed or foreign. It is comparable.
type AnyRule struct {
	// Rule is the part that a managed rule can have. Its Table is what the
	// action "lookup" looks up; Suppress is -1 when nothing is suppressed.
	plan.Rule
	// Protocol says who made it (FRA_PROTOCOL): 77 is a managed rule, 2 one of
	// the kernel, 4 and others are those of programs, 0 is unknown.
	Protocol uint8
	// Action is FR_ACT_* (include/uapi/linux/fib_rules.h): 1 is lookup.
	Action uint8
	// Dst is what a packet must match besides the Rule; zero: any.
	Dst netip.Prefix
	// Mask are the bits of Mark that count; 0: any mark.
	Mask uint32
	// TOS is the type of service; 0: any.
	TOS uint8
	// Invert says that the rule is for packets that do not match.
	Invert bool
	// Goto is the priority at which the action "goto" goes on.
	Goto uint32
	// MoreSelectors says that it has selectors that are not named here.
	MoreSelectors bool
}

// Actions of a rule, by their words in ip-rule(8) (FR_ACT_* of
// include/uapi/linux/fib_rules.h).
const (
	ActionLookup      = 1
	ActionGoto        = 2
	ActionNop         = 3
	ActionBlackhole   = 6
	ActionUnreachable = 7
	ActionProhibit    = 8
)

// String is the rule as "ip rule" prints one, the priority first.
func (r AnyRule) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d:", r.Priority)
	if r.Invert {
		b.WriteString(" not")
	}
	if r.Src.IsValid() {
		b.WriteString(" from " + plan.PrefixText(r.Src))
	} else {
		b.WriteString(" from all")
	}
	if r.Dst.IsValid() {
		b.WriteString(" to " + plan.PrefixText(r.Dst))
	}
	if r.TOS != 0 {
		fmt.Fprintf(&b, " tos 0x%02x", r.TOS)
	}
	if r.Mask != 0 {
		fmt.Fprintf(&b, " fwmark %#x/%#x", r.Mark, r.Mask)
	}
	if r.IIF != "" {
		b.WriteString(" iif " + r.IIF)
	}
	if r.OIF != "" {
		b.WriteString(" oif " + r.OIF)
	}
	if r.MoreSelectors {
		b.WriteString(" (and more)")
	}
	b.WriteString(" " + r.actionText())
	if r.Suppress >= 0 {
		fmt.Fprintf(&b, " suppress_prefixlength %d", r.Suppress)
	}
	if r.Group != 0 {
		fmt.Fprintf(&b, " suppress_ifgroup %d", r.Group)
	}
	return b.String()
}

func (r AnyRule) actionText() string {
	switch r.Action {
	case ActionLookup:
		return "lookup " + tableName(r.Table)
	case ActionGoto:
		return fmt.Sprint("goto ", r.Goto)
	case ActionNop:
		return "nop"
	case ActionBlackhole:
		return "blackhole"
	case ActionUnreachable:
		return "unreachable"
	case ActionProhibit:
		return "prohibit"
	}
	return fmt.Sprintf("action %d", r.Action)
}

// Tables of the kernel beside plan.Main (RT_TABLE_DEFAULT and RT_TABLE_LOCAL,
// include/uapi/linux/rtnetlink.h).
const (
	tableDefault = 253
	tableLocal   = 255
)

// tableName names the tables that the kernel itself has.
func tableName(table uint32) string {
	switch table {
	case tableLocal:
		return "local"
	case plan.Main:
		return "main"
	case tableDefault:
		return "default"
	}
	return fmt.Sprint(table)
}
