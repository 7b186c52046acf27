// SPDX-License-Identifier: Apache-2.0

// Package mptcp reads and writes the endpoints and limits of the Linux kernel's
// MPTCP path manager, the generic netlink family "mptcp_pm", hears its events,
// and reads the kernel's MPTCP counters.
//
// A Client acts in the network namespace in which it was dialled:
//
//	c, err := mptcp.Dial()
//	endpoints, err := c.Endpoints()
//	err = c.Add(mptcp.Endpoint{Addr: addr, Flags: mptcp.FlagSubflow, IfIndex: 5})
//
// Events come from a socket of their own:
//
//	e, err := mptcp.DialEvents()
//	events, err := e.Receive()
//
// The value types (Endpoint, Flags, Limits, Event) need no kernel and build on
// every Unix; Client, Events and Counters are Linux only.
package mptcp
