// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/mdlayher/netlink"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
	"github.com/mptcpctl/mptcpctl/pkg/sockdiag"
)

var (
	// ErrSkipped says that an operation was not tried, because one that it
	// depends on has failed.
	ErrSkipped = errors.New("skipped: an operation that it depends on failed")

	// ErrNoSlot says that the kernel's table of endpoints is full. The error is a
	// *FullError.
	ErrNoSlot = errors.New("the kernel has no room for another endpoint")
)

// FullError is the error of an endpoint that finds no slot.
type FullError struct {
	// Endpoints is how many the kernel has, managed or not.
	Endpoints int
	error
}

// Unwrap returns ErrNoSlot with the kernel's answer.
func (e *FullError) Unwrap() error { return e.error }

// LimitError is the error of limits that the kernel refuses. It has written others.
type LimitError struct {
	// Most is the highest value that the kernel accepts.
	Most uint32
	// Written are the limits that hold now, Before those that held.
	Written, Before mptcp.Limits
}

func (e *LimitError) Error() string { return fmt.Sprintf("the kernel allows limits up to %d", e.Most) }

// Apply carries the operations out one after the other. The result has one
// entry for each: nil, or an error whose text begins with the operation's
// command. An operation of which one in After has failed is not tried; its
// error is ErrSkipped.
//
// What is there already exactly as wanted is no failure to add, and what is
// gone is none to delete. An endpoint that finds no slot fails with a *FullError,
// limits above the kernel's bound with a *LimitError; whether that matters is the
// caller's affair.
func (k *Kernel) Apply(ops []plan.Op) []error {
	results := make([]error, len(ops))
	for i, op := range ops {
		err := skipped(op, results)
		if err == nil {
			err = k.before(i)
		}
		if err == nil {
			err = k.apply(op)
		}
		if err != nil {
			results[i] = fmt.Errorf("%s: %w", op.Command(), err)
		}
	}
	return results
}

func skipped(op plan.Op, results []error) error {
	for _, i := range op.After {
		if results[i] != nil {
			return ErrSkipped
		}
	}
	return nil
}

func (k *Kernel) apply(op plan.Op) error {
	switch op.Object {
	case plan.ObjectRoute:
		switch op.Action {
		case plan.Add:
			return k.putRoute(op.Route, netlink.Excl)
		case plan.Change:
			return k.putRoute(op.Route, netlink.Replace)
		case plan.Delete:
			return k.deleteRoute(op.Route)
		}
	case plan.ObjectRule:
		switch op.Action {
		case plan.Add:
			return k.addRule(op.Rule)
		case plan.Delete:
			return k.deleteRule(op.Rule)
		}
	case plan.ObjectSysctl:
		return WriteSysctl(op.Sysctl.Key, op.Sysctl.Value)
	case plan.ObjectLimits, plan.ObjectEndpoint:
		return k.applyMPTCP(op)
	case plan.ObjectSubflow:
		return sockdiag.Destroy(op.Subflow.Socket)
	}
	return fmt.Errorf("no such operation: %w", errors.ErrUnsupported)
}

func (k *Kernel) applyMPTCP(op plan.Op) error {
	pm, err := k.pathManager()
	if err != nil {
		return err
	}
	switch {
	case op.Object == plan.ObjectLimits:
		return setLimits(pm, op.Limits)
	case op.Action == plan.Add:
		if wait := time.Until(k.AddAfter); wait > 0 && k.connections() && hearsLate(op.Endpoint.Addr) {
			time.Sleep(wait)
		}
		return putEndpoint(pm, op.Endpoint)
	case op.Action == plan.Change:
		return pm.SetFlags(op.Endpoint.ID, op.Endpoint.Flags)
	case op.Endpoint.ID == 0:
		return pm.DeleteZero(op.Endpoint.Addr)
	}
	k.AddAfter = time.Now().Add(Hearing)
	return deleteEndpoint(pm, op.Endpoint)
}

// Hearing is how long peers are given to hear that an address is gone (RM_ADDR, RFC 8684
// section 3.4.2), which goes over another line: they close what they find under its id
// then. The subflows from a connection's first address all have the id 0, whatever that of
// the endpoint is (net/mptcp/pm.c, mptcp_pm_get_local_id), so that one which is opened
// before would be closed, for good.
const Hearing = time.Second

// connections reports whether there are any, as far as is known. It is asked once in a
// run: those that are made later know nothing of an endpoint that was deleted.
func (k *Kernel) connections() bool {
	if k.connected == nil {
		any, err := sockdiag.Any()
		k.connected = new(any || err != nil)
	}
	return *k.connected
}

// hearsLate reports whether that can happen to a connection, as far as is known.
func hearsLate(addr netip.Addr) bool {
	late := false
	err := sockdiag.Each(func(c sockdiag.Connection) error {
		for i := range c.Subflows {
			if s := &c.Subflows[i]; c.Local.Addr() == addr && s.Local.Addr() != addr && s.State == sockdiag.Established && !s.Stalled() {
				late = true
			}
		}
		return nil
	})
	return late || err != nil
}

func setLimits(pm *mptcp.Client, l mptcp.Limits) error {
	now, err := pm.Limits()
	if err != nil {
		return err
	}
	written, most, err := pm.SetHighestLimits(l, now)
	if err == nil && most > 0 {
		return &LimitError{most, written, now}
	}
	return err
}

func putEndpoint(pm *mptcp.Client, e mptcp.Endpoint) error {
	refused := pm.Add(e)
	if refused == nil {
		return nil
	}
	count, full, err := pm.Full(e, refused)
	switch {
	case err != nil:
		return errors.Join(refused, err)
	case full:
		return &FullError{count, fmt.Errorf("%w: %w", ErrNoSlot, refused)}
	}
	return refused
}

// deleteEndpoint deletes an endpoint unless its id is gone or has been given
// to another one.
func deleteEndpoint(pm *mptcp.Client, e mptcp.Endpoint) error {
	there, err := pm.Endpoints()
	if err != nil {
		return err
	}
	for _, t := range there {
		if t.ID == e.ID && t.Addr == e.Addr && t.IfIndex == e.IfIndex {
			return pm.Delete(e.ID)
		}
	}
	return nil
}
