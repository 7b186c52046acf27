// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"errors"
	"slices"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/plan"
	"github.com/mptcpctl/mptcpctl/pkg/sockdiag"
)

// flagLooks is how long settle looks for subflows that differ from their endpoints
// after a change of flags: a join that was under way has the old ones.
const flagLooks = 3 * time.Second

// flagWatch is the care for subflows that have not heard of a change of their
// endpoint's flags. The zero value does not look.
type flagWatch struct {
	until time.Time
	// look is the earliest time for the next one.
	look time.Time
	// renew says that the kernel cannot end a single subflow; renewed are the lines
	// whose endpoints were renewed in place of that.
	renew   bool
	renewed []string
}

func (w *flagWatch) looks() bool { return !w.until.IsZero() }

// changesFlags reports whether an operation changes an endpoint in place.
func changesFlags(ops []plan.Op) bool {
	return slices.ContainsFunc(ops, func(op plan.Op) bool { return op.Object == plan.ObjectEndpoint && op.Action == plan.Change })
}

// lookAtFlags ends subflows that differ from their endpoints, after a run that had
// nothing to do about endpoints. The hint about them is dropped when some time has
// passed without any that can be ended.
func (s *settler) lookAtFlags(lock *Lock, r *Outcome) error {
	now := time.Now()
	if !s.flags.looks() || now.Before(s.flags.look) || changesEndpoints(r.Result.Ops) || changesEndpoints(r.Done) {
		return nil
	}
	s.flags.look = now.Add(settleInterval - settleDebounce) // notifications come at any time
	sockets := make(map[uint64]sockdiag.Socket)
	state := s.seen.State
	var err error
	state.Subflows, _, err = SubflowsSeen(func(f *sockdiag.Subflow) {
		if r.Result.Differs(f.Local.Addr(), f.Flags&sockdiag.BackupLocal != 0) {
			sockets[f.Cookie] = f.Socket()
		}
	})
	if err != nil {
		return err
	}
	ops := r.Result.EndDiffering(&state)
	for i := range ops {
		ops[i].Subflow = sockets[ops[i].Subflow.Cookie]
	}
	if len(ops) == 0 {
		if now.After(s.flags.until) {
			return s.forgetFlags(lock)
		}
		return nil
	}
	if !s.flags.renew {
		_, err := r.apply(s.kernel, ops)
		if s.flags.renew = errors.Is(err, sockdiag.ErrNoDestroy); !s.flags.renew {
			return err
		}
	}
	return s.renewDiffering(lock, r, ops)
}

func changesEndpoints(ops []plan.Op) bool {
	return slices.ContainsFunc(ops, func(op plan.Op) bool { return op.Object == plan.ObjectEndpoint })
}

// renewDiffering deletes the endpoints of one line whose subflows differ, as far as no
// connection has its only path there; the next run adds them again, under new ids. The
// peers are told meanwhile that the address is gone: one that hears of it after the join
// closes the new subflow, where that has the id 0 of the connection's first address too.
func (s *settler) renewDiffering(lock *Lock, r *Outcome, ops []plan.Op) error {
	for _, op := range ops {
		if slices.Contains(s.flags.renewed, op.Interface) {
			continue
		}
		s.flags.renewed = append(s.flags.renewed, op.Interface)
		deletes, err := s.endpointsOf(lock, op.Interface, ops)
		if errors.Is(err, ErrNotHealed) {
			continue
		}
		s.flags.until = time.Now().Add(flagLooks)
		if err == nil {
			_, err = r.apply(s.kernel, deletes)
		}
		return err
	}
	if time.Now().After(s.flags.until) {
		return s.forgetFlags(lock)
	}
	return nil
}

// endpointsOf are the deletions of a line's endpoints in the families in which its
// subflows differ. The error is ErrNotHealed where the line must not be healed.
func (s *settler) endpointsOf(lock *Lock, name string, differing []plan.Op) ([]plan.Op, error) {
	h := &Healing{name: name, spares: [2]bool{true, true}}
	for _, op := range differing {
		if op.Interface == name {
			h.spares[plan.FamilyOf(op.Subflow.Local.Addr())] = false
		}
	}
	old, err := lock.read()
	if err != nil {
		return nil, err
	}
	if err := s.seen.plan(s.kernel, Request{settling: true, heal: h, hint: old}); err != nil {
		return nil, err
	}
	if err := s.seen.listConnections(); err != nil {
		return nil, err
	}
	healing, err := s.seen.healing(name)
	var deletes []plan.Op
	for _, op := range s.seen.Result.Ops {
		if op.Object == plan.ObjectEndpoint && op.Action == plan.Delete && slices.Contains(healing.Endpoints, op.Endpoint) {
			op.After = nil
			deletes = append(deletes, op)
		}
	}
	return deletes, err
}

func (s *settler) forgetFlags(lock *Lock) error {
	s.flags = flagWatch{}
	old, err := lock.read()
	if err != nil {
		return err
	}
	next := old
	next.flags = false
	return lock.write(old, next)
}
