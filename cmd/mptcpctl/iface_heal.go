// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

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
	cfg, err := o.readConfig(ctx)
	if err != nil {
		return err
	}
	if name, err = o.oneSection(ctx, &cfg, name, false); err != nil {
		return err
	}
	req := request{heal: name}
	before, err := o.lookToHeal(ctx, &req)
	if err != nil {
		return err
	}
	if len(before.WithoutSubflow) == 0 {
		return o.printf("%s: nothing to heal: no connection over another line lacks a subflow here\n", name)
	}
	if before.Interrupted > 0 {
		if err := o.confirm(ctx, before, name, yes); err != nil {
			return err
		}
	}
	req.interrupt = yes || before.Interrupted > 0
	if err := o.applyHeal(ctx, req); err != nil {
		return err
	}
	return o.reportHealed(ctx, name, before)
}

// confirm asks before live subflows are interrupted.
func (o *options) confirm(ctx context.Context, h plan.Healing, name string, yes bool) error {
	what := fmt.Sprintf("%s: live subflows that will be interrupted: %d; their connections have others", name, h.Interrupted)
	switch {
	case yes:
		return o.printf("%s\n", what)
	case !terminal(o.in):
		return usage("%s; add --yes to go on", what)
	}
	if !o.ask(ctx, what+". Go on? [y/N] ") {
		return notHealed(name, "the answer was no")
	}
	return nil
}

// applyHeal makes the endpoints anew.
func (o *options) applyHeal(ctx context.Context, req request) error {
	lock, err := o.enter(ctx)
	if err != nil {
		return err
	}
	defer lock.release()
	r, err := o.reconcileLocked(ctx, lock, req)
	o.warn(r.warnings)
	return worst(err, o.printf("%s", planText(r.done)))
}

// reportHealed waits till every connection that lacked a subflow has one. That none
// has got one is a failure.
func (o *options) reportHealed(ctx context.Context, name string, before plan.Healing) error {
	for deadline := time.Now().Add(healWait); ; {
		var now view
		if err := now.listToHeal(); err != nil {
			return err
		}
		back, alive := before.Healed(now.state.Subflows, now.lost)
		if back == alive || time.Now().After(deadline) {
			err := o.printf("%s: %d of %d connections have a subflow here again\n", name, back, alive)
			if err == nil && back == 0 && alive > 0 {
				err = exitError{exitFailed, nil}
			}
			return err
		}
		select {
		case <-ctx.Done():
			return exitError{exitFailed, ctx.Err()}
		case <-time.After(healPoll):
		}
	}
}
