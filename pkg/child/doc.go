// SPDX-License-Identifier: Apache-2.0

// Package child runs another program and hands on what it writes. It does the part
// of os/exec that mptcpctl needs in a fifth of its size: no standard input, no
// directory or environment of the program's own, a context that always ends it.
//
//	path, found := child.LookPath("uci")
//	process, err := child.Start(ctx, path, []string{"export", "network"}, &stdout, &stderr)
//	err = process.Wait()
package child
