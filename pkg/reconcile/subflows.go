// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"errors"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/plan"
	"github.com/mptcpctl/mptcpctl/pkg/sockdiag"
)

// Subflows lists the established MPTCP subflows of the calling thread's
// namespace. A connection that fell back to TCP and that one side has
// closed still carries data: its subflow is one of them. known is false when the
// kernel cannot list them, for it lacks CONFIG_INET_DIAG or CONFIG_INET_TCP_DIAG.
func Subflows() (subflows []plan.Subflow, known bool, err error) {
	return SubflowsSeen(func(*sockdiag.Subflow) {})
}

// SubflowsSeen is Subflows, and shows everything that the kernel lists for it.
func SubflowsSeen(see func(*sockdiag.Subflow)) (subflows []plan.Subflow, known bool, err error) {
	err = sockdiag.Subflows(func(s sockdiag.Subflow) error {
		see(&s)
		plain := s.Flags&(sockdiag.CapableRemote|sockdiag.JoinRemote) == 0
		// Without a token it is plain TCP that never tried MPTCP.
		if s.Token != 0 && (plain || s.State == sockdiag.Established) {
			subflows = append(subflows, plan.Subflow{
				Token: s.Token, Local: s.Local.Addr(), Plain: plain,
				Opened:  s.Flags&(sockdiag.CapableLocal|sockdiag.JoinLocal) != 0,
				Young:   s.Flags&sockdiag.FullyEstablished == 0,
				Stalled: s.Stalled(),
			})
		}
		return nil
	}, sockdiag.Established, sockdiag.CloseWait, sockdiag.FinWait2)
	switch {
	case errors.Is(err, sockdiag.ErrNoTCPDiag), errors.Is(err, unix.EPROTONOSUPPORT):
		return nil, false, nil
	case err != nil:
		return nil, false, err
	}
	return subflows, true, nil
}

// wholeSubflows are Subflows with all that the kernel says of them.
func wholeSubflows() (all []sockdiag.Subflow, err error) {
	_, _, err = SubflowsSeen(func(s *sockdiag.Subflow) { all = append(all, *s) })
	return all, err
}

// connected reports whether the calling thread's namespace is known to have an
// established MPTCP connection.
func connected() (bool, error) {
	some, err := sockdiag.Any(sockdiag.Established)
	if errors.Is(err, sockdiag.ErrNoMPTCPDiag) || errors.Is(err, unix.EPROTONOSUPPORT) {
		return false, nil
	}
	return some, err
}

// mayBeConnected is connected, and true where that is not known.
func mayBeConnected() bool {
	some, err := sockdiag.Any(sockdiag.Established)
	return some || err != nil
}

// connections looks at the connections of the calling thread's namespace. Those count
// that were set up from an address for which leaves holds. Without CONFIG_INET_MPTCP_DIAG or
// CONFIG_INET_TCP_DIAG there is none that is known of.
func connections(leaves func(local netip.Addr) bool) (all plan.Connections, err error) {
	err = sockdiag.Each(func(c sockdiag.Connection) error {
		for i := range c.Subflows {
			if a := c.Subflows[i].Local.Addr(); c.Subflows[i].State == sockdiag.Established && !slices.Contains(all.Locals, a) {
				all.Locals = append(all.Locals, a)
			}
		}
		local := c.Local.Addr()
		if c.Token == 0 || c.State != sockdiag.Established || c.Young() || !leaves(local) {
			return nil
		}
		all.Count++
		if !c.Lost() {
			return nil
		}
		without := &all.WithoutSubflow[plan.FamilyOf(local)]
		without.Count++
		opening := uint32(0)
		for i := range c.Subflows {
			if c.Subflows[i].State == sockdiag.SynSent {
				opening++
			}
		}
		without.Opening = max(without.Opening, opening)
		return nil
	})
	if errors.Is(err, sockdiag.ErrNoMPTCPDiag) || errors.Is(err, sockdiag.ErrNoTCPDiag) || errors.Is(err, unix.EPROTONOSUPPORT) {
		return plan.Connections{}, nil
	}
	return all, err
}

// connecting are the local addresses of MPTCP connections and subflows that are being
// opened; none where the kernel cannot list them.
func connecting() (all []netip.Addr, err error) {
	err = sockdiag.Subflows(func(s sockdiag.Subflow) error {
		if a := s.Local.Addr(); !slices.Contains(all, a) {
			all = append(all, a)
		}
		return nil
	}, sockdiag.SynSent)
	if errors.Is(err, sockdiag.ErrNoTCPDiag) || errors.Is(err, unix.EPROTONOSUPPORT) {
		return nil, nil
	}
	return all, err
}
