// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// Settings of MPTCP (Documentation/networking/mptcp-sysctl.rst); path_manager
// exists from Linux 6.15 on, blackhole_timeout from 6.12 on.
const (
	keyEnabled     = "net/mptcp/enabled"
	keyPathManager = "net/mptcp/path_manager"
	keyBlackhole   = "net/mptcp/blackhole_timeout"
)

// Settings of TCP and IPv4 (Documentation/networking/ip-sysctl.rst).
const (
	keyCongestion  = "net/ipv4/tcp_congestion_control"
	keyCongestions = "net/ipv4/tcp_available_congestion_control"
	keyForward     = "net/ipv4/ip_forward"
)

// kernel finds what the kernel's MPTCP lacks.
func (e *examination) kernel() {
	switch e.State.PathManager {
	case plan.PathManagerMissing:
		e.add(MPTCPMissing, "", "this kernel has no MPTCP: build OpenWrt with KERNEL_MPTCP")
		return
	case plan.PathManagerOther:
		fix := "sysctl -w net.mptcp.pm_type=0"
		if _, there := e.Sysctls[keyPathManager]; there {
			fix = "sysctl -w net.mptcp.path_manager=kernel"
		}
		e.add(PathManagerOther, "", "a userspace path manager is in use: endpoints have no effect", fix)
	}
	if e.switchedOff() {
		e.add(MPTCPOff, "", "MPTCP is switched off (net.mptcp.enabled)", "sysctl -w net.mptcp.enabled=1")
	}
	if e.Blackhole {
		// A write of the setting ends the time-out, also one of the same value
		// (net/mptcp/ctrl.c, proc_blackhole_detect_timeout).
		e.add(BlackholeTimeout, "", "new connections use plain TCP for now: a path has lost SYNs with MPTCP",
			"sysctl -w net.mptcp.blackhole_timeout="+e.Sysctls[keyBlackhole])
	}
	if e.NoIPv6 && e.countUsable(plan.IPv6) > 0 {
		e.add(IPv6Missing, "", "this kernel has no MPTCP over IPv6: build OpenWrt with KERNEL_MPTCP_IPV6")
	}
	if e.MissingDiag != "" {
		fix := "modprobe -a mptcp_diag tcp_diag"
		if e.Install != "" {
			fix = e.Install + " " + e.MissingDiag
		}
		e.add(DiagMissing, "", "this kernel cannot list connections: lost subflows go unnoticed", fix)
	}
}

// switchedOff reports whether MPTCP was switched off by another program. While
// there is no managed rule, it is just pending.
func (e *examination) switchedOff() bool {
	return e.Config != nil && e.Config.Globals.Multipath && e.State.Sysctls[keyEnabled] == "0" && len(e.State.Rules) > 0
}

// limits finds a configured limit that is too low for sure: the endpoint that
// the first subflow uses needs no room of its own. What no option holds down
// is raised by every run.
func (e *examination) limits() {
	var subflows [2]int
	for _, there := range e.Result.Endpoints {
		if there.Own && there.Flags&mptcp.FlagSubflow != 0 {
			subflows[plan.FamilyOf(there.Addr)]++
		}
	}
	need := max(subflows[plan.IPv4], subflows[plan.IPv6]) - 1
	if limit := e.Config.Globals.Subflows; limit != nil && int(*limit) < need {
		e.add(LimitTooLow, "", fmt.Sprintf("option mptcp_subflows %d is too low: there are endpoints for %d further subflows", *limit, need),
			modeSetting(fmt.Sprintf("globals.mptcp_subflows=%d", need+1))...)
	}
	// With laminar endpoints an announced address is used over one more line. The kernel
	// uses one over all lines where the server allows no joins to its first, as long as it
	// accepts none (net/mptcp/pm_kernel.c, fill_local_addresses_vec_c_flag, of 6.18): with
	// more than two lines accepting one would take lines away.
	g, most := &e.Config.Globals, max(subflows[plan.IPv4], subflows[plan.IPv6])
	room := int(e.State.Limits.Subflows) >= subflows[plan.IPv4]+subflows[plan.IPv6]
	asked := g.AddAddrAccepted != nil && *g.AddAddrAccepted > 0 // and not written yet
	if e.State.Limits.AddAddrAccepted == 0 && !asked && e.Counters["AddAddr"] > 0 && e.State.Laminar && g.Laminar && !g.Fullmesh && most <= 2 && room {
		e.add(Announced, "", "addresses that servers announce are used where the first one allows no further subflow, else not: the limit for them is 0",
			modeSetting("globals.mptcp_add_addr_accepted=1")...)
	}
}
