// SPDX-License-Identifier: Apache-2.0

package mptcp

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	vnl "github.com/vishvananda/netlink"
)

func TestParseCounters(t *testing.T) {
	const others = "TcpExt: SyncookiesSent\nTcpExt: 0\nIpExt: InOctets\nIpExt: 12\n"
	tests := []struct {
		name, text string
		want       []Counter
		err        string
	}{
		{"the two lines", others + "MPTcpExt: MPCapableSYNRX MPTCPRetrans\nMPTcpExt: 0 18446744073709551615\n",
			[]Counter{{"MPCapableSYNRX", 0}, {"MPTCPRetrans", 1<<64 - 1}}, ""},
		{"no newline at the end, as Linux 5.6 wrote it", "MPTcpExt: A B\nMPTcpExt: 1 2", []Counter{{"A", 1}, {"B", 2}}, ""},
		{"a kernel without MPTCP", others, nil, ErrNotSupported.Error()},
		{"nothing", "", nil, ErrNotSupported.Error()},
		{"cut off behind the names", others + "MPTcpExt: A B\n", nil, "names without values"},
		{"a value too few", "MPTcpExt: A B\nMPTcpExt: 1\n", nil, "1 values for 2 names"},
		{"a value too many", "MPTcpExt: A\nMPTcpExt: 1 2\n", nil, "2 values for 1 names"},
		{"no number", "MPTcpExt: A\nMPTcpExt: x\n", nil, "A: strconv.ParseUint"},
		{"a negative number", "MPTcpExt: A\nMPTcpExt: -1\n", nil, "A: strconv.ParseUint"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseCounters(tt.text)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("counters (-want +got):\n%s", diff)
			}
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
		})
	}
	if _, err := parseCounters(others); !errors.Is(err, ErrNotSupported) {
		t.Errorf("error %v, want ErrNotSupported", err)
	}
}

// TestCountersAreThoseOfTheThreadsNamespace has two threads in two namespaces: one
// of them at least is not the first thread of the process.
func TestCountersAreThoseOfTheThreadsNamespace(t *testing.T) {
	dialNew(t)
	lo, err := vnl.LinkByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	if err := vnl.LinkSetUp(lo); err != nil {
		t.Fatal(err)
	}
	connect(t) // both ends are here
	// Beside this goroutine, whose thread is its own.
	t.Run("another thread", func(t *testing.T) {
		enterNewNetns(t)
		wantCounters(t, map[string]uint64{"MPCapableSYNRX": 0, "MPCapableACKRX": 0})
	})
	wantCounters(t, map[string]uint64{"MPCapableSYNRX": 1, "MPCapableACKRX": 1, "MPCapableFallbackACK": 0, "MPJoinSynRx": 0})
}

func wantCounters(t *testing.T, want map[string]uint64) {
	t.Helper()
	counters, err := Counters()
	if err != nil {
		t.Fatal(err)
	}
	values := make(map[string]uint64)
	for _, c := range counters {
		values[c.Name] = c.Value
	}
	for name, n := range want {
		if got, there := values[name]; !there || got != n {
			t.Errorf("%s: %d (%t), want %d", name, got, there, n)
		}
	}
}
