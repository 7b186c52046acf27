// SPDX-License-Identifier: Apache-2.0

package main

import "time"

// survivalSeconds are the modes of the second line beside a master.
var survivalSeconds = []string{"on", "backup", "handover"}

// survivalBrief is how long a fault lasts where many rows differ in little.
const survivalBrief = 5 * time.Second

// survivalDelay is that of a line across a continent, each way.
const survivalDelay = 30 * time.Millisecond

// survivalPairs are all pairs of modes; each line of a pair is struck.
func survivalPairs() (pairs [][2]string) {
	modes := append([]string{"master"}, survivalSeconds...)
	for i, first := range modes {
		for _, second := range modes[i:] {
			pairs = append(pairs, [2]string{first, second})
		}
	}
	return pairs
}

// shortSurvival are the rows of every test run.
func shortSurvival() []*survivalRow {
	faults := survivalFaults()
	return []*survivalRow{
		{fault: faults[0], modes: master("on"), family: survivalIPv6},
		{fault: faults[3], modes: master("backup")},
		{fault: faults[4], modes: master("handover"), count: 10, light: true},
		{fault: outage(time.Second, "wan2"), modes: master("on"), family: survivalBoth, delay: survivalDelay},
	}
}

// mainSurvival are those of which docs/survival.md says what other kernels make of them.
func mainSurvival() (rows []*survivalRow) {
	faults := survivalFaults()
	for _, f := range append(faults,
		outage(10*time.Second, "wan1"), outage(10*time.Second, "wan2"), outage(10*time.Second, "wan1", "wan2"),
		sudden(10*time.Second, "wan1"), sudden(10*time.Second, "wan2"), unannounced(10*time.Second, "wan1"),
	) {
		rows = append(rows, &survivalRow{fault: f, modes: master("on")})
	}
	for _, second := range survivalSeconds[1:] {
		rows = append(rows, &survivalRow{fault: faults[0], modes: master(second)})
	}
	return rows
}

func master(second string) [2]string { return [2]string{"master", second} }

// wholeSurvival are all.
func wholeSurvival() []*survivalRow {
	var rows []*survivalRow
	for _, second := range survivalSeconds {
		for _, f := range survivalFaults() {
			rows = append(rows,
				&survivalRow{fault: f, modes: master(second)},
				&survivalRow{fault: f, modes: master(second), family: survivalIPv6},
				&survivalRow{fault: f, modes: master(second), delay: survivalDelay, cc: "cubic"},
				&survivalRow{fault: f, modes: master(second), count: 100, light: true},
			)
		}
		rows = append(rows, outagesBeside(second)...)
		rows = append(rows, &survivalRow{fault: tried(survivalFaults()[2]), modes: master(second)})
	}
	rows = append(rows,
		&survivalRow{fault: unannounced(10*time.Second, "wan2"), modes: master("on")},
		&survivalRow{fault: unannounced(10*time.Second, "wan2"), modes: master("backup")},
		&survivalRow{fault: late(), modes: master("handover")},
	)
	for _, pair := range survivalPairs() {
		rows = append(rows, pairSurvival(pair)...)
	}
	return append(rows, specialSurvival()...)
}

// outagesBeside are the losses of both lines, one the master.
func outagesBeside(second string) (rows []*survivalRow) {
	for _, lasts := range []time.Duration{1, 10, 50} {
		for _, back := range []string{"wan1", "wan2"} {
			for _, family := range []int{survivalIPv4, survivalIPv6} {
				rows = append(rows, &survivalRow{fault: outage(lasts*time.Second, back), modes: master(second), family: family})
			}
		}
	}
	return append(rows,
		&survivalRow{fault: outage(10*time.Second, "wan1", "wan2"), modes: master(second)},
		&survivalRow{fault: sudden(10*time.Second, "wan1"), modes: master(second)},
		&survivalRow{fault: sudden(10*time.Second, "wan2"), modes: master(second)},
		&survivalRow{fault: outage(10*time.Second, "wan1", "wan2"), modes: master(second), hasty: true},
		&survivalRow{fault: sudden(10*time.Second, "wan1", "wan2"), modes: master(second), hasty: true},
		&survivalRow{fault: unannounced(10*time.Second, "wan1"), modes: master(second)},
		&survivalRow{fault: watched(unannounced(10*time.Second, "wan2")), modes: master(second)},
	)
}

// pairSurvival are the faults of either line of a pair, and the loss of both, with
// connections of both families at once.
func pairSurvival(modes [2]string) (rows []*survivalRow) {
	for at := 1; at <= 2; at++ {
		for _, f := range survivalFaults() {
			f.lasts = survivalBrief
			rows = append(rows, &survivalRow{fault: f, modes: modes, at: at, family: survivalBoth})
		}
	}
	for _, back := range [][]string{{"wan1"}, {"wan2"}, {"wan1", "wan2"}} {
		rows = append(rows, &survivalRow{fault: outage(survivalBrief, back...), modes: modes, family: survivalBoth})
	}
	return append(rows, &survivalRow{fault: unannounced(survivalBrief, "wan1", "wan2"), modes: modes, family: survivalBoth})
}

// specialSurvival are other loads, lines and congestion controls.
func specialSurvival() []*survivalRow {
	faults := survivalFaults()
	unplugged, removed := faults[0], faults[8]
	var rows []*survivalRow
	for _, second := range survivalSeconds {
		rows = append(rows,
			&survivalRow{fault: unplugged, modes: master(second), light: true},
			&survivalRow{fault: unplugged, modes: master(second), loss: 20},
			&survivalRow{fault: unplugged, modes: master(second), cc: "bbr"},
			&survivalRow{fault: unplugged, modes: master(second), cc: "bbr", delay: survivalDelay},
			&survivalRow{fault: unplugged, modes: master(second), cc: "cubic"},
			&survivalRow{fault: outage(10*time.Second, "wan1"), modes: master(second), cc: "bbr"},
			&survivalRow{fault: outage(10*time.Second, "wan1"), modes: master(second), cc: "cubic"},
			&survivalRow{fault: outage(10*time.Second, "wan2"), modes: master(second), cc: "cubic", delay: survivalDelay},
		)
	}
	return append(rows,
		&survivalRow{fault: removed, modes: master("handover"), count: 100, light: true, family: survivalIPv6},
		&survivalRow{fault: outage(10*time.Second, "wan2"), modes: master("on"), count: 100, light: true},
		&survivalRow{fault: outage(10*time.Second, "wan1"), modes: master("on"), light: true},
		&survivalRow{fault: outage(10*time.Second, "wan1", "wan2"), modes: master("on"), cc: "bbr"},
	)
}
