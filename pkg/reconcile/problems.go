// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"errors"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// Problems is the error for the bad values of single interfaces, an ErrConfig.
func Problems(cfg *config.Config) error {
	var errs []error
	for _, p := range cfg.Problems {
		errs = append(errs, p)
	}
	return of(ErrConfig, errors.Join(errs...))
}

// Problems is what is wrong without any operation having failed: bad values of the
// configuration first (ErrConfig), then that the endpoints cannot be kept
// (ErrNoPathManager).
func (o *Observation) Problems() error {
	var missing error
	switch {
	case !o.Config.Globals.Multipath:
	case o.State.PathManager == plan.PathManagerMissing:
		missing = errors.New("this kernel has no Multipath TCP: only rules and routes are managed")
	case o.State.PathManager == plan.PathManagerOther:
		missing = errors.New("the kernel's path manager is not in use (net.mptcp.pm_type, net.mptcp.path_manager): only rules and routes are managed")
	}
	return errors.Join(Problems(&o.Config), of(ErrNoPathManager, missing))
}
