// SPDX-License-Identifier: Apache-2.0

// Package kernel observes and applies: it reads what a plan is made from out of
// the kernel, and carries a plan's operations out. Nothing else in the program
// reads or writes rules and routes. Without netifd it also tells what netifd would
// (Interfaces), and with netifd what that does not know of protocol "none" (Complete).
//
//	k, err := kernel.Open()
//	state, err := k.Observe(plan.Needs(&cfg, lines, hint))
//	errs := k.Apply(plan.Make(plan.Input{Config: &cfg, Lines: lines, State: state}).Ops)
package kernel
