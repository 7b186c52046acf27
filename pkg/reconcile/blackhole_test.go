// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"testing"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

func TestBlackholeIsNotSearchedForWithoutReason(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		began   uint64
		timeout string
	}{
		{"a kernel before 6.12", 0, ""},
		{"none was seen", 0, "3600"},
		{"the time-out is switched off", 1, "0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			const attempts = "MPCapableSYNTX"
			before, err := mptcp.CounterValue(attempts)
			if err != nil {
				t.Fatal(err)
			}
			if active, err := blackhole(tt.began, tt.timeout); active || err != nil {
				t.Errorf("%v, %v, want none", active, err)
			}
			if after, err := mptcp.CounterValue(attempts); after != before || err != nil {
				t.Errorf("%d attempts, %v", after-before, err)
			}
		})
	}
}

// TestWatchLooksForAPauseAfterAReturn gives it the lines of one run after the other.
func TestWatchLooksForAPauseAfterAReturn(t *testing.T) {
	t.Parallel()
	lines := func(usable ...bool) []plan.LineUse {
		all := make([]plan.LineUse, len(usable))
		for i, u := range usable {
			all[i].Name = string(rune('a' + i))
			all[i].Use[plan.IPv4].Usable = u
		}
		return all
	}
	tests := []struct {
		name string
		runs [][]plan.LineUse
		want bool
	}{
		{"the first run", [][]plan.LineUse{lines(true, true)}, false},
		{"nothing changes", [][]plan.LineUse{lines(true, false), lines(true, false)}, false},
		{"a line goes", [][]plan.LineUse{lines(true, true), lines(true, false)}, false},
		{"a line goes and comes back", [][]plan.LineUse{lines(true, true), lines(true, false), lines(true, true)}, true},
		{"a line was away at the start", [][]plan.LineUse{lines(false, true), lines(true, true)}, true},
		{"one goes when the other comes", [][]plan.LineUse{lines(false, true), lines(true, false)}, true},
		{"a new section", [][]plan.LineUse{lines(true), lines(true, false)}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var p pauseWatch
			for _, run := range tt.runs {
				p.see(run, time.Now())
			}
			if p.looks() != tt.want || (p.next() != nil) != tt.want {
				t.Errorf("looks: %v, want %v", p.looks(), tt.want)
			}
			looks := 0
			for ; p.looks(); looks++ {
				if _, err := p.look(); err != nil {
					t.Fatal(err)
				}
			}
			if tt.want && looks != 9 {
				t.Errorf("%d looks, want 9: up to 128 s after the return", looks)
			}
		})
	}
}
