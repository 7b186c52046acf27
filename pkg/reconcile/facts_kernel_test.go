// SPDX-License-Identifier: Apache-2.0

package reconcile

import "testing"

func TestBlackholeIsNotSearchedForWithoutReason(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		counters map[string]uint64
		timeout  string
	}{
		{"a kernel before 6.12", nil, ""},
		{"none was seen", map[string]uint64{counterBlackhole: 0, counterDisabled: 1 << 60}, "3600"},
		{"the time-out is switched off", map[string]uint64{counterBlackhole: 1, counterDisabled: 1 << 60}, "0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if active, err := blackhole(tt.counters, tt.timeout); active || err != nil {
				t.Errorf("%v, %v, want none", active, err)
			}
		})
	}
}

func TestIPv6IsNotMissed(t *testing.T) {
	t.Parallel()
	if noIPv6() {
		t.Error("this kernel lacks MPTCP over IPv6, or is taken to")
	}
}
