// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// AnyRule is a policy rule of whomever. It is comparable.
type AnyRule struct {
	// Rule is the part that a rule of ours can have. Its Table is what the
	// action "lookup" looks up; Suppress is -1 when nothing is suppressed.
	plan.Rule
	// Protocol says who made it (FRA_PROTOCOL): 77 for us, 2 for the kernel,
	// 4 and others for programs; 0 before anybody said.
	Protocol uint8
	// Action is FR_ACT_* (include/uapi/linux/fib_rules.h): 1 is lookup.
	Action uint8
	// Dst and IIF are what a packet must match besides the Rule; zero: any.
	Dst netip.Prefix
	IIF string
	// Mark and Mask are the firewall mark; Mask 0: any.
	Mark, Mask uint32
	// TOS is the type of service; 0: any.
	TOS uint8
	// Invert says that the rule is for packets that do not match.
	Invert bool
	// Goto is the priority at which the action "goto" goes on.
	Goto uint32
	// Others says that it has selectors that are not named here.
	Others bool
}

// Actions of a rule, by their words in ip-rule(8).
const (
	ActionLookup      = unix.FR_ACT_TO_TBL
	ActionGoto        = unix.FR_ACT_GOTO
	ActionNop         = unix.FR_ACT_NOP
	ActionBlackhole   = unix.FR_ACT_BLACKHOLE
	ActionUnreachable = unix.FR_ACT_UNREACHABLE
	ActionProhibit    = unix.FR_ACT_PROHIBIT
)

// AllRules lists the rules of everybody, in the order in which the kernel
// evaluates them. A family that the kernel lacks has none. It needs no
// privilege.
func (k *Kernel) AllRules(f plan.Family) ([]AnyRule, error) {
	header := make([]byte, sizeofRuleHdr)
	header[0] = addressFamilies[f]
	all, err := dump(k.route, unix.RTM_GETRULE, header, nil, func(b []byte) (AnyRule, bool, error) {
		r, err := decodeAnyRule(b, f)
		// A kernel without IPv6 answers with the rules of other families.
		return r, err == nil && b[0] == addressFamilies[f], err
	})
	if err != nil {
		return nil, fmt.Errorf("%s rules: %w", f, err)
	}
	return all, nil
}

func decodeAnyRule(b []byte, f plan.Family) (AnyRule, error) {
	known, protocol, err := decodeRule(b, f)
	if err != nil {
		return AnyRule{}, err
	}
	header, ad, err := split(b, sizeofRuleHdr)
	if err != nil {
		return AnyRule{}, err
	}
	r := AnyRule{
		Rule: known.Rule, Protocol: protocol, Action: header[7], TOS: header[3],
		Invert: binary.NativeEndian.Uint32(header[8:])&unix.FIB_RULE_INVERT != 0,
	}
	for ad.Next() {
		switch ad.Type() {
		case unix.FRA_DST:
			r.Dst = netip.PrefixFrom(address(ad), int(header[1])).Masked()
		case unix.FRA_IIFNAME:
			r.IIF = ad.String()
		case unix.FRA_FWMARK:
			r.Mark = ad.Uint32()
		case unix.FRA_FWMASK:
			r.Mask = ad.Uint32()
		case unix.FRA_GOTO:
			r.Goto = ad.Uint32()
		default:
			r.Others = r.Others || selects(ad.Type())
		}
	}
	return r, ad.Err()
}

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
	if r.Others {
		b.WriteString(" (and more)")
	}
	b.WriteString(" " + r.actionText())
	if r.Suppress >= 0 {
		fmt.Fprintf(&b, " suppress_prefixlength %d", r.Suppress)
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

// tableName names the tables that the kernel itself has
// (include/uapi/linux/rtnetlink.h).
func tableName(table uint32) string {
	switch table {
	case unix.RT_TABLE_LOCAL:
		return "local"
	case unix.RT_TABLE_MAIN:
		return "main"
	case unix.RT_TABLE_DEFAULT:
		return "default"
	}
	return fmt.Sprint(table)
}
