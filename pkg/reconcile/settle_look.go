// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"fmt"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/netifd"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// How Settle looks after a reload: until nothing has changed for a while, but not for
// ever.
const (
	lookQuiet   = 5 * time.Second
	lookLongest = time.Minute
)

// look is the care for what netifd does with a new configuration. It may read it only
// after the run that was called for it: procd runs what a change triggers one after the
// other, those that registered last first (trigger.c of procd). What netifd then does to
// a line, such as deleting and adding its address in place for another metric
// (interface_change_config in netifd's interface.c), empties the line's table and is
// not reported.
type look struct {
	until, changed time.Time // no look: zero
	seen           string
}

func (l *look) begin() {
	now := time.Now()
	*l = look{until: now.Add(lookLongest), changed: now}
}

func (l *look) goesOn() bool {
	now := time.Now()
	return now.Before(l.until) && now.Sub(l.changed) < lookQuiet
}

// see notes what netifd and the kernel have. What could not be seen, or not be applied,
// counts as a change; a configuration that cannot be read does not.
func (l *look) see(o *Observation, err error) {
	if !l.goesOn() {
		return
	}
	seen := l.seen
	if err == nil {
		seen = fingerprint(o.reported, o.State)
	}
	if transient(err) || seen != l.seen {
		l.changed, l.seen = time.Now(), seen
	}
}

// fingerprint is the same as long as nothing has changed but the connections.
func fingerprint(reported []netifd.Interface, state plan.State) string {
	state.Subflows, state.SubflowsAsked, state.SubflowsKnown = nil, false, false
	return fmt.Sprint(reported, state)
}
