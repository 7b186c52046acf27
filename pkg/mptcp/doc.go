// SPDX-License-Identifier: Apache-2.0

// Package mptcp reads and writes the endpoints and limits of the Linux kernel's
// MPTCP path manager, the generic netlink family "mptcp_pm".
//
// A Client acts in the network namespace in which it was dialled:
//
//	c, err := mptcp.Dial()
//	endpoints, err := c.Endpoints()
//	err = c.Add(mptcp.Endpoint{Addr: addr, Flags: mptcp.FlagSubflow, IfIndex: 5})
//
// The value types (Endpoint, Flags, Limits) need no kernel and build on every
// system; the Client is Linux only.
package mptcp
