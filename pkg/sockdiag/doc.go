// SPDX-License-Identifier: Apache-2.0

// Package sockdiag lists the MPTCP connections of the network namespace of the
// calling thread and their subflows, by the kernel's NETLINK_SOCK_DIAG:
//
//	err := sockdiag.Each(func(c sockdiag.Connection) error { ... }) // one at a time
//	connections, err := sockdiag.Connections()                      // all at once
//	tokens, err := sockdiag.EstablishedTokens()                     // which connections use an address
//	err = sockdiag.Subflows(func(s sockdiag.Subflow) error { ... }, sockdiag.Established)
//	err = sockdiag.Destroy(s.Socket)                                // ends a subflow
//
// No listing needs a privilege from Linux 6.15 on; before, the kernel tells only who
// has CAP_NET_ADMIN which TCP sockets are subflows (tcp_diag_get_aux in
// net/ipv4/tcp_diag.c), and others are listed none. A listing is no snapshot: sockets come and go while
// the kernel writes it, and one that moves in its tables may be missing.
package sockdiag
