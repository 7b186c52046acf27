// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
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
	if err == nil {
		err = o.readSaved(ctx, pkg, &cfg)
	}
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
	// reported is what netifd says, known that with what the kernel adds, or has in
	// its place.
	reported, known []netifd.Interface
	state           plan.State
	result          plan.Result
	lost            []plan.Subflow // of connections that have none: see listToHeal
}

// newView reads the configuration and asks netifd, both at once; the kernel is
// asked later. What is wrong with the configuration comes before what is with netifd.
func (o *options) newView(ctx context.Context) (*view, error) {
	question := netifd.Ask(ctx)
	pkg, cfg, err := o.readPackage(ctx)
	if err != nil {
		question.Drop()
		return nil, err
	}
	v := &view{pkg: pkg, cfg: cfg}
	v.reported, err = question.Answer()
	v.netifd = !errors.Is(err, netifd.ErrNoUbus)
	if v.netifd && err != nil {
		return nil, exitError{exitFailed, err}
	}
	return v, nil
}

// look plans without any intention to apply.
func (o *options) look(ctx context.Context) (*view, error) { return o.lookAt(ctx, request{}) }

// lookAt plans what a request would do.
func (o *options) lookAt(ctx context.Context, req request) (*view, error) {
	v, err := o.newView(ctx)
	if err != nil {
		return nil, err
	}
	k, err := openKernel()
	if err != nil {
		return nil, err
	}
	defer k.Close()
	req.hint = o.peekHint()
	return v, v.plan(k, req)
}

func openKernel() (*kernel.Kernel, error) {
	k, err := kernel.Open()
	return k, wrapFailed("opening netlink", err)
}
