// SPDX-License-Identifier: Apache-2.0

// Package plan decides. From what is wanted (config), what is up (netifd) and
// what is there (State) it works out the whole desired set of rules, routes,
// endpoints and settings, and the ordered operations that lead to it. A line is
// decided about in each address family by itself. The package is pure: it reads
// nothing, writes nothing and imports no netlink library.
//
//	lines := plan.Resolve(&cfg, interfaces)
//	state := observe(plan.Needs(&cfg, lines, hint)) // package kernel
//	result := plan.Make(plan.Input{Config: &cfg, Lines: lines, State: state})
package plan
