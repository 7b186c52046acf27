// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

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
	_, cfg, err := o.readPackage(ctx)
	return cfg, err
}

// readPackage gives the sections too.
func (o *options) readPackage(ctx context.Context) (*uci.Package, config.Config, error) {
	pkg, err := o.source().Read(ctx, uciPackage)
	if err != nil {
		return nil, config.Config{}, exitError{exitConfig, err}
	}
	cfg, err := parseConfig(o.configFile(), pkg, kernel.Release())
	return pkg, cfg, err
}

// parseConfig checks a configuration for a kernel of some release.
func parseConfig(file string, pkg *uci.Package, release string) (config.Config, error) {
	cfg, err := config.Parse(file, pkg, mptcp.MaxLimit(release))
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
	pkg    *uci.Package
	cfg    config.Config
	netifd bool
	known  []netifd.Interface // from netifd, or from the kernel in its place
	state  plan.State
	result plan.Result
}

// newView reads the configuration and asks netifd; the kernel is asked later.
func (o *options) newView(ctx context.Context) (*view, error) {
	pkg, cfg, err := o.readPackage(ctx)
	if err != nil {
		return nil, err
	}
	v := &view{pkg: pkg, cfg: cfg, netifd: true}
	v.known, err = netifd.Dump(ctx)
	if errors.Is(err, netifd.ErrNoUbus) {
		v.netifd = false
	} else if err != nil {
		return nil, exitError{exitFailed, err}
	}
	return v, nil
}

// look plans without any intention to apply.
func (o *options) look(ctx context.Context) (*view, error) {
	v, err := o.newView(ctx)
	if err != nil {
		return nil, err
	}
	k, err := openKernel()
	if err != nil {
		return nil, err
	}
	defer k.Close()
	return v, v.plan(k, request{hint: o.peekHint()})
}

func openKernel() (*kernel.Kernel, error) {
	k, err := kernel.Open()
	return k, wrapFailed("opening netlink", err)
}

// listSubflows fills in the established subflows. Kernels before 6.15 tell only
// who has CAP_NET_ADMIN which of them belong to MPTCP (net/ipv4/tcp_diag.c,
// tcp_diag_get_aux), so that none is then no answer.
func (v *view) listSubflows() (err error) {
	v.state.Subflows, v.state.SubflowsKnown, err = kernel.Subflows()
	if len(v.state.Subflows) == 0 && needNetAdmin() != nil {
		v.state.SubflowsKnown = false
	}
	return wrapFailed("listing the subflows", err)
}

// request are the choices of one plan.
type request struct {
	hint     hint
	search   bool // look for routes of ours in all tables
	settling bool
	// heal names a line whose endpoints are to be made anew.
	heal string
	// carriers are the devices whose endpoints wait for a carrier.
	carriers map[string]bool
}

// plan observes the kernel and works out what to do.
func (v *view) plan(k *kernel.Kernel, req request) error {
	if !v.netifd {
		var err error
		if v.known, err = k.Interfaces(&v.cfg); err != nil {
			return exitError{exitFailed, err}
		}
	}
	lines := plan.Resolve(&v.cfg, v.known)
	if !req.hint.known || req.search {
		own, err := k.OwnTables()
		if err != nil {
			return exitError{exitFailed, err}
		}
		req.hint.tables = slices.Concat(own[plan.IPv4], own[plan.IPv6])
	}
	state, err := k.Observe(plan.Needs(&v.cfg, lines, req.hint.tables))
	if err != nil {
		return exitError{exitFailed, fmt.Errorf("reading the kernel's state: %w", err)}
	}
	v.state = state
	return v.decide(lines, req, kernel.Subflows)
}

// decide works out what to do. It asks for the subflows only if the plan
// depends on them.
func (v *view) decide(lines []plan.Line, req request, subflows func() ([]plan.Subflow, bool, error)) (err error) {
	input := plan.Input{
		Config: &v.cfg, Lines: lines, State: v.state, Netifd: v.netifd,
		LastID: req.hint.lastID, Settling: req.settling, Heal: req.heal, Renew: returned(v.state.Devices, req.carriers),
	}
	v.result = plan.Make(input)
	if !v.result.NeedSubflows {
		return nil
	}
	input.State.SubflowsAsked = true
	if input.State.Subflows, input.State.SubflowsKnown, err = subflows(); err != nil {
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
