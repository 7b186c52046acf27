// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// attempts are the seconds in which a rescue makes one while a connection has no subflow,
// and the second in which it gives up: -1 if it does not, before settle ends.
func attempts(possible func(second int) bool) (tried []int, gaveUp int) {
	var r rescue
	r.begin(nil)
	for second := range int(SettleLifetime / time.Second) {
		if !r.looks() {
			return tried, -1
		}
		due, err := r.due(1)
		if err != nil {
			if r.looks() {
				return tried, -1 // it says so, and goes on
			}
			return tried, second
		}
		if due && possible(second) {
			r.tried()
			tried = append(tried, second)
		}
		time.Sleep(time.Second)
	}
	return tried, -1
}

// TestARescueEnds makes a few attempts, further and further apart, and says when they were
// in vain. While there is no line by which one can be made, none counts.
func TestARescueEnds(t *testing.T) {
	for name, test := range map[string]struct {
		possible func(second int) bool
		tried    []int
		gaveUp   int
	}{
		"when none helps":          {func(int) bool { return true }, []int{0, 1, 3, 7, 15, 31}, 47},
		"from when a line is back": {func(s int) bool { return s >= 9 }, []int{9, 10, 12, 16, 24, 40}, 56},
		"but not without a line":   {func(int) bool { return false }, nil, -1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tried, gaveUp := attempts(test.possible)
				if !slices.Equal(tried, test.tried) || gaveUp != test.gaveUp {
					t.Errorf("attempts in seconds %v, given up in %d; want %v and %d", tried, gaveUp, test.tried, test.gaveUp)
				}
			})
		})
	}
}

// TestJoinsAreMadeAgain renews the endpoints that no connection uses, not at once and not
// for ever; a new event begins again.
func TestJoinsAreMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j joins
		var again []int
		for second := range 60 {
			if names := j.again([]string{"eth1"}); len(names) > 0 {
				again = append(again, second)
			}
			time.Sleep(time.Second)
		}
		if want := []int{1, 3, 7, 15, 31, 47}; !slices.Equal(again, want) || j.wanted || !j.spent {
			t.Errorf("renewed in seconds %v, still wanted %t, known to be in vain %t; want %v", again, j.wanted, j.spent, want)
		}
		j = joins{}
		if j.again(nil); j.wanted {
			t.Error("something is wanted although every endpoint is used")
		}
	})
}
