// SPDX-License-Identifier: Apache-2.0

// Package dir reads directories by getdents64(2). It does what os.File.Readdirnames
// does, in 2 kB less of the compressed binary.
//
//	names, err := dir.Names("/proc/sys/net/mptcp")
package dir
