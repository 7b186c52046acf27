// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	"github.com/mptcpctl/mptcpctl/pkg/kernel"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// lookToHeal says what healing a line does. The endpoints of a family in which no
// connection lacks a subflow are spared.
func (o *options) lookToHeal(ctx context.Context, req *request) (plan.Healing, error) {
	v, err := o.lookAt(ctx, *req)
	if err != nil {
		return plan.Healing{}, err
	}
	if _, err := findIface(&v.cfg, o.configFile(), req.heal); err != nil {
		return plan.Healing{}, err
	}
	if err := v.listSubflows(kernel.Subflows); err != nil {
		return plan.Healing{}, err
	}
	if wide := v.state.Heal(&v.result, req.heal); len(wide.Lacking) > 0 {
		for f, needed := range wide.Families {
			req.healSpares[f] = !needed
		}
		if v, err = o.lookAt(ctx, *req); err != nil {
			return plan.Healing{}, err
		}
	}
	return v.healing(req.heal)
}

// healing says what the plan of a healing does, or why it must not.
func (v *view) healing(name string) (plan.Healing, error) {
	if err := v.listSubflows(kernel.Subflows); err != nil {
		return plan.Healing{}, err
	}
	h := v.state.Heal(&v.result, name)
	switch {
	case !v.state.SubflowsKnown:
		return h, notHealed(name, "the kernel cannot list the subflows (CONFIG_INET_TCP_DIAG, kmod-inet-diag)")
	case len(h.Endpoints) == 0:
		return h, notHealed(name, "it has no endpoint that could be made anew; mptcpctl status says why")
	case len(h.Last) > 0:
		return h, notHealed(name, fmt.Sprintf("connection %08x has no other subflow that works, and would hang", h.Last[0]))
	}
	return h, nil
}

func notHealed(name, why string) error {
	return exitError{exitFailed, fmt.Errorf("%s: nothing is changed: %s", name, why)}
}

// mayHeal looks again, under the lock: connections come and go while somebody
// reads a question.
func (v *view) mayHeal(req request) error {
	h, err := v.healing(req.heal)
	if err == nil && h.Live > 0 && !req.interrupt {
		err = notHealed(req.heal, "subflows have come to life in the meantime; try again")
	}
	return err
}
