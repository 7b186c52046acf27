// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"github.com/mptcpctl/mptcpctl/pkg/kernel"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// reconciled is one run: what was done and what was only worth a warning.
type reconciled struct {
	done     []plan.Op
	warnings []string
	result   plan.Result
}

// reconcile takes the lock, reads everything, and applies the difference. The
// result is complete as far as it came, also with an error.
func (o *options) reconcile(ctx context.Context) (reconciled, error) {
	// Short, and waiting for the children and the kernel all the time: a second
	// processor would be woken at every message, for nothing.
	runtime.GOMAXPROCS(1)
	lock, err := o.enter(ctx)
	if err != nil {
		return reconciled{}, err
	}
	defer lock.release()
	return o.reconcileLocked(ctx, lock, request{})
}

// enter checks that the run may change anything and takes the lock.
func (o *options) enter(ctx context.Context) (*lockFile, error) {
	if err := needNetAdmin(); err != nil {
		return nil, exitError{exitFailed, err}
	}
	lock, err := acquire(ctx, o.lock, o.lockTimeout)
	switch {
	case errors.Is(err, errLocked):
		return nil, exitError{exitLocked, err}
	case err != nil:
		return nil, exitError{exitFailed, err}
	}
	return lock, nil
}

func (o *options) reconcileLocked(ctx context.Context, lock *lockFile, req request) (reconciled, error) {
	k, err := openKernel()
	if err != nil {
		return reconciled{}, err
	}
	defer k.Close()
	return o.reconcileBy(ctx, k, lock, req)
}

// reconcileBy is reconcileLocked by sockets that stay open.
func (o *options) reconcileBy(ctx context.Context, k *kernel.Kernel, lock *lockFile, req request) (reconciled, error) {
	v, err := o.newView(ctx)
	if err != nil {
		return reconciled{}, err
	}
	r, err := v.reconcile(k, lock, req)
	if e := o.callSettle(&r.result); e != nil {
		r.warnings = append(r.warnings, "settle is not called: "+e.Error())
	}
	return r, err
}

// reconcile plans and applies.
func (v *view) reconcile(k *kernel.Kernel, lock *lockFile, req request) (reconciled, error) {
	old, err := lock.read()
	if err != nil {
		return reconciled{}, exitError{exitFailed, err}
	}
	req.hint = old
	if err := v.plan(k, req); err != nil {
		return reconciled{}, err
	}
	if req.heal != "" {
		if err := v.mayHeal(req); err != nil {
			return reconciled{}, err
		}
	}
	r := reconciled{result: v.result, warnings: v.result.Warnings}
	// Before the first operation, so that a killed run has left its traces.
	next := hint{lastID: v.result.LastID, tables: v.result.Tables, known: true}
	if slices.ContainsFunc(v.result.Ops, func(op plan.Op) bool { return op.Object == plan.ObjectLimits }) {
		next.limit = old.limit // till a run has found nothing to put back
	}
	if err := lock.write(old, next); err != nil {
		r.warnings = append(r.warnings, err.Error())
	}
	failed := r.sort(k.Apply(v.result.Ops))
	return r, worst(failed, v.problems())
}

// sort parts the outcome of each operation into done, warnings and errors.
func (r *reconciled) sort(outcome []error) error {
	var errs []error
	for i, err := range outcome {
		op := r.result.Ops[i]
		switch {
		case err == nil:
			r.done = append(r.done, op)
		case op.Sysctl.Optional:
			r.warnings = append(r.warnings, err.Error())
		case errors.Is(err, kernel.ErrNoSlot):
			r.warnings = append(r.warnings, fmt.Sprintf("%s: no free slot: %v", op.Interface, err))
		default:
			errs = append(errs, err)
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return exitError{exitFailed, errors.Join(errs...)}
}

// worst joins two errors; the first one's code wins.
func worst(first, second error) error {
	if first == nil || second == nil {
		return errors.Join(first, second)
	}
	var coded exitError
	errors.As(first, &coded)
	return exitError{coded.code, errors.Join(first, second)}
}
