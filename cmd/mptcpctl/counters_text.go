// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
)

// question is a group of counters.
type question struct {
	title string
	rows  []counterRow
}

type counterRow struct {
	mptcp.Counter
	text string
}

// questions sorts the counters by question. Those of newer kernels come last.
func (c *counters) questions() []question {
	left := append([]mptcp.Counter(nil), c.list...)
	var all []question
	var now []counterRow
	if c.now.known {
		now = append(now, openRow(c.now.mptcp, "open now, with MPTCP"), openRow(c.now.plain, "open now, fallen back to plain TCP"))
	}
	for line := range strings.Lines(counterTexts) {
		name, text, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if name == "?" {
			all = append(all, question{text, now}) // the first answers by them
			now = nil
			continue
		}
		for i := range left {
			if left[i].Name == name {
				q := &all[len(all)-1]
				q.rows = append(q.rows, counterRow{left[i], text})
				left[i].Name = ""
			}
		}
	}
	others := question{title: "Other counters of this kernel"}
	for _, n := range left {
		if n.Name != "" {
			others.rows = append(others.rows, counterRow{n, ""})
		}
	}
	if len(others.rows) > 0 {
		all = append(all, others)
	}
	return all
}

func openRow(n int, text string) counterRow {
	return counterRow{mptcp.Counter{Name: "(connections)", Value: uint64(n)}, text}
}

// text lists the counters by question, those that are not 0 first, those that are
// 0 only with --all.
func (c *counters) text() string {
	var b strings.Builder
	for _, q := range c.questions() {
		b.WriteString(q.title + "\n")
		shown := 0
		for _, zeros := range []bool{false, true} {
			for _, r := range q.rows {
				if (r.Value == 0) == zeros && (c.all || !zeros) {
					line := fmt.Sprintf("  %-23s %10d  %s", r.Name, r.Value, r.text)
					b.WriteString(strings.TrimRight(line, " ") + "\n")
					shown++
				}
			}
		}
		if shown == 0 {
			b.WriteString("  none\n")
		}
	}
	return b.String()
}
