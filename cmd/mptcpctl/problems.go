// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// configProblems is the error for the bad values of single interfaces.
func configProblems(cfg *config.Config) error {
	var errs []error
	for _, p := range cfg.Problems {
		errs = append(errs, p)
	}
	if len(errs) == 0 {
		return nil
	}
	return exitError{exitConfig, errors.Join(errs...)}
}

// problems is configProblems, and that there is no path manager to tell.
func (v *view) problems() error {
	var noMPTCP error
	switch {
	case !v.cfg.Globals.Multipath:
	case v.state.PathManager == plan.PathManagerMissing:
		noMPTCP = exitError{exitNoMPTCP, errors.New("this kernel has no Multipath TCP: rules and routes are kept, endpoints are not")}
	case v.state.PathManager == plan.PathManagerOther:
		noMPTCP = exitError{exitNoMPTCP, errors.New("the kernel's path manager is not in charge (net.mptcp.pm_type, net.mptcp.path_manager): rules and routes are kept, endpoints are not")}
	}
	return worst(configProblems(&v.cfg), noMPTCP)
}
