// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/kernel"
	"github.com/mptcpctl/mptcpctl/pkg/netifd"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
	"github.com/mptcpctl/mptcpctl/pkg/uci"
)

// Request are the choices of one run. The zero value is a run after an event.
type Request struct {
	// Subflows lists the subflows of the namespace; nil: as Subflows does.
	Subflows func() (all []plan.Subflow, known bool, err error)
	// ListSubflows fills in State.Subflows also where the plan does not depend on them.
	ListSubflows bool
	// Reloaded says that the configuration was changed for all programs, so that netifd
	// may read it only after this run: Settle then looks on until nothing changes.
	Reloaded bool

	hint     hint
	met      bounds // of the kernel, by this run
	search   bool   // for managed routes in all tables
	settling bool
	heal     *Healing
	flags    bool // settle looks for subflows that differ from the flags of their endpoints
	// carriers are the devices whose endpoints wait for a carrier.
	carriers map[string]bool
}

// Observation is all that one run knows. Only this package fills it in.
type Observation struct {
	// Package is the configuration as it is written, Config what it means.
	Package *uci.Package
	Config  config.Config
	// Netifd says that netifd has answered.
	Netifd bool
	// Interfaces are those that netifd reports with what the kernel adds to them, or has
	// in their place.
	Interfaces []netifd.Interface
	// State is what the kernel has, Result the plan.
	State  plan.State
	Result plan.Result

	hint     hint // that Observe has read
	health   func() ([]plan.Health, bool)
	reported []netifd.Interface // by netifd
	// misunderstood is why the socket of ubusd was not used although it is there.
	misunderstood error
	lost          []plan.Subflow // of connections without any subflow, where a line is healed
}

// Observe works out what a run would do, and does nothing. The kernel is that of the
// calling thread's namespace.
func (r *Runner) Observe(ctx context.Context, k *kernel.Kernel, req Request) (*Observation, error) {
	o, err := r.read(ctx)
	if err != nil {
		return nil, err
	}
	o.hint = r.peekHint()
	req.hint = o.hint
	return o, o.plan(k, req)
}

// read reads the configuration and asks netifd, both at once; the kernel is
// asked later. What is wrong with the configuration comes before what is with netifd.
func (r *Runner) read(ctx context.Context) (*Observation, error) {
	question := netifd.Ask(ctx, r.UbusSocket)
	pkg, cfg, err := r.readPackage(ctx)
	if err != nil {
		question.Drop()
		return nil, err
	}
	o := &Observation{Package: pkg, Config: cfg, health: r.readHealth}
	o.reported, err = question.Answer()
	o.misunderstood = question.Misunderstood
	o.Netifd = !errors.Is(err, netifd.ErrNoUbus)
	if o.Netifd && err != nil {
		return nil, err
	}
	return o, nil
}

// plan observes the kernel and works out what to do.
func (o *Observation) plan(k *kernel.Kernel, req Request) error {
	var warnings []string
	var err error
	if o.Netifd {
		o.Interfaces, warnings, err = k.Complete(&o.Config, o.reported)
	} else {
		o.Interfaces, warnings, err = k.Interfaces(&o.Config)
	}
	if err != nil {
		return err
	}
	lines := plan.Resolve(&o.Config, o.Interfaces)
	if !req.hint.known || req.search {
		own, err := k.OwnTables()
		if err != nil {
			return err
		}
		req.hint.tables = append(slices.Clip(own[plan.IPv4]), own[plan.IPv6]...)
	}
	if o.State, err = k.Observe(plan.Needs(&o.Config, lines, req.hint.tables)); err != nil {
		return fmt.Errorf("reading the kernel's state: %w", err)
	}
	req.hint.in(&o.State)
	if o.Config.Globals.Check && o.health != nil {
		o.State.Health, _ = o.health()
		if slices.ContainsFunc(o.State.Health, func(h plan.Health) bool { return h.Pauses() }) {
			if o.State.Connecting, err = connecting(); err != nil {
				return err
			}
		}
	}
	if req.Subflows == nil {
		req.Subflows = Subflows
	}
	if err := o.decide(lines, req); err != nil {
		return err
	}
	o.Result.Warnings = append(o.Result.Warnings, warnings...)
	if req.ListSubflows {
		return o.listSubflows(req.Subflows)
	}
	return nil
}

// decide works out what to do. It asks for the subflows only if the plan
// depends on them.
func (o *Observation) decide(lines []plan.Line, req Request) (err error) {
	input := plan.Input{
		Config: &o.Config, Lines: lines, State: o.State, Netifd: o.Netifd,
		LastID: req.hint.lastID, Laminar: req.hint.laminar, FormerLimit: req.hint.limit, Settling: req.settling, Renew: returned(o.State.Devices, req.carriers),
	}
	if req.heal != nil {
		input.Heal, input.HealExcept = req.heal.name, req.heal.spares
	}
	o.Result = plan.Make(input)
	if !o.Result.NeedSubflows {
		return nil
	}
	input.State.SubflowsAsked = true
	if input.State.Subflows, input.State.SubflowsKnown, err = req.Subflows(); err != nil {
		return err
	}
	o.State = input.State
	o.Result = plan.Make(input)
	return nil
}

// listSubflows fills in the established subflows, unless the plan has asked for
// them. Kernels before 6.15 tell only who has CAP_NET_ADMIN which of them belong to
// MPTCP (net/ipv4/tcp_diag.c, tcp_diag_get_aux), so that none is then no answer.
func (o *Observation) listSubflows(subflows func() ([]plan.Subflow, bool, error)) (err error) {
	if s := &o.State; !s.SubflowsAsked {
		s.SubflowsAsked = true
		s.Subflows, s.SubflowsKnown, err = subflows()
	}
	if len(o.State.Subflows) == 0 && NeedNetAdmin() != nil {
		o.State.SubflowsKnown = false
	}
	return wrap("listing the subflows", err)
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
