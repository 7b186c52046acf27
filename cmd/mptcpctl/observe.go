// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/kernel"
	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
	"github.com/mptcpctl/mptcpctl/pkg/netifd"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
	"github.com/mptcpctl/mptcpctl/pkg/uci"
)

// uciPackage is where the configuration stands.
const uciPackage = "network"

func (o *options) source() uci.Source {
	state := o.stateDir
	if state == "" {
		state = "/var/state"
		if _, err := os.Stat(state); err != nil {
			state = "/run/mptcpctl"
		}
	}
	return uci.Source{ConfigDir: o.configDir, StateDir: state}
}

// readConfig reads and checks the configuration. All its errors are about the
// configuration.
func (o *options) readConfig(ctx context.Context) (config.Config, error) {
	pkg, err := o.source().Read(ctx, uciPackage)
	if err != nil {
		return config.Config{}, exitError{exitConfig, err}
	}
	file := o.configFile()
	cfg, err := config.Parse(file, pkg, mptcp.MaxLimit(kernel.Release()))
	if err != nil {
		return config.Config{}, exitError{exitConfig, err}
	}
	for _, w := range pkg.Warnings {
		cfg.Warnings = append(cfg.Warnings, file+": "+w.String())
	}
	return cfg, nil
}

// view is all that one run knows.
type view struct {
	cfg    config.Config
	netifd bool
	known  []netifd.Interface // while netifd is the source
	lines  []plan.Line
	state  plan.State
	result plan.Result
}

// newView reads the configuration and asks netifd; the kernel is asked later.
func (o *options) newView(ctx context.Context) (*view, error) {
	cfg, err := o.readConfig(ctx)
	if err != nil {
		return nil, err
	}
	v := &view{cfg: cfg, netifd: true}
	v.known, err = netifd.Dump(ctx)
	if errors.Is(err, netifd.ErrNoUbus) {
		v.netifd = false
	} else if err != nil {
		return nil, exitError{exitFailed, err}
	}
	return v, nil
}

// request are the choices of one plan.
type request struct {
	hint     hint
	search   bool // look for routes of ours in all tables
	settling bool
	// carriers are the devices whose endpoints wait for a carrier.
	carriers map[string]bool
}

// plan observes the kernel and works out what to do.
func (v *view) plan(k *kernel.Kernel, req request) error {
	interfaces := v.known
	if !v.netifd {
		var err error
		if interfaces, err = k.Interfaces(&v.cfg); err != nil {
			return exitError{exitFailed, err}
		}
	}
	v.lines = plan.Resolve(&v.cfg, interfaces)
	if !req.hint.known || req.search {
		own, err := k.OwnTables()
		if err != nil {
			return exitError{exitFailed, err}
		}
		req.hint.tables = append(own[plan.IPv4], own[plan.IPv6]...)
	}
	state, err := k.Observe(plan.Needs(&v.cfg, v.lines, req.hint.tables))
	if err != nil {
		return exitError{exitFailed, fmt.Errorf("reading the kernel's state: %w", err)}
	}
	v.state = state
	input := plan.Input{
		Config: &v.cfg, Lines: v.lines, State: state, Netifd: v.netifd,
		LastID: req.hint.lastID, Settling: req.settling, Renew: returned(state.Devices, req.carriers),
	}
	v.result = plan.Make(input)
	if !v.result.NeedSubflows {
		return nil
	}
	input.State.SubflowsAsked = true
	if input.State.Subflows, input.State.SubflowsKnown, err = k.Subflows(); err != nil {
		return exitError{exitFailed, err}
	}
	v.state = input.State
	v.result = plan.Make(input)
	return nil
}

// returned are the waited-for devices that have a carrier now.
func returned(devices []plan.Device, waiting map[string]bool) []string {
	var names []string
	for _, d := range devices {
		if waiting[d.Name] && d.Carrier {
			names = append(names, d.Name)
		}
	}
	return names
}

// configProblems is the error for the bad values of single interfaces.
func (v *view) configProblems() error {
	var errs []error
	for _, p := range v.cfg.Problems {
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
	case v.result.PathManager == plan.PathManagerMissing:
		noMPTCP = exitError{exitNoMPTCP, errors.New("this kernel has no Multipath TCP: rules and routes are kept, endpoints are not")}
	case v.result.PathManager == plan.PathManagerOther:
		noMPTCP = exitError{exitNoMPTCP, errors.New("the kernel's path manager is not in charge (net.mptcp.pm_type, net.mptcp.path_manager): rules and routes are kept, endpoints are not")}
	}
	return worst(v.configProblems(), noMPTCP)
}
