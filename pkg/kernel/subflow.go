// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/plan"
	"github.com/mptcpctl/mptcpctl/pkg/sockdiag"
)

// Subflows lists the established MPTCP subflows of the calling thread's
// namespace. known is false when the kernel cannot list them, for it lacks
// CONFIG_INET_DIAG or CONFIG_INET_TCP_DIAG.
func Subflows() (subflows []plan.Subflow, known bool, err error) {
	err = sockdiag.Subflows(func(s sockdiag.Subflow) error {
		// Without a token it is plain TCP that never tried MPTCP.
		if s.Token != 0 {
			subflows = append(subflows, plan.Subflow{Token: s.Token, Local: s.Local.Addr()})
		}
		return nil
	}, sockdiag.Established)
	switch {
	case errors.Is(err, sockdiag.ErrNoTCPDiag), errors.Is(err, unix.EPROTONOSUPPORT):
		return nil, false, nil
	case err != nil:
		return nil, false, err
	}
	return subflows, true, nil
}
