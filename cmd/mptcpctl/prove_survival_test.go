// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/kernel"
)

// survivalLabs is how many rows are measured at once: most of the time they wait.
const survivalLabs = 8

// survivalSeconds are the modes of the second line beside a master.
var survivalSeconds = []string{"on", "backup", "handover"}

// TestProveSurvival measures what becomes of live connections, up and down at
// once, under every fault and pair of modes. With PROVE set it does the whole
// table and prints it as Markdown, in about six minutes; else a few rows.
// PROVE_ONLY chooses those whose names contain it. No connection may break, or
// fail to go on, in any of them.
//
//	PROVE=1 go test -count=1 -v -run TestProveSurvival ./cmd/mptcpctl
func TestProveSurvival(t *testing.T) {
	t.Parallel()
	rows := shortSurvival()
	if os.Getenv("PROVE") != "" {
		rows = wholeSurvival()
	}
	if only := os.Getenv("PROVE_ONLY"); only != "" {
		var some []*survivalRow
		for _, r := range rows {
			if strings.Contains(r.String(), only) {
				some = append(some, r)
			}
		}
		rows = some
	}
	start := time.Now()
	measureAll(t, rows)
	text := survivalSummary(rows) + "\n" + survivalTable(rows)
	if os.Getenv("PROVE") == "" {
		t.Logf("\n%s", text)
		return
	}
	fmt.Printf("\n%s\n%d rows, measured in %.0f s, %d at a time, on Linux %s.\n",
		text, len(rows), time.Since(start).Seconds(), survivalLabs, kernel.Release())
}

// shortSurvival are the rows of every test run.
func shortSurvival() []*survivalRow {
	faults := survivalFaults()
	return []*survivalRow{
		{fault: faults[0], second: "on", ipv6: true},
		{fault: faults[3], second: "backup"},
		{fault: faults[4], second: "handover", count: 10, light: true},
		{fault: outage(time.Second, "wan2"), second: "on", ipv6: true},
	}
}

// wholeSurvival are all.
func wholeSurvival() []*survivalRow {
	var rows []*survivalRow
	for _, second := range survivalSeconds {
		for _, f := range survivalFaults() {
			rows = append(rows, &survivalRow{fault: f, second: second}, &survivalRow{fault: f, second: second, ipv6: true})
		}
		for _, lasts := range []time.Duration{1, 10, 50} {
			for _, back := range []string{"wan1", "wan2"} {
				rows = append(rows, &survivalRow{fault: outage(lasts*time.Second, back), second: second})
			}
		}
		rows = append(rows,
			&survivalRow{fault: outage(10*time.Second, "wan1", "wan2"), second: second},
			&survivalRow{fault: outage(10*time.Second, "wan2"), second: second, ipv6: true},
			&survivalRow{fault: sudden(10*time.Second, "wan1"), second: second},
			&survivalRow{fault: sudden(10*time.Second, "wan2"), second: second},
			&survivalRow{fault: unannounced(10*time.Second, "wan1"), second: second},
			&survivalRow{fault: watched(unannounced(10*time.Second, "wan2")), second: second},
		)
	}
	rows = append(rows,
		&survivalRow{fault: unannounced(10*time.Second, "wan2"), second: "on"},
		&survivalRow{fault: unannounced(10*time.Second, "wan2"), second: "backup"},
		&survivalRow{fault: late(), second: "handover"},
	)
	return append(rows, specialSurvival()...)
}

// specialSurvival are crowds, full lines and bad ones.
func specialSurvival() []*survivalRow {
	faults := survivalFaults()
	unplugged, hole, removed := faults[0], faults[3], faults[8]
	var rows []*survivalRow
	for _, second := range survivalSeconds {
		rows = append(rows,
			&survivalRow{fault: unplugged, second: second, count: 100, light: true},
			&survivalRow{fault: unplugged, second: second, light: true},
			&survivalRow{fault: unplugged, second: second, cc: "bbr"},
			&survivalRow{fault: unplugged, second: second, loss: 20},
		)
	}
	return append(rows,
		&survivalRow{fault: hole, second: "on", count: 100, light: true},
		&survivalRow{fault: removed, second: "handover", count: 100, light: true, ipv6: true},
		&survivalRow{fault: outage(10*time.Second, "wan2"), second: "on", count: 100, light: true},
		&survivalRow{fault: outage(10*time.Second, "wan1"), second: "on", light: true},
		&survivalRow{fault: outage(10*time.Second, "wan1"), second: "on", cc: "bbr"},
		&survivalRow{fault: outage(10*time.Second, "wan1"), second: "backup", cc: "bbr"},
		&survivalRow{fault: outage(10*time.Second, "wan1", "wan2"), second: "on", cc: "bbr"},
	)
}

// measureAll measures the rows, the longest first.
func measureAll(t *testing.T, rows []*survivalRow) {
	order := append([]*survivalRow(nil), rows...)
	sort.SliceStable(order, func(i, j int) bool { return order[i].fault.lasts > order[j].fault.lasts })
	queue := make(chan *survivalRow, len(order))
	for _, r := range order {
		queue <- r
	}
	close(queue)
	var workers sync.WaitGroup
	for range survivalLabs {
		workers.Go(func() {
			for r := range queue {
				t.Run(r.String(), r.measure)
			}
		})
	}
	workers.Wait()
}
