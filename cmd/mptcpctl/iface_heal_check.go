// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/mptcpctl/mptcpctl/pkg/kernel"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
	"github.com/mptcpctl/mptcpctl/pkg/sockdiag"
)

// lookToHeal says what healing a line does. The endpoints of a family in which no
// connection lacks a subflow are spared.
func (o *options) lookToHeal(ctx context.Context, req *request) (plan.Healing, error) {
	v, err := o.lookAt(ctx, *req)
	if err != nil {
		return plan.Healing{}, err
	}
	if err := v.listToHeal(); err != nil {
		return plan.Healing{}, err
	}
	if wide := v.state.Heal(&v.result, req.heal, v.lost); len(wide.WithoutSubflow) > 0 {
		for f, needed := range wide.Families {
			req.healSpares[f] = !needed
		}
		if v, err = o.lookAt(ctx, *req); err == nil {
			err = v.listToHeal()
		}
		if err != nil {
			return plan.Healing{}, err
		}
	}
	return v.healing(req.heal)
}

// listToHeal fills in the subflows, and the connections that have none, as far as
// the kernel can list connections.
func (v *view) listToHeal() (err error) {
	if err := v.listSubflows(kernel.Subflows); err != nil {
		return err
	}
	v.lost, err = lostConnections()
	return err
}

func lostConnections() ([]plan.Subflow, error) {
	var lost []plan.Subflow
	err := sockdiag.Each(func(c sockdiag.Connection) error {
		if c.Lost() && !c.Remote.Addr().IsLoopback() {
			lost = append(lost, plan.Subflow{Token: c.Token, Local: c.Local.Addr()})
		}
		return nil
	})
	if errors.Is(err, sockdiag.ErrNoMPTCPDiag) || errors.Is(err, sockdiag.ErrNoTCPDiag) {
		return nil, nil
	}
	return lost, wrapFailed("listing the connections", err)
}

// healing says what the plan of a healing does, or why it must not.
func (v *view) healing(name string) (plan.Healing, error) {
	h := v.state.Heal(&v.result, name, v.lost)
	switch {
	case !v.state.SubflowsKnown:
		return h, notHealed(name, "the kernel cannot list the subflows (CONFIG_INET_TCP_DIAG, kmod-inet-diag)")
	case len(h.Endpoints) == 0:
		return h, notHealed(name, "it has no endpoint that could be made anew; mptcpctl status says why")
	case len(h.OnlyPath) > 0:
		return h, notHealed(name, fmt.Sprintf("connection %08x has no other subflow that works, and would hang", h.OnlyPath[0]))
	}
	return h, nil
}

func notHealed(name, why string) error {
	return exitError{exitFailed, fmt.Errorf("%s: nothing is changed: %s", name, why)}
}

// mayHeal looks again, under the lock: connections come and go while somebody
// reads a question.
func (v *view) mayHeal(req request) error {
	if err := v.listToHeal(); err != nil {
		return err
	}
	h, err := v.healing(req.heal)
	if err == nil && h.Interrupted > 0 && !req.interrupt {
		err = notHealed(req.heal, "subflows have come to life in the meantime; try again")
	}
	return err
}
