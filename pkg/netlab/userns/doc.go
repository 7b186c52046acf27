// SPDX-License-Identifier: Apache-2.0

// Package userns lets a program or a test make network namespaces: as root it
// may already, and an ordinary user's is started again in a user namespace.
//
//	os.Exit(userns.Tests(m).Run())          // in TestMain
//	err := userns.Reexec(syscall.CLONE_NEWNS) // at the start of a program
package userns
