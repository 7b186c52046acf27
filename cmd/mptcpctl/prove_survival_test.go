// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"
)

// survivalLabs is how many rows are measured at once, since most of the time they
// wait, and survivalCrowds how many of those have many connections. An emulated machine
// has not the processors for it.
const (
	survivalLabs     = 12
	survivalCrowds   = 2
	survivalEmulated = 2
)

// TestProveSurvival measures what becomes of live connections, up and down at
// once, under every fault and pair of modes. With PROVE set it does the whole
// table, else a few rows; PROVE_ONLY chooses those whose names contain it. With UPDATE_SURVIVAL
// the table and its summary are written to docs/survival.md, and three lines of the
// summary into the README. In the machines of .ci/kernels it does the main rows, and prints a table of
// them. No connection may break, or fail to go on, in any row, and no line
// carry what is not its share; how long it takes is no matter.
//
//	UPDATE_SURVIVAL=1 PROVE=1 go test -count=1 -timeout 60m -run TestProveSurvival ./cmd/mptcpctl
func TestProveSurvival(t *testing.T) {
	t.Parallel()
	rows, labs := shortSurvival(), survivalLabs
	switch {
	case longProof():
		rows = wholeSurvival()
	case emulated():
		rows, labs = mainSurvival(), survivalEmulated
	}
	only := os.Getenv("PROVE_ONLY")
	if only != "" {
		var some []*survivalRow
		for _, r := range rows {
			if strings.Contains(r.String(), only) {
				some = append(some, r)
			}
		}
		rows = some
	}
	start := time.Now()
	measureAll(t, rows, labs)
	if emulated() {
		printMain(rows)
	}
	summary, run := survivalSummary(rows), survivalRun(rows, time.Since(start))
	t.Logf("\n%s\n%s", summary, run)
	if os.Getenv("UPDATE_SURVIVAL") != "" && longProof() && only == "" {
		writeSurvival(t, summary, run)
	}
}

// measureAll measures the rows, the longest first, and few crowds at a time, since
// these keep the machine busy.
func measureAll(t *testing.T, rows []*survivalRow, labs int) {
	order := append([]*survivalRow(nil), rows...)
	sort.SliceStable(order, func(i, j int) bool { return order[i].fault.lasts > order[j].fault.lasts })
	crowds, others := make(chan *survivalRow, len(order)), make(chan *survivalRow, len(order))
	for _, r := range order {
		if r.count > 1 {
			crowds <- r
		} else {
			others <- r
		}
	}
	close(crowds)
	close(others)
	measure := func(queue <-chan *survivalRow) {
		for r := range queue {
			t.Run(r.String(), r.measure)
			for r.stuck && r.again < survivalTries {
				r.again++
				t.Run(r.String(), r.measure)
			}
			if r.stuck {
				t.Errorf("%s: the kernel stops reading each time", r)
			}
		}
	}
	var workers sync.WaitGroup
	for i := range labs {
		workers.Go(func() {
			if i < survivalCrowds {
				measure(crowds)
			}
			measure(others)
		})
	}
	workers.Wait()
}
