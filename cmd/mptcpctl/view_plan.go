// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"

	"github.com/mptcpctl/mptcpctl/pkg/kernel"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// request are the choices of one plan.
type request struct {
	hint     hint
	search   bool // look for routes of ours in all tables
	settling bool
	// heal names a line whose endpoints are to be made anew; interrupt allows it
	// where subflows live.
	heal       string
	healSpares [2]bool
	interrupt  bool
	// carriers are the devices whose endpoints wait for a carrier.
	carriers map[string]bool
	// subflows lists the subflows; nil: as kernel.Subflows does.
	subflows func() ([]plan.Subflow, bool, error)
}

// plan observes the kernel and works out what to do.
func (v *view) plan(k *kernel.Kernel, req request) error {
	var warnings []string
	var err error
	if v.netifd {
		v.known, warnings, err = k.Complete(&v.cfg, v.reported)
	} else {
		v.known, warnings, err = k.Interfaces(&v.cfg)
	}
	if err != nil {
		return exitError{exitFailed, err}
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
	if req.subflows == nil {
		req.subflows = kernel.Subflows
	}
	if err := v.decide(lines, req, req.subflows); err != nil {
		return err
	}
	v.result.Warnings = append(v.result.Warnings, warnings...)
	return nil
}

// decide works out what to do. It asks for the subflows only if the plan
// depends on them.
func (v *view) decide(lines []plan.Line, req request, subflows func() ([]plan.Subflow, bool, error)) (err error) {
	input := plan.Input{
		Config: &v.cfg, Lines: lines, State: v.state, Netifd: v.netifd,
		LastID: req.hint.lastID, FormerLimit: req.hint.limit, Settling: req.settling, Heal: req.heal, HealExcept: req.healSpares, Renew: returned(v.state.Devices, req.carriers),
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
