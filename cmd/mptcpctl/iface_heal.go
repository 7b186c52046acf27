// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/kernel"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// heal takes the place of a mode: mptcpctl iface NAME heal.
const heal = "heal"

// healWait is how long joins may take to come back before heal reports;
// healPoll is how often it looks.
const (
	healWait = 5 * time.Second
	healPoll = 50 * time.Millisecond
)

// healIface brings back the subflows of a line that died while it was out.
func (o *options) healIface(ctx context.Context, name string, yes bool) error {
	if err := needNetAdmin(); err != nil {
		return exitError{exitFailed, err}
	}
	v, err := o.look(ctx)
	if err != nil {
		return err
	}
	if _, err := findIface(&v.cfg, o.configFile(), name); err != nil {
		return err
	}
	before, err := v.healing(name)
	if err != nil {
		return err
	}
	if len(before.Lacking) == 0 {
		return o.printf("%s: nothing to heal: no connection over another line lacks a subflow here\n", name)
	}
	if before.Live > 0 {
		if err := o.confirm(ctx, before, name, yes); err != nil {
			return err
		}
	}
	if err := o.applyHeal(ctx, name); err != nil {
		return err
	}
	return o.reportHealed(ctx, name, before)
}

// healing says what heal would do, or why it must not.
func (v *view) healing(name string) (plan.Healing, error) {
	if err := v.listSubflows(); err != nil {
		return plan.Healing{}, err
	}
	refuse := func(why string) error {
		return exitError{exitFailed, fmt.Errorf("%s: nothing is changed: %s", name, why)}
	}
	if !v.state.SubflowsKnown {
		return plan.Healing{}, refuse("the kernel cannot list the subflows (CONFIG_INET_TCP_DIAG, kmod-inet-diag)")
	}
	h := v.state.Heal(v.result.Endpoints, name)
	switch {
	case len(h.Endpoints) == 0:
		return h, refuse("it has no endpoint; mptcpctl status says why")
	case len(h.Last) > 0:
		return h, refuse(fmt.Sprintf("connection %08x has no other subflow and would hang", h.Last[0]))
	}
	return h, nil
}

// confirm asks before live subflows are interrupted.
func (o *options) confirm(ctx context.Context, h plan.Healing, name string, yes bool) error {
	what := fmt.Sprintf("%s: live subflows that will be interrupted: %d; their connections have others", name, h.Live)
	switch {
	case yes:
		return o.printf("%s\n", what)
	case !terminal(o.in):
		return usage("%s; add --yes to go on", what)
	}
	ok, err := o.ask(ctx, what+". Go on? [y/N] ")
	if err == nil && !ok {
		err = exitError{exitFailed, fmt.Errorf("%s: nothing is changed", name)}
	}
	return err
}

// applyHeal looks once more, under the lock, and makes the endpoints anew.
func (o *options) applyHeal(ctx context.Context, name string) error {
	lock, err := o.enter(ctx)
	if err != nil {
		return err
	}
	defer lock.release()
	r, err := o.reconcileLocked(ctx, lock, request{heal: name})
	o.warn(r.warnings)
	return worst(err, o.printf("%s", planText(r.done)))
}

// reportHealed waits till every connection that lacked a subflow has one.
func (o *options) reportHealed(ctx context.Context, name string, before plan.Healing) error {
	for deadline := time.Now().Add(healWait); ; {
		subflows, _, err := kernel.Subflows()
		if err != nil {
			return wrapFailed("listing the subflows", err)
		}
		back, alive := before.Healed(subflows)
		if back == alive || time.Now().After(deadline) {
			return o.printf("%s: %d of %d connections have a subflow here again\n", name, back, alive)
		}
		select {
		case <-ctx.Done():
			return exitError{exitFailed, ctx.Err()}
		case <-time.After(healPoll):
		}
	}
}
