// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// earlierCommit is the last one in which a run compared each section with all others.
const earlierCommit = "3c9c5cd"

// BenchmarkSections is a plan without netifd by the number of interface sections, of
// which two are lines: all others take no part, or are aliases of one another. Its
// rival is the program as it was at earlierCommit, up to as many sections as that can
// bear in a benchmark.
func BenchmarkSections(b *testing.B) {
	l := newBuiltLab(b)
	earlier := l.builtAt(earlierCommit)
	l.must("", os.Remove(filepath.Join(l.BinDir(), "ubus")))
	network := filepath.Join(l.ConfigDir(), "network")
	lines, err := os.ReadFile(network)
	l.must("", err)
	for _, kind := range []string{"aliases", "others"} {
		for _, n := range []int{125, 250, 4000} {
			b.Run(fmt.Sprintf("%d %s", n, kind), func(b *testing.B) {
				text := string(lines) + sections(n, kind == "aliases")
				l.must("", os.WriteFile(network, []byte(text), 0o644))
				plan := contender{"plan", nil, func() { l.must(l.mptcpctl("plan")) }}
				if n > 250 {
					l.inTurns(b, plan, contender{"uci", nil, func() { l.must(l.command("uci", uciArgs(l)...)) }})
					return
				}
				l.inTurns(b, plan, contender{"earlier", nil, func() { l.must(l.command(earlier, l.oldFlags([]string{"plan"})...)) }})
			})
		}
	}
}

func sections(n int, aliases bool) string {
	var text strings.Builder
	for i := range n {
		device := fmt.Sprint("other", i)
		if aliases && i > 0 {
			device = fmt.Sprint("@s", i-1)
		}
		fmt.Fprintf(&text, "\nconfig interface 's%d'\n\toption proto 'none'\n\toption device '%s'\n", i, device)
	}
	return text.String()
}
