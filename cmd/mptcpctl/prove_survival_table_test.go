// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/kernel"
)

// The pages that have the result: all rows and their summary, and the README with
// three lines of the summary.
const (
	survivalPage   = "../../docs/survival.md"
	survivalReadme = "../../README.md"
)

// The blocks of these pages that writeSurvival replaces.
const (
	blockSummary = "survival-summary"
	blockRows    = "survival-rows"
	blockExcerpt = "survival-excerpt"
)

// survivalRun says how and where the rows were measured, and lists them.
func survivalRun(rows []*survivalRow, took time.Duration) string {
	again, which := 0, ""
	for _, r := range rows {
		if again += r.again; r.again > 0 {
			which += fmt.Sprintf("- %s: %d\n", r, r.again)
		}
	}
	return fmt.Sprintf("%d rows, measured in %.0f minutes, %d at a time, on Linux %s, %d processors, %s;\n"+
		"measured again because the kernel had stopped reading: %d.\n%s\n%s",
		len(rows), took.Minutes(), survivalLabs, kernel.Release(), runtime.NumCPU(), runtime.GOARCH, again, which, survivalTable(rows))
}

// writeSurvival replaces the blocks of both pages.
func writeSurvival(t *testing.T, summary, run string) {
	t.Helper()
	excerpt, err := survivalExcerpt(summary)
	if err != nil {
		t.Fatal(err)
	}
	for page, blocks := range map[string]map[string]string{
		survivalPage:   {blockSummary: summary, blockRows: run},
		survivalReadme: {blockExcerpt: excerpt},
	} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for name, content := range blocks {
			before, _, after := cutBlock(t, string(text), name)
			text = []byte(before + content + after)
		}
		if err := os.WriteFile(page, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// cutBlock returns what is before a block of a page, the block without its marks,
// and what is after it.
func cutBlock(t *testing.T, page, name string) (before, block, after string) {
	t.Helper()
	_, rest, begins := strings.Cut(page, "<!-- begin "+name+":")
	_, rest, closed := strings.Cut(rest, "-->\n")
	block, _, ends := strings.Cut(rest, "<!-- end "+name+" -->\n")
	if !begins || !closed || !ends {
		t.Fatalf("no block %s", name)
	}
	after = rest[len(block):]
	return page[:len(page)-len(rest)], block, after
}

// survivalExcerpts are the faults that the README names, each with its words, in
// which the two times of the summary for mode "on" are filled in.
var survivalExcerpts = []struct{ fault, words string }{
	{"unplugged, events", "main line unplugged: stalls for %s over IPv4, %s over IPv6"},
	{"black hole behind the router", "main line up, but its provider drops everything: stalls for %s, %s"},
	{"both unplugged, wan1 back after 10 s", "both lines unplugged for 10 s: resumes %s, %s after the first of them is back"},
}

// survivalExcerpt is what the README has of the summary.
func survivalExcerpt(summary string) (string, error) {
	var b strings.Builder
	for _, e := range survivalExcerpts {
		_, row, found := strings.Cut(summary, "\n| "+e.fault+" | ")
		cell, _, _ := strings.Cut(row, " | ")
		cell = cell[strings.LastIndex(cell, ": ")+1:]
		first, second, both := strings.Cut(cell, ",")
		if !found || !both {
			return "", fmt.Errorf("%q is not in the summary", e.fault)
		}
		fmt.Fprintf(&b, "- "+e.words+"\n", strings.Trim(first, " +"), strings.Trim(second, " +"))
	}
	return b.String(), nil
}

// TestReadmeHasTheSurvivalExcerpt compares what writeSurvival has written into both
// pages.
func TestReadmeHasTheSurvivalExcerpt(t *testing.T) {
	t.Parallel()
	blocks := make(map[string]string)
	for name, page := range map[string]string{blockSummary: survivalPage, blockRows: survivalPage, blockExcerpt: survivalReadme} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		_, blocks[name], _ = cutBlock(t, string(text), name)
	}
	want, err := survivalExcerpt(blocks[blockSummary])
	if err != nil {
		t.Fatal(err)
	}
	if blocks[blockExcerpt] != want {
		t.Errorf("the README has\n%s\nwant\n%s", blocks[blockExcerpt], want)
	}
	count, _, _ := strings.Cut(blocks[blockRows], " rows, ")
	if rows := strings.Count(blocks[blockRows], "\n| ") - 1; strconv.Itoa(rows) != count {
		t.Errorf("%d rows are listed, %s were measured", rows, count)
	}
	if _, err := survivalExcerpt("| fault |\n"); err == nil {
		t.Error("a summary without the faults of the README is accepted")
	}
}

// survivalSummary is one line for each fault of wan1, the master, and in it for each mode of wan2 the
// shares of wan1 and wan2 during the fault and after it, by IPv4, and the longest stall
// by IPv4 and by IPv6. Where no line was left it is the time from the return of a
// line until data flows again. Other rows are left out.
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
	b.WriteString("| fault | wan1 + wan2 | lives | longest stall | resumes after | wan1 : wan2 before | during | after | closes in |\n")
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
