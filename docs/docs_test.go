// SPDX-License-Identifier: Apache-2.0

// Package docs tests the pages of the project: their links, what they repeat, and
// what is written into them from the program.
package docs

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/mptcpctl/mptcpctl/pkg/config"
)

// root is the folder of the repository.
const root = ".."

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The README is what a person reads who has not decided yet.
func TestReadmeIsShort(t *testing.T) {
	if lines := strings.Count(read(t, "README.md"), "\n"); lines < 120 || lines > 150 {
		t.Errorf("README.md has %d lines, want 120 to 150", lines)
	}
}

// TestOptionsPage compares docs/options.md with the options that the program reads.
// With UPDATE_DOCS in the environment it writes the page.
func TestOptionsPage(t *testing.T) {
	const page = "docs/options.md"
	text := read(t, page)
	before, rest, begins := strings.Cut(text, "<!-- begin options:")
	mark, rest, closed := strings.Cut(rest, "\n")
	_, after, ends := strings.Cut(rest, "<!-- end options -->")
	if !begins || !closed || !ends {
		t.Fatalf("%s has no block for the options", page)
	}
	want := before + "<!-- begin options:" + mark + "\n" + optionTables() + "<!-- end options -->" + after
	if os.Getenv("UPDATE_DOCS") != "" {
		if err := os.WriteFile(filepath.Join(root, page), []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, text); diff != "" {
		t.Errorf("UPDATE_DOCS=1 go test ./docs would change %s (-want +got):\n%s", page, diff)
	}
	for _, mode := range config.Modes() {
		if !strings.Contains(text, "\n| `"+mode+"` | ") {
			t.Errorf("%s does not say what mode %s means", page, mode)
		}
	}
}

// optionTables are the options as Markdown, one table for each type of section.
func optionTables() string {
	var b strings.Builder
	section := ""
	for _, o := range config.Options() {
		if o.Section != section {
			section = o.Section
			fmt.Fprintf(&b, "\nIn `config %s`:\n\n| option | values | if unset | meaning |\n|---|---|---|---|\n", section)
		}
		values := o.Values
		if o.Words != nil {
			values = "`" + strings.Join(o.Words, "`, `") + "`"
		}
		meaning := o.Meaning
		if o.Sysctl != "" {
			meaning += " Kernel setting `" + o.Sysctl + "`."
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", o.Name, values, o.Default, meaning)
	}
	return b.String() + "\n"
}

// TestEveryLinkLeadsSomewhere follows the links between the pages: the file is there,
// and has the heading.
func TestEveryLinkLeadsSomewhere(t *testing.T) {
	checked := 0
	for _, page := range pages(t) {
		for _, target := range links(read(t, page)) {
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			checked++
			if problem := follow(t, page, target); problem != "" {
				t.Errorf("%s: %s", page, problem)
			}
		}
	}
	if checked < 50 {
		t.Errorf("%d links were followed", checked)
	}
	for _, dead := range []string{"docs/none.md", "#no-such-heading", "docs/options.md#no-such-heading"} {
		if follow(t, "README.md", dead) == "" {
			t.Errorf("the link to %s is not found to be dead", dead)
		}
	}
}

// pages are those that people read, by their paths below root.
func pages(t *testing.T) []string {
	t.Helper()
	all := []string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md"}
	for _, folder := range []string{"docs", "openwrt"} {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, _ fs.DirEntry, err error) error {
			if err == nil && filepath.Ext(path) == ".md" {
				path, err = filepath.Rel(root, path)
				all = append(all, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// links are the targets of a page's links; code has none.
func links(page string) (targets []string) {
	for _, match := range link.FindAllStringSubmatch(withoutCode(page), -1) {
		targets = append(targets, match[1])
	}
	return targets
}

var (
	block  = regexp.MustCompile("(?ms)^```.*?^```$")
	inline = regexp.MustCompile("`[^`\n]*`")
)

func withoutCode(page string) string {
	return inline.ReplaceAllString(block.ReplaceAllString(page, ""), "")
}

// follow says what is wrong with a link of a page; empty: nothing.
func follow(t *testing.T, page, target string) string {
	t.Helper()
	path, anchor, hasAnchor := strings.Cut(target, "#")
	file := page
	if path != "" {
		file = filepath.Join(filepath.Dir(page), path)
	}
	if _, err := os.Stat(filepath.Join(root, file)); err != nil {
		return target + ": no such file"
	}
	if !hasAnchor {
		return ""
	}
	for line := range strings.Lines(block.ReplaceAllString(read(t, file), "")) {
		if heading := strings.TrimLeft(line, "#"); heading != line && anchorOf(heading) == anchor {
			return ""
		}
	}
	return target + ": no such heading"
}

// anchorOf is the anchor that GitHub gives a heading: lower case, of letters, digits,
// hyphens and underscores, and a hyphen for each space.
func anchorOf(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, strings.TrimSpace(heading))
}

// TestTheBudgetIsTheSameEverywhere compares what the pages say of the size of the
// binary with the script that judges it.
func TestTheBudgetIsTheSameEverywhere(t *testing.T) {
	script := read(t, ".ci/size")
	budget := func(name string) float64 {
		_, rest, _ := strings.Cut(script, "\n"+name+"=")
		word, _, _ := strings.Cut(rest, "\n")
		bytes, err := strconv.Atoi(word)
		if err != nil {
			t.Fatalf(".ci/size: %s: %v", name, err)
		}
		return float64(bytes) / 1e6
	}
	packed, plain := budget("packed_budget"), budget("plain_budget")
	for _, page := range []string{"README.md", "CONTRIBUTING.md", "docs/measurements.md"} {
		text := strings.Join(strings.Fields(read(t, page)), " ")
		for _, want := range []string{fmt.Sprintf("%.2f MB as xz", packed), fmt.Sprintf("%.1f MB", plain)} {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not say %q", page, want)
			}
		}
	}
}

// The README's range of a figure, and the rows of the measurements that it is about:
// an event on two lines, with the routes of a usual router.
var (
	timeRange   = regexp.MustCompile(`an event takes (\d+) to (\d+) ms`)
	memoryRange = regexp.MustCompile(`(\d+) to (\d+) MB while it runs`)
	eventRow    = regexp.MustCompile(`(?m)^\| main routes 0/.* \| ([\d.]+) ms \|.* ([\d.]+) MB \|`)
)

// TestReadmeHasTheMeasuredRange compares the README with the benchmarks' results.
func TestReadmeHasTheMeasuredRange(t *testing.T) {
	rows := eventRow.FindAllStringSubmatch(read(t, "docs/measurements.md"), -1)
	if len(rows) != 2 {
		t.Fatalf("%d rows about an event", len(rows))
	}
	readme := read(t, "README.md")
	number := func(word string) float64 {
		n, err := strconv.ParseFloat(word, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for column, figure := range []*regexp.Regexp{timeRange, memoryRange} {
		bounds := figure.FindStringSubmatch(readme)
		if bounds == nil {
			t.Fatalf("the README has no %s", figure)
		}
		for _, row := range rows {
			if n := number(row[1+column]); n < number(bounds[1]) || n > number(bounds[2]) {
				t.Errorf("measured %v: the README says %q", n, bounds[0])
			}
		}
	}
}

// A key of the commands' JSON, as the sources set it.
var key = regexp.MustCompile(`(?:\.Set|\bset|\bkey)\("([a-z0-9_]+)"`)

// TestEveryJSONKeyIsDocumented reads the keys from the sources of the commands.
func TestEveryJSONKeyIsDocumented(t *testing.T) {
	page := read(t, "docs/json.md")
	files, err := filepath.Glob(filepath.Join(root, "cmd/mptcpctl/*.go"))
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range key.FindAllStringSubmatch(string(source), -1) {
			if name := match[1]; !seen[name] && !strings.Contains(page, "`"+name+"`") {
				t.Errorf("%s: key %q is not in docs/json.md", file, name)
			}
			seen[match[1]] = true
		}
	}
	if len(seen) < 60 {
		t.Errorf("%d keys found in the sources", len(seen))
	}
}
