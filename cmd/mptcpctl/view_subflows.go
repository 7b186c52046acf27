// SPDX-License-Identifier: Apache-2.0

package main

import "github.com/mptcpctl/mptcpctl/pkg/plan"

// listSubflows fills in the established subflows, unless the plan has asked for
// them. Kernels before 6.15 tell only who has CAP_NET_ADMIN which of them belong to
// MPTCP (net/ipv4/tcp_diag.c, tcp_diag_get_aux), so that none is then no answer.
func (v *view) listSubflows(subflows func() ([]plan.Subflow, bool, error)) (err error) {
	if s := &v.state; !s.SubflowsAsked {
		s.SubflowsAsked = true
		s.Subflows, s.SubflowsKnown, err = subflows()
	}
	if len(v.state.Subflows) == 0 && needNetAdmin() != nil {
		v.state.SubflowsKnown = false
	}
	return wrapFailed("listing the subflows", err)
}
