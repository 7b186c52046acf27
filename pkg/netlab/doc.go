// SPDX-License-Identifier: Apache-2.0

// Package netlab is a test laboratory: a router with several lines to the
// internet, a far server and, if asked for, a LAN host, all in network
// namespaces of this machine, for root and (through a user namespace) for
// any user. It plays netifd's part towards the kernel, answers `ubus` and `uci`
// as OpenWrt would, breaks lines on request, and has an MPTCP server and client
// that tell how many bytes each line carried and how long a transfer stood still.
//
//	lab, err := netlab.New(netlab.Config{Lines: []netlab.LineConfig{{}, {}}})
//	events, err := lab.Unplug("wan1")
//	result, err := lab.Router.Transfer(ctx, netlab.Transfer{Server: netlab.Addr4, Up: 1 << 20})
//
// A test binary hands its testing.M to userns.Tests first, so that it has the
// privileges it needs.
package netlab
