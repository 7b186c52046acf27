// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"net/netip"
	"syscall"

	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// Outcome is what a rule did for a packet.
type Outcome string

// The outcomes, as they are printed.
const (
	// Wins: its table has the route, or its action refuses the packet.
	Wins Outcome = "wins"
	// NoRoute: its table has no route.
	NoRoute Outcome = "no route"
	// NoneLonger: its table has no route, or one that the rule suppresses.
	NoneLonger Outcome = "none longer"
	// Suppressed: its table has the route, and the rule does not let it count.
	Suppressed Outcome = "suppressed"
	// Passed: it does not decide (goto, nop).
	Passed Outcome = "passed"
	// Unclear: it has selectors that are not understood here, or something else
	// than rules and routes has decided.
	Unclear Outcome = "cannot tell"
)

// Step is a rule that a packet meets, and what came of it.
type Step struct {
	Rule    AnyRule
	Outcome Outcome
}

// matches says whether a packet with type of service 0 matches a rule: surely, possibly, or not at all (fib_rule_match in
// net/core/fib_rules.c, fib4_rule_match and fib6_rule_match).
func (r *AnyRule) matches(q *Query) (possibly, surely bool) {
	iif := q.IIF
	if iif == "" {
		iif = "lo" // what is made here comes from the loopback device
	}
	src := q.Src
	if !src.IsValid() {
		src = unspecified[r.Family]
	}
	known := within(r.Src, src) && within(r.Dst, q.Dst) && (r.IIF == "" || r.IIF == iif) && (r.OIF == "" || r.OIF == q.OIF) &&
		(r.Mark^q.Mark)&r.Mask == 0 && r.TOS == 0
	if r.MoreSelectors {
		return known || r.Invert, false
	}
	return known != r.Invert, known != r.Invert
}

// unspecified is the source of a packet for which the kernel has yet to choose one.
var unspecified = [...]netip.Addr{plan.IPv4: netip.IPv4Unspecified(), plan.IPv6: netip.IPv6Unspecified()}

func within(p netip.Prefix, a netip.Addr) bool {
	return !p.IsValid() || p.Bits() == 0 || p.Contains(a)
}

// Trace lists the rules that a packet meets, up to the one that decided, given
// all rules of its family in the kernel's order and the kernel's answer. The
// answer names the table and the route, so that no table is read: the winner is
// the first rule that looks there and lets a route of that length count. Where
// that may be several, because of selectors that are not understood, all from
// there on are Unclear. Of a refused packet, an action that refuses is taken for the winner;
// an "unreachable" route in a table before it cannot be told apart.
func Trace(rules []AnyRule, q Query, a Answer) []Step {
	var steps []Step
	maybe := 0 // decided, if they matched
	last := -1
	var target uint32
	for i := range rules {
		r := &rules[i]
		possibly, surely := r.matches(&q)
		if r.Priority < target || !possibly {
			continue
		}
		steps = append(steps, Step{*r, r.outcome(&a)})
		step := &steps[len(steps)-1]
		switch {
		case step.Outcome == Wins && surely:
			if maybe > 0 {
				step.Outcome = Unclear
			}
			return steps
		case step.Outcome == Wins:
			step.Outcome = Unclear
			maybe, last = maybe+1, len(steps)-1
		case !surely && r.Action == ActionGoto:
			step.Outcome = Unclear
			maybe += 2 // it may lead past any of the next ones
		case !surely, maybe > 0:
			step.Outcome = Unclear
		case r.Action == ActionGoto && hasPriority(rules, r.Goto):
			target = r.Goto
		}
	}
	if maybe == 1 {
		steps[last].Outcome = Wins
		return steps[:last+1]
	}
	if a.Refused != 0 && a.Refused != syscall.ENETUNREACH {
		// Not for want of a route: the source, the way back, forwarding.
		for i := range steps {
			steps[i].Outcome = Unclear
		}
	}
	return steps
}

// hasPriority reports whether a goto has a rule to go to; the kernel passes over one
// that has not.
func hasPriority(rules []AnyRule, priority uint32) bool {
	for i := range rules {
		if rules[i].Priority == priority {
			return true
		}
	}
	return false
}

func (r *AnyRule) outcome(a *Answer) Outcome {
	errno := syscall.Errno(0)
	switch r.Action {
	case ActionLookup:
		switch {
		case a.Refused == 0 && (r.Table == a.Table || r.Table == tableLocal && a.merged()):
			if a.Matched.Bits() <= r.Suppress {
				return Suppressed
			}
			return Wins
		case r.Suppress >= 0:
			return NoneLonger
		}
		return NoRoute
	case ActionUnreachable:
		errno = syscall.ENETUNREACH
	case ActionProhibit:
		errno = syscall.EACCES
	case ActionBlackhole:
		errno = syscall.EINVAL
	}
	if errno != 0 && errno == a.Refused {
		return Wins
	}
	return Passed
}
