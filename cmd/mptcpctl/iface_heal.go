// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/mptcpctl/mptcpctl/pkg/reconcile"
)

// heal takes the place of a mode: mptcpctl iface NAME heal.
const heal = "heal"

// healIface brings back the subflows of a line that died while it was out.
func (o *options) healIface(ctx context.Context, name string, yes bool) error {
	if err := reconcile.NeedNetAdmin(); err != nil {
		return err
	}
	cfg, err := o.runner.Config(ctx)
	if err != nil {
		return err
	}
	if name, err = o.oneSection(ctx, &cfg, name, false); err != nil {
		return err
	}
	healing, err := o.runner.PlanHealing(ctx, name)
	if err != nil {
		return err
	}
	lacking := len(healing.WithoutSubflow) > 0
	if !lacking && healing.Differing == 0 {
		return o.printf("%s: nothing to heal: no connection over another line lacks a subflow here\n", name)
	}
	if lacking && healing.Interrupted > 0 {
		if err := o.confirm(ctx, healing, name, yes); err != nil {
			return err
		}
	}
	outcome, err := o.runner.Heal(ctx, healing, yes || healing.Interrupted > 0)
	o.warn(outcome.Warnings)
	if err := errors.Join(err, outcome.Problems, o.printf("%s", planText(outcome.Done))); err != nil {
		return err
	}
	if !lacking {
		return o.printf("%s: subflows that differ from the line's mode are ended in the background: %d\n", name, healing.Differing)
	}
	return o.reportHealed(ctx, healing, name)
}

// confirm asks before live subflows are interrupted.
func (o *options) confirm(ctx context.Context, healing *reconcile.Healing, name string, yes bool) error {
	what := fmt.Sprintf("%s: live subflows that will be interrupted: %d; their connections have others", name, healing.Interrupted)
	switch {
	case yes:
		return o.printf("%s\n", what)
	case !terminal(o.in):
		return usage("%s; add --yes to continue", what)
	}
	if !o.ask(ctx, what+". Continue? [y/N] ") {
		return fmt.Errorf("%s: %w: the answer was no", name, reconcile.ErrNotHealed)
	}
	return nil
}

// reportHealed waits until every connection that lacked a subflow has one. That none
// has got one is a failure.
func (o *options) reportHealed(ctx context.Context, healing *reconcile.Healing, name string) error {
	back, alive, err := healing.Await(ctx)
	if err != nil {
		return err
	}
	err = o.printf("%s: %d of %d connections have a subflow here again\n", name, back, alive)
	if back < alive {
		err = errors.Join(err, o.runner.RememberVain(ctx, healing))
	}
	if err != nil || back > 0 || alive == 0 {
		return err
	}
	err = o.printf("%s: a new endpoint cannot help: nothing answers here, or the servers allow no subflow to their first address\n", name)
	return errors.Join(err, &exitError{code: exitFailed})
}
