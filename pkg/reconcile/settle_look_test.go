// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/netifd"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

func TestALookEndsWhenNothingChanges(t *testing.T) {
	broken, unreadable := errors.New("netifd does not answer"), of(ErrConfig, errors.New("bad value"))
	for name, test := range map[string]struct {
		// at changes what is seen in that second, or is what went wrong.
		at   func(second int, o *Observation) error
		want time.Duration
	}{
		"at once":         {func(int, *Observation) error { return nil }, 5 * time.Second},
		"after a change":  {func(s int, o *Observation) error { o.State.MaxLimit = uint32(min(s, 3)); return nil }, 8 * time.Second},
		"after netifd's":  {func(s int, o *Observation) error { o.reported[0].Up = s > 3; return nil }, 9 * time.Second},
		"after a failure": {func(s int, _ *Observation) error { return map[bool]error{true: broken}[s < 7] }, 12 * time.Second},
		"never":           {func(s int, o *Observation) error { o.State.MaxLimit = uint32(s); return nil }, time.Minute},
		"but connections": {func(s int, o *Observation) error {
			o.State.Subflows, o.State.SubflowsAsked = make([]plan.Subflow, s), s%2 == 0
			return nil
		}, 5 * time.Second},
		"and the configuration cannot be read": {func(int, *Observation) error { return unreadable }, 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var l look
				if l.goesOn() {
					t.Error("a look goes on that nobody has begun")
				}
				l.begin()
				start := time.Now()
				for second := 0; l.goesOn(); second++ {
					o := &Observation{reported: []netifd.Interface{{Name: "wan"}}}
					l.see(o, test.at(second, o))
					time.Sleep(time.Second)
				}
				if got := time.Since(start); got != test.want {
					t.Errorf("it ends after %v, want %v", got, test.want)
				}
			})
		})
	}
}
