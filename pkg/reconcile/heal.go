// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/doctor"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
	"github.com/mptcpctl/mptcpctl/pkg/sockdiag"
)

// healWait is how long joins may take to come back before Await gives up; healPoll is
// how often it looks.
const (
	healWait = 5 * time.Second
	healPoll = 50 * time.Millisecond
)

// Healing is how the subflows of a line that died are brought back: its endpoints are
// renewed.
type Healing struct {
	plan.Healing
	// Differing counts the subflows of the line that differ from their endpoint and can
	// be ended.
	Differing int
	name      string
	spares    [2]bool  // families in which no connection lacks a subflow
	interrupt bool     // live subflows too
	without   []uint32 // connections that have no subflow after it
}

// PlanHealing works out what healing a line does. The endpoints of a family in which
// no connection lacks a subflow are spared. The error is ErrNotHealed where the line
// must not be healed.
func (r *Runner) PlanHealing(ctx context.Context, name string) (*Healing, error) {
	k, err := openKernel()
	if err != nil {
		return nil, err
	}
	defer k.Close()
	h := &Healing{name: name}
	observe := func() (*Observation, error) {
		o, err := r.Observe(ctx, k, Request{heal: h})
		if err == nil {
			err = o.listConnections()
		}
		return o, err
	}
	o, err := observe()
	if err != nil {
		return nil, err
	}
	all, err := wholeSubflows()
	if err != nil {
		return nil, err
	}
	for _, op := range o.Result.EndDiffering(&o.State, all) {
		if op.Interface == name {
			h.Differing++
		}
	}
	if wide := o.State.Heal(&o.Result, name, o.lost); len(wide.WithoutSubflow) > 0 {
		for f, needed := range wide.Families {
			h.spares[f] = !needed
		}
		if o, err = observe(); err != nil {
			return nil, err
		}
	}
	h.Healing, err = o.healing(name)
	return h, err
}

// Heal renews the endpoints, if a connection lacks a subflow. Live subflows are
// interrupted only if that is said; where there is one in spite of that, the error is
// ErrNotHealed. Settle ends those that differ from the line's mode.
func (r *Runner) Heal(ctx context.Context, h *Healing, interrupt bool) (Outcome, error) {
	h.interrupt = interrupt
	req := Request{flags: h.Differing > 0}
	if len(h.WithoutSubflow) > 0 {
		req.heal = h
	}
	return r.Run(ctx, req)
}

// Await waits until every connection that lacked a subflow has one, for five seconds
// at most. It says how many have one, of those that still exist.
func (h *Healing) Await(ctx context.Context) (back, alive int, err error) {
	for deadline := time.Now().Add(healWait); ; {
		var now Observation
		if err := now.listConnections(); err != nil {
			return 0, 0, err
		}
		back, h.without = h.Healed(now.State.Subflows, now.lost)
		alive = back + len(h.without)
		if back == alive || time.Now().After(deadline) {
			return back, alive, nil
		}
		select {
		case <-ctx.Done():
			return back, alive, ctx.Err()
		case <-time.After(healPoll):
		}
	}
}

// RememberVain notes the connections that have no subflow over the line after Await, for
// doctor. The last ones that were noted count.
func (r *Runner) RememberVain(ctx context.Context, h *Healing) error {
	lock, err := r.Lock(ctx)
	if err != nil {
		return err
	}
	defer lock.Release()
	return lock.change(func(old *hint) {
		var all []string
		for _, token := range h.without {
			if connection := doctor.InVain(h.name, token); !slices.Contains(old.vain, connection) {
				all = append(all, connection)
			}
		}
		all = append(all, old.vain...)
		old.vain = all[:min(len(all), maxVain)]
	})
}

// listConnections fills in the subflows, and the connections that have none, as far as
// the kernel can list connections.
func (o *Observation) listConnections() (err error) {
	if err := o.listSubflows(Subflows); err != nil {
		return err
	}
	o.lost, err = lostConnections()
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
	return lost, wrap("listing the connections", err)
}

// healing says what the plan of a healing does, or why it must not.
func (o *Observation) healing(name string) (plan.Healing, error) {
	h := o.State.Heal(&o.Result, name, o.lost)
	switch {
	case !o.State.SubflowsKnown:
		return h, notHealed(name, "the kernel cannot list the subflows (CONFIG_INET_TCP_DIAG, kmod-inet-diag)")
	case len(h.Endpoints) == 0:
		return h, notHealed(name, "it has no endpoint to renew; mptcpctl status says why")
	case len(h.OnlyPath) > 0:
		return h, notHealed(name, fmt.Sprintf("connection %08x has no other subflow that works, and would stall", h.OnlyPath[0]))
	}
	return h, nil
}

func notHealed(name, why string) error {
	return fmt.Errorf("%s: %w: %s", name, ErrNotHealed, why)
}

// mayHeal looks again, under the lock: connections come and go while a user reads a
// question.
func (o *Observation) mayHeal(h *Healing) error {
	if err := o.listConnections(); err != nil {
		return err
	}
	now, err := o.healing(h.name)
	if err == nil && now.Interrupted > 0 && !h.interrupt {
		err = notHealed(h.name, "new subflows were established in the meantime; try again")
	}
	return err
}
