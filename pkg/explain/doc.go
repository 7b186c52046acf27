// SPDX-License-Identifier: Apache-2.0

// Package explain says which way packets leave and why: the rules that they
// meet, the one that decides, and whether the outcome is the one that the plan
// calls for. It is pure: pkg/kernel reads the rules and answers the lookups.
//
//	e := explain.New(&explain.Facts{Config: &cfg, Result: result, State: state, Rules: rules, Router: k})
//	err := e.Line(&result.Lines[0], netip.Addr{}, netip.Addr{})
//	steps := explain.Trace(rules[plan.IPv4], query, answer)
package explain
