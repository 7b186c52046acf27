// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/kernel"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// Outcome is what one run has done.
type Outcome struct {
	// Done are the operations that were applied, in order.
	Done     []plan.Op
	Warnings []string
	// Problems is what is wrong although no operation has failed, as
	// Observation.Problems says it.
	Problems error
	// Result is the plan.
	Result plan.Result

	flags  bool // subflows may differ from the flags of their endpoints
	checks bool // the health of the lines is examined
}

// Run takes the lock, reads everything, and applies the difference. The outcome is
// complete as far as the run came, also with an error.
func (r *Runner) Run(ctx context.Context, req Request) (Outcome, error) {
	lock, err := r.Lock(ctx)
	if err != nil {
		return Outcome{}, err
	}
	defer lock.Release()
	return r.RunLocked(ctx, lock, req)
}

// Lock checks that this process may change something, and takes the lock. The error
// is ErrNotPrivileged, ErrLocked, or that of the file.
func (r *Runner) Lock(ctx context.Context) (*Lock, error) {
	if err := NeedNetAdmin(); err != nil {
		return nil, err
	}
	if err := r.makeRunDir(); err != nil {
		return nil, wrap("lock", err)
	}
	return Acquire(ctx, r.lockFile(), r.LockTimeout)
}

// RunLocked is Run for a caller that holds the lock.
func (r *Runner) RunLocked(ctx context.Context, lock *Lock, req Request) (Outcome, error) {
	k, err := openKernel()
	if err != nil {
		return Outcome{}, err
	}
	defer k.Close()
	return r.runWith(ctx, k, lock, req)
}

func openKernel() (*kernel.Kernel, error) {
	k, err := kernel.Open()
	return k, wrap("opening netlink", err)
}

// runWith is RunLocked with sockets that stay open.
func (r *Runner) runWith(ctx context.Context, k *kernel.Kernel, lock *Lock, req Request) (Outcome, error) {
	var outcome Outcome
	look := req.Reloaded
	o, err := r.read(ctx)
	if err == nil {
		look = look && o.Config.Globals.Multipath
		outcome, err = o.run(k, lock, req)
		outcome.checks = o.Config.Globals.Multipath && o.Config.Globals.Check
		if e := r.forgetHealth(ctx); e != nil {
			outcome.Warnings = append(outcome.Warnings, "health of the lines: "+e.Error())
		}
	} else if !look || !transient(err) {
		return Outcome{}, err
	}
	if e := r.callSettle(&outcome, look); e != nil {
		outcome.Warnings = append(outcome.Warnings, "cannot start mptcpctl settle: "+e.Error())
	}
	return outcome, err
}

// run plans and applies. What an operation tells of the kernel's bounds was not known
// when the plan was made, which is then made again.
func (o *Observation) run(k *kernel.Kernel, lock *Lock, req Request) (Outcome, error) {
	outcome, met, err := o.pass(k, lock, req)
	for met != req.met {
		done := outcome.Done
		req.met = met
		req.heal, req.carriers = nil, nil // what is renewed now would be renewed again
		outcome, met, err = o.pass(k, lock, req)
		// As if it had been one plan; After is of no use any more.
		outcome.Done = append(slices.Clip(done), outcome.Done...)
		outcome.Result.Ops = append(slices.Clip(done), outcome.Result.Ops...)
		outcome.Warnings = append(outcome.Warnings, withoutSlot(outcome.Result.Lines)...)
	}
	return outcome, err
}

// withoutSlot are the lines for whose endpoint the kernel has no room.
func withoutSlot(lines []plan.LineUse) (warnings []string) {
	for i := range lines {
		for _, f := range plan.Families {
			if no := lines[i].Use[f].NoEndpoint; strings.HasPrefix(no, plan.NoEndpointSlot) {
				warnings = append(warnings, lines[i].Name+": no endpoint ("+f.Name()+"): "+no)
			}
		}
	}
	return warnings
}

// pass is one plan and its operations. met are the bounds that are known now.
func (o *Observation) pass(k *kernel.Kernel, lock *Lock, req Request) (_ Outcome, met bounds, err error) {
	met = req.met
	old, err := lock.read()
	if err != nil {
		return Outcome{}, met, err
	}
	req.hint = old
	req.hint.bounds = old.bounds.with(req.met)
	if err := o.plan(k, req); err != nil {
		return Outcome{}, met, err
	}
	if req.heal != nil {
		if err := o.mayHeal(req.heal); err != nil {
			return Outcome{}, met, err
		}
	}
	outcome := Outcome{Result: o.Result, Warnings: o.Result.Warnings, Problems: o.Problems()}
	// Before the first operation, so that a killed run has left its traces.
	next := hint{
		lastID: o.Result.LastID, tables: o.Result.Tables, laminar: o.Result.Laminar, removed: old.removed, vain: old.vain, bounds: req.hint.bounds, known: true,
	}
	for i := range o.Result.Ops {
		switch op := &o.Result.Ops[i]; {
		case op.Object == plan.ObjectLimits:
			next.limit = old.limit // until a run has found nothing to put back
		case op.Object == plan.ObjectEndpoint && op.Action == plan.Delete && op.Endpoint.ID != 0:
			next.removed = uint32(SinceBoot() / removedUnit)
		}
	}
	k.AddAfter = time.Now().Add(time.Duration(old.removed+1)*removedUnit + kernel.Hearing - SinceBoot())
	if o.Config.Globals.Multipath {
		next.flags = old.flags || (req.flags || changesFlags(o.Result.Ops)) && mayBeConnected()
	}
	outcome.flags = next.flags
	if err := lock.write(old, next); err != nil {
		outcome.Warnings = append(outcome.Warnings, err.Error())
	}
	seen, err := outcome.apply(k, o.Result.Ops)
	if all := next.bounds.with(seen); all != next.bounds {
		met = met.with(all)
		next.bounds, old = all, next
		if e := lock.write(old, next); e != nil {
			outcome.Warnings = append(outcome.Warnings, e.Error())
		}
	}
	return outcome, met, err
}

// apply applies operations, and sorts what became of each into done, warnings and
// errors. seen are the bounds of the kernel that they have met.
func (r *Outcome) apply(k *kernel.Kernel, ops []plan.Op) (seen bounds, err error) {
	var errs []error
	for i, err := range k.Apply(ops) {
		op := ops[i]
		full, isFull := errors.AsType[*kernel.FullError](err)
		limit, isLimit := errors.AsType[*kernel.LimitError](err)
		switch {
		case err == nil:
			r.Done = append(r.Done, op)
		case op.Sysctl.Optional:
			r.Warnings = append(r.Warnings, err.Error())
		case isFull:
			seen.endpoints = full.Endpoints
			r.Warnings = append(r.Warnings, fmt.Sprintf("%s: no free slot: %v", op.Interface, err))
		case isLimit:
			seen.limit = limit.Most
			if op.Limits = limit.Written; limit.Written != limit.Before {
				r.Done = append(r.Done, op)
			}
		default:
			errs = append(errs, err)
		}
	}
	return seen, errors.Join(errs...)
}
