// SPDX-License-Identifier: Apache-2.0

package mptcp

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Counter is one of the kernel's MPTCP counters of a network namespace, under
// the name that net/mptcp/mib.c gives it. They count from the namespace's first
// MPTCP socket on, but for MPCurrEstab, which is the number of established
// connections now. On a 32-bit kernel they start again at 0 after 2^32-1.
type Counter struct {
	Name  string
	Value uint64
}

// countersFile is /proc/net/netstat of the calling thread. /proc/net would be
// that of the process's first thread, whose namespace may be another.
const countersFile = "/proc/thread-self/net/netstat"

// Counters returns all MPTCP counters of the network namespace of the calling
// thread, in the kernel's order; newer kernels have more of them. It needs no
// privilege. The error is ErrNotSupported when the kernel has none.
func Counters() ([]Counter, error) {
	b, err := os.ReadFile(countersFile)
	if err != nil {
		return nil, fmt.Errorf("counters: %w", OfProc(err))
	}
	counters, err := parseCounters(string(b))
	if err != nil {
		return nil, fmt.Errorf("counters: %w", err)
	}
	return counters, nil
}

// CounterValue returns the value of one of them, zero where the kernel does not have it.
func CounterValue(name string) (uint64, error) {
	counters, err := Counters()
	for _, c := range counters {
		if c.Name == name {
			return c.Value, nil
		}
	}
	return 0, err
}

// parseCounters reads the two lines that mptcp_seq_show (net/mptcp/mib.c) adds
// to netstat: the names, then the values in the same order.
func parseCounters(text string) ([]Counter, error) {
	var names []string
	for line := range strings.Lines(text) {
		words, ours := strings.CutPrefix(line, "MPTcpExt:")
		if !ours {
			continue
		}
		fields := strings.Fields(words)
		if names == nil {
			names = fields
			continue
		}
		if len(fields) != len(names) {
			return nil, fmt.Errorf("%d values for %d names", len(fields), len(names))
		}
		counters := make([]Counter, len(names))
		for i, name := range names {
			value, err := strconv.ParseUint(fields[i], 10, 64)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			counters[i] = Counter{name, value}
		}
		return counters, nil
	}
	if names != nil {
		return nil, fmt.Errorf("names without values")
	}
	return nil, ErrNotSupported
}
