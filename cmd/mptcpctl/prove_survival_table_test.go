// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/kernel"
)

// Where the table stands: all of it, and its summary between the marks.
const (
	survivalFile   = "testdata/survival.md"
	survivalReadme = "../../README.md"
	survivalBegin  = "<!-- from cmd/mptcpctl/testdata/survival.md -->\n"
	survivalEnd    = "<!-- to here -->\n"
)

// survivalText is the file.
func survivalText(rows []*survivalRow, took time.Duration) string {
	again, which := 0, ""
	for _, r := range rows {
		if again += r.again; r.again > 0 {
			which += fmt.Sprintf("- %s: %d\n", r, r.again)
		}
	}
	return fmt.Sprintf("<!-- SPDX-License-Identifier: Apache-2.0 -->\n# What a live connection survives\n\n"+
		"%[1]s%[2]s%[3]s\n%[4]d rows, measured in %.0[5]f minutes, %[6]d at a time, on Linux %[7]s, %[8]d processors, %[9]s;\n"+
		"measured anew, since a kernel had stopped reading: %[10]d.\n%[11]s\n%[12]s",
		survivalBegin, survivalSummary(rows), survivalEnd, len(rows), took.Minutes(), survivalLabs,
		kernel.Release(), runtime.NumCPU(), runtime.GOARCH, again, which, survivalTable(rows))
}

// writeSurvival replaces the file, and the summary in the README.
func writeSurvival(t *testing.T, text string) {
	t.Helper()
	readme, err := os.ReadFile(survivalReadme)
	if err != nil {
		t.Fatal(err)
	}
	before, old := cutSummary(t, string(readme))
	_, summary := cutSummary(t, text)
	after := strings.TrimPrefix(strings.TrimPrefix(string(readme), before), old)
	for file, content := range map[string]string{survivalFile: text, survivalReadme: before + summary + after} {
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// cutSummary returns what stands before the summary and the summary itself.
func cutSummary(t *testing.T, text string) (before, summary string) {
	t.Helper()
	before, rest, begins := strings.Cut(text, survivalBegin)
	summary, _, ends := strings.Cut(rest, survivalEnd)
	if !begins || !ends {
		t.Fatalf("no %q and %q", survivalBegin, survivalEnd)
	}
	return before + survivalBegin, summary
}

func TestReadmeHasTheSurvivalSummary(t *testing.T) {
	var summaries []string
	for _, file := range []string{survivalFile, survivalReadme} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, summary := cutSummary(t, string(text))
		summaries = append(summaries, summary)
	}
	if summaries[0] != summaries[1] {
		t.Errorf("the README has\n%s\nand %s\n%s", summaries[1], survivalFile, summaries[0])
	}
}

// survivalSummary is one line for each fault of wan1, the master, and in it for each mode of wan2 the
// shares of wan1 and wan2 during the fault and after it, by IPv4, and the longest stall
// by IPv4 and by IPv6. Where no line was left it is the time from the return
// to the going on. Other rows are left out.
func survivalSummary(rows []*survivalRow) string {
	cells := make(map[string][]string) // by fault and mode
	var faults []string
	for _, r := range rows {
		i := slices.Index(survivalSeconds, r.modes[1])
		if r.special() || r.modes[0] != "master" || r.line() != 1 || r.family == survivalBoth || i < 0 {
			continue
		}
		if cells[r.fault.name] == nil {
			faults = append(faults, r.fault.name)
			cells[r.fault.name] = make([]string, len(survivalSeconds))
		}
		cells[r.fault.name][i] = r.summary(cells[r.fault.name][i])
	}
	var b strings.Builder
	b.WriteString("| fault on wan1 | wan2 `on` | wan2 `backup` | wan2 `handover` |\n|---|---|---|---|\n")
	for _, name := range faults {
		b.WriteString("| " + name + " | " + strings.Join(cells[name], " | ") + " |\n")
	}
	return b.String()
}

// special rows differ from the others in more than the fault, the modes and the family.
func (r *survivalRow) special() bool {
	return r.count > 1 || r.light || r.loss > 0 || r.delay > 0 || r.cc != "" || r.hasty
}

// summary is the cell of a row; before is that of the one by IPv4.
func (r *survivalRow) summary(before string) string {
	took := fmt.Sprintf("%.1f s", max(r.stall[0], r.stall[1]).Seconds())
	switch {
	case r.problem != "":
		took = "**no**"
	case r.fault.all:
		took = fmt.Sprintf("+ %.1f s", r.back.Seconds())
	case r.holds():
		took = fmt.Sprintf("waits, + %.1f s", r.back.Seconds())
	}
	switch {
	case before != "":
		return before + ", " + took
	case r.fault.all:
		return took
	}
	return fmt.Sprintf("%s → %s: %s", r.during.shares(), r.after.shares(), took)
}

// survivalTable is the rows as Markdown.
func survivalTable(rows []*survivalRow) string {
	var b strings.Builder
	b.WriteString("| fault | wan1 + wan2 | lives | longest stall | goes on after | wan1 : wan2 before | during | after | closes in |\n")
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
	var stalls []string
	for _, f := range r.families() {
		stalls = append(stalls, fmt.Sprintf("%.1f s", r.stall[f].Seconds()))
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s | %s | %s | %.1f s |", r.title(), r.kind(), lives,
		strings.Join(stalls, ", "), back, r.before.shares(), during, r.after.shares(), r.closing.Seconds())
}

func (r *survivalRow) String() string { return r.title() + ": " + r.kind() }

// title is the fault and where it is.
func (r *survivalRow) title() string {
	if r.fault.all {
		return r.fault.name
	}
	return fmt.Sprintf("wan%d %s", r.line(), r.fault.name)
}

// kind tells a row from others of the same fault.
func (r *survivalRow) kind() string {
	text := r.modes[0] + " + " + r.modes[1] + [...]string{", IPv4", ", IPv6", ", IPv4 and IPv6"}[r.family]
	if r.count > 1 {
		text += fmt.Sprintf(", %d connections", r.count)
	}
	if r.light {
		text += ", light load"
	}
	if r.loss > 0 {
		text += fmt.Sprintf(", %.1f %% loss", float64(r.loss)/10)
	}
	if r.delay > 0 {
		text += fmt.Sprintf(", %d ms delay", r.delay.Milliseconds())
	}
	if r.cc != "" {
		text += ", " + r.cc
	}
	if r.hasty {
		text += ", closed at once"
	}
	return text
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
