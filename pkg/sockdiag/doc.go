// SPDX-License-Identifier: Apache-2.0

// Package sockdiag lists the MPTCP connections of the network namespace of the
// calling thread and their subflows, by the kernel's NETLINK_SOCK_DIAG:
//
//	connections, err := sockdiag.Connections()
//	tokens, err := sockdiag.EstablishedTokens() // which connections use an address
//	err = sockdiag.Subflows(func(s sockdiag.Subflow) error { ... }, sockdiag.Established)
//
// No call needs a privilege. A listing is no snapshot: sockets come and go while
// the kernel writes it.
package sockdiag
