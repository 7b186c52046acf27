// SPDX-License-Identifier: Apache-2.0

// Package trial tells whether MPTCP gets through to a server: it opens a connection over
// each line, and one over all of them, and says of each what became of it, as far as
// that can be told from this end.
//
//	test := trial.Test{To: to, Lines: lines, Timeout: 10 * time.Second}
//	test.Run(ctx)
//	fmt.Println(test.Verdict())
//
// The kernel gives MPTCP up on every line when it has lost a few SYNs with MPTCP and one
// without is answered (net/mptcp/ctrl.c). A trial never comes to that: it closes its
// connection before the first SYN without MPTCP, and asks by a connection of plain
// TCP whether the path is there. Resolve finds the addresses of a name without the
// resolver of package net, which weighs more than all of this.
package trial
