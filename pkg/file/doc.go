// SPDX-License-Identifier: Apache-2.0

// Package file opens files without the runtime's poller, which files need not, and which
// costs a short process five system calls and the memory of its structures.
//
//	f, err := file.Open("/var/lock/x", os.O_RDWR|os.O_CREATE, 0o600)
package file
