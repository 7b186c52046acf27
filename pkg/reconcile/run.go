// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"

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
	return Acquire(ctx, r.LockFile, r.LockTimeout)
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
	o, err := r.read(ctx)
	if err == nil {
		outcome, err = o.run(k, lock, req)
	} else if !req.Reloaded || !transient(err) {
		return Outcome{}, err
	}
	if e := r.callSettle(&outcome.Result, req.Reloaded); e != nil {
		outcome.Warnings = append(outcome.Warnings, "cannot start mptcpctl settle: "+e.Error())
	}
	return outcome, err
}

// run plans and applies.
func (o *Observation) run(k *kernel.Kernel, lock *Lock, req Request) (Outcome, error) {
	old, err := lock.read()
	if err != nil {
		return Outcome{}, err
	}
	req.hint = old
	if err := o.plan(k, req); err != nil {
		return Outcome{}, err
	}
	if req.heal != nil {
		if err := o.mayHeal(req.heal); err != nil {
			return Outcome{}, err
		}
	}
	outcome := Outcome{Result: o.Result, Warnings: o.Result.Warnings, Problems: o.Problems()}
	// Before the first operation, so that a killed run has left its traces.
	next := hint{lastID: o.Result.LastID, tables: o.Result.Tables, known: true}
	if slices.ContainsFunc(o.Result.Ops, func(op plan.Op) bool { return op.Object == plan.ObjectLimits }) {
		next.limit = old.limit // until a run has found nothing to put back
	}
	if err := lock.write(old, next); err != nil {
		outcome.Warnings = append(outcome.Warnings, err.Error())
	}
	return outcome, outcome.apply(k, o.Result.Ops)
}

// apply applies operations, and sorts what became of each into done, warnings and
// errors.
func (r *Outcome) apply(k *kernel.Kernel, ops []plan.Op) error {
	var errs []error
	for i, err := range k.Apply(ops) {
		op := ops[i]
		switch {
		case err == nil:
			r.Done = append(r.Done, op)
		case op.Sysctl.Optional:
			r.Warnings = append(r.Warnings, err.Error())
		case errors.Is(err, kernel.ErrNoSlot):
			r.Warnings = append(r.Warnings, fmt.Sprintf("%s: no free slot: %v", op.Interface, err))
		default:
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
