// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
)

// survivalSummary is one line for each fault, and in it for each mode of wan2 the
// longest stall, by IPv4 and by IPv6, and the shares of wan1 and wan2 during
// the fault and after it, by IPv4. Where no line was left it is the time from the return
// to the going on. Special rows are left out.
func survivalSummary(rows []*survivalRow) string {
	cells := make(map[string][]string) // by fault and mode: stalls, then shares
	var faults []string
	for _, r := range rows {
		if r.special() {
			continue
		}
		if cells[r.fault.name] == nil {
			faults = append(faults, r.fault.name)
			cells[r.fault.name] = make([]string, len(survivalSeconds))
		}
		for i, second := range survivalSeconds {
			if r.second == second {
				cells[r.fault.name][i] = r.summary(cells[r.fault.name][i])
			}
		}
	}
	var b strings.Builder
	b.WriteString("| fault on wan1 | wan2 `on` | wan2 `backup` | wan2 `handover` |\n|---|---|---|---|\n")
	for _, name := range faults {
		b.WriteString("| " + name + " | " + strings.Join(cells[name], " | ") + " |\n")
	}
	return b.String()
}

// special rows differ from the others in more than the fault, the mode and the family.
func (r *survivalRow) special() bool {
	return r.count > 1 || r.light || r.loss > 0 || r.cc != ""
}

// summary is the cell of a row; before is that of the one by IPv4.
func (r *survivalRow) summary(before string) string {
	took := fmt.Sprintf("%.1f s", r.stall.Seconds())
	switch {
	case r.problem != "":
		took = "**no**"
	case r.fault.all:
		took = fmt.Sprintf("+ %.1f s", r.back.Seconds())
	case r.holds():
		took = fmt.Sprintf("waits, + %.1f s", r.back.Seconds())
	}
	if r.ipv6 {
		took += " (IPv6)"
	}
	if before != "" {
		return before + ", " + took
	}
	if r.fault.all {
		return took
	}
	return fmt.Sprintf("%s → %s: %s", r.during.shares(), r.after.shares(), took)
}

// survivalTable is the rows as Markdown.
func survivalTable(rows []*survivalRow) string {
	var b strings.Builder
	b.WriteString("| fault on wan1 | wan2 is | lives | longest stall | goes on after | wan1 : wan2 before | during | after | closes in |\n")
	b.WriteString("|---|---|---|---:|---:|---|---|---|---:|\n")
	for _, r := range rows {
		b.WriteString(r.markdown() + "\n")
	}
	return b.String()
}

func (r *survivalRow) markdown() string {
	lives, back, during := "yes", "", r.during.shares()
	if r.fault.all {
		during = ""
	}
	switch {
	case r.problem != "":
		lives = "**no**"
	case r.holds() && !r.fault.all:
		lives = "waits"
	}
	if r.holds() {
		back = fmt.Sprintf("%.1f s", r.back.Seconds())
	}
	return fmt.Sprintf("| %s | %s | %s | %.2f s | %s | %s | %s | %s | %.1f s |", r.fault.name, r.kind(), lives,
		r.stall.Seconds(), back, r.before.shares(), during, r.after.shares(), r.closing.Seconds())
}

// shares are what each line carried, up and down together, in per cent.
func (c carried) shares() string {
	var all, first uint64
	for i, line := range c {
		all += line.Sent + line.Received
		if i == 0 {
			first = line.Sent + line.Received
		}
	}
	if all < handshakes {
		return "nothing"
	}
	percent := (100*first + all/2) / all
	return fmt.Sprintf("%d : %d", percent, 100-percent)
}
