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
	// heal is what the next run renews.
	heal *Healing
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
	if !s.flags.looks() || now.Before(s.flags.look) || touchesEndpoints(r.Result.Ops) || touchesEndpoints(r.Done) {
		return nil
	}
	s.flags.look = now.Add(settleInterval - settleDebounce) // notifications come at any time
	all, err := wholeSubflows()
	if err != nil {
		return err
	}
	ops := r.Result.EndDiffering(&s.seen.State, all)
	if !s.flags.renew {
		_, err := r.apply(s.kernel, ops)
		if s.flags.renew = errors.Is(err, sockdiag.ErrNoDestroy); err != nil && !s.flags.renew {
			return err
		}
	}
	for i := range ops {
		if name := ops[i].Interface; s.flags.renew && !slices.Contains(s.flags.renewed, name) {
			// The next run renews its endpoints, as heal does. The new subflows have the new flags.
			s.flags.heal, s.flags.renewed = &Healing{name: name, interrupt: true}, append(s.flags.renewed, name)
			s.flags.until = now.Add(flagLooks)
			return nil
		}
	}
	if (s.flags.renew || len(ops) == 0) && now.After(s.flags.until) {
		s.flags = flagWatch{}
		return lock.change(func(h *hint) { h.flags = false })
	}
	return nil
}

func touchesEndpoints(ops []plan.Op) bool {
	return slices.ContainsFunc(ops, func(op plan.Op) bool { return op.Object == plan.ObjectEndpoint })
}
