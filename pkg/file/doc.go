// SPDX-License-Identifier: Apache-2.0

// Package file opens files and reads directories without the runtime's poller, which
// files do not need, and which costs a short process five system calls and the memory of
// its structures. os.File.Readdirnames would also be 2 kB more of the compressed binary.
//
//	f, err := file.Open("/var/lock/x", unix.O_RDWR|unix.O_CREAT, 0o600)
//	names, err := file.Names("/proc/sys/net/mptcp")
package file
