// SPDX-License-Identifier: Apache-2.0

package mptcp

import (
	"strconv"
	"strings"
)

// Limits bound what the path manager does for one connection. A new network
// namespace starts with Subflows 2 and AddAddrAccepted 0 (pm_nl_init_net in
// net/mptcp/pm_kernel.c).
type Limits struct {
	// Subflows is the number of subflows beside the first one.
	Subflows uint32
	// AddAddrAccepted is the number of announced addresses of the peer to
	// which subflows are opened.
	AddAddrAccepted uint32
}

const (
	// oldMax is MPTCP_PM_ADDR_MAX of Linux 5.7 to 7.1 (net/mptcp/pm_kernel.c,
	// before 6.15 pm_netlink.c), the bound of the endpoints and of each limit.
	oldMax = 8
	// newMax is the bound of each limit since the series "mptcp: pm: in-kernel:
	// increase limits", which entered Linux after 7.1.
	newMax = 64
)

// MaxEndpoints returns how many endpoints fit into one network namespace of a
// kernel, given its release as uname prints it ("6.12.87"): 8 up to Linux 7.1,
// 64 after it and 8 for a release that is not understood. Newer kernels may
// take even more endpoints than 64, but no connection has more subflows. The
// last word is the kernel's: Client.Add fails with ERANGE when the table is
// full, and implicit endpoints take places too.
func MaxEndpoints(release string) int {
	return int(MaxLimit(release))
}

// MaxLimit returns the highest value of each of the Limits that a kernel
// accepts, given its release as uname prints it: 8 up to Linux 7.1, 64 after
// it and 8 for a release that is not understood. Client.SetLimits fails with
// EINVAL beyond the kernel's own bound.
func MaxLimit(release string) uint32 {
	majorText, rest, _ := strings.Cut(release, ".")
	end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(rest)
	}
	major, err := strconv.Atoi(majorText)
	if err != nil {
		return oldMax
	}
	minor, err := strconv.Atoi(rest[:end])
	if err != nil {
		return oldMax
	}
	if major > 7 || major == 7 && minor > 1 {
		return newMax
	}
	return oldMax
}
