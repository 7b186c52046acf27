// SPDX-License-Identifier: Apache-2.0

package mptcp

// Limits bound what the path manager does for one connection. A new network
// namespace starts with Subflows 2 and AddAddrAccepted 0 (pm_nl_init_net in
// net/mptcp/pm_kernel.c). How high they can be is the kernel's affair: 8 up to
// Linux 7.1, 64 later, and more or less in patched ones. SetLimits tells.
type Limits struct {
	// Subflows is the number of subflows beside the first one.
	Subflows uint32
	// AddAddrAccepted is the number of announced addresses of the peer to
	// which subflows are opened.
	AddAddrAccepted uint32
}

// LowestBound is the bound of endpoints, and of each of the Limits, that all kernels go
// up to: MPTCP_PM_ADDR_MAX of Linux 5.7 to 7.1 (net/mptcp/pm_kernel.c, before 6.15
// pm_netlink.c).
const LowestBound = 8

// MaxLimit is the highest value that one of the Limits can have on any kernel:
// struct mptcp_info (include/uapi/linux/mptcp.h) tells them in eight bits.
const MaxLimit = 255

// upTo are the limits with neither above most.
func (l Limits) upTo(most uint32) Limits {
	return Limits{Subflows: min(l.Subflows, most), AddAddrAccepted: min(l.AddAddrAccepted, most)}
}
