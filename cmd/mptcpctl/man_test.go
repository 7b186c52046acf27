// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/mptcpctl/mptcpctl/pkg/config"
)

// TestEveryCommandHasAManPage makes the man pages, in the directory that MAN_DIR
// names where it is set ("make man"). They are made here since neither their maker
// nor their texts are shipped.
func TestEveryCommandHasAManPage(t *testing.T) {
	dir := cmp.Or(os.Getenv("MAN_DIR"), t.TempDir())
	pages := manPages(t)
	for file, page := range pages {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for file, page := range pages {
		want := []string{"NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXAMPLES", "SEE ALSO"}
		switch file {
		case "mptcpctl.8":
			want = []string{"NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "OPTIONS", "EXIT STATUS", "FILES", "ENVIRONMENT", "EXAMPLES", "SEE ALSO"}
		case "mptcpctl-completion.8":
			want = slices.Insert(want, 3, "COMMANDS")
		case "mptcpctl-network.5":
			want = []string{"NAME", "DESCRIPTION", "INTERFACE OPTIONS", "GLOBAL OPTIONS", "MODES", "EXAMPLES", "FILES", "SEE ALSO"}
		}
		if got := manSections(page); !slices.Equal(got, want) {
			t.Errorf("%s has the sections %q, want %q", file, got, want)
		}
		for line := range strings.Lines(page) {
			if !manLine.MatchString(line) {
				t.Errorf("%s: %q is not what man(7) wants", file, line)
			}
		}
		for _, name := range manReferences(page) {
			if _, ok := pages[name]; !ok {
				t.Errorf("%s refers to %s, which does not exist", file, name)
			}
		}
	}
}

// A line is a known macro or text: never empty, and without a space at its end.
var manLine = regexp.MustCompile(`^(\.(\\"|TH|SH|PP|TP|EX|EE|BR)( \S.*)?\S*|[^.'\s].*\S|[^.'\s]|\t.*\S|  .*\S)\n$`)

func TestAManPageWithoutMarkupIsNoticed(t *testing.T) {
	for _, line := range []string{"\n", "text \n", ".XX\n", "'text\n", ".\n"} {
		if manLine.MatchString(line) {
			t.Errorf("%q passes", line)
		}
	}
}

// manPages are all pages by the names of their files.
func manPages(t *testing.T) map[string]string {
	t.Helper()
	now := time.Now()
	if epoch := os.Getenv("SOURCE_DATE_EPOCH"); epoch != "" {
		seconds, err := strconv.ParseInt(epoch, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		now = time.Unix(seconds, 0)
	}
	date := now.UTC().Format(time.DateOnly)
	pages := make(map[string]string)
	root := newRootCmd(streams{}, "")
	for _, c := range shownCommands(root) {
		c.InitDefaultHelpFlag()
		if c == root {
			c.InitDefaultVersionFlag()
			pages["mptcpctl.8"] = rootPage(c, date).String()
			continue
		}
		pages[manName(c)+".8"] = commandPage(c, date).String()
	}
	name, page := networkPage(date)
	pages[name+".5"] = page.String()
	return pages
}

func manName(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

// rootPage is mptcpctl(8).
func rootPage(root *cobra.Command, date string) *manPage {
	p := newManPage("mptcpctl", "8", date, root.Short)
	p.section("SYNOPSIS")
	p.synopsis(root)
	p.section("DESCRIPTION")
	long, _, _ := strings.Cut(root.Long, "\n\nExit codes:")
	p.paragraphs(long + "\n\n" + manDescription)
	p.section("COMMANDS")
	var names []string
	for _, c := range shownCommands(root)[1:] {
		p.item(bold(c.Name()), sentence(c.Short)+"\nSee "+manName(c)+"(8).")
		names = append(names, manName(c)+"(8)")
	}
	p.section("OPTIONS")
	p.flags(root.NonInheritedFlags())
	p.section("EXIT STATUS")
	for _, e := range manExits() {
		p.item(bold(e[0]), e[1])
	}
	p.WriteString(".PP\n")
	p.paragraphs(manExitOrder)
	p.section("FILES")
	for _, f := range manFiles {
		p.item(italic(f[0]), f[1])
	}
	p.section("ENVIRONMENT")
	for _, e := range manEnvironment {
		p.item(bold(e[0]), e[1])
	}
	p.section("EXAMPLES")
	p.example(strings.ReplaceAll(root.Example, "  mptcpctl", "mptcpctl"))
	p.seeAlso(append(names, "mptcpctl-network(5)", "ip-mptcp(8)", "ip-rule(8)", "mptcpize(8)"))
	return p
}

// commandPage is the page of a command.
func commandPage(c *cobra.Command, date string) *manPage {
	p := newManPage(manName(c), "8", date, c.Short)
	p.section("SYNOPSIS")
	p.synopsis(c)
	p.section("DESCRIPTION")
	p.paragraphs(cmp.Or(c.Long, sentence(c.Short)))
	if details := manDetails[c.Name()]; details != "" {
		p.WriteString(".PP\n")
		p.paragraphs(details)
	}
	if c.HasAvailableSubCommands() {
		p.section("COMMANDS")
		for _, sub := range c.Commands() {
			p.item(bold(sub.Name()), sentence(sub.Short))
		}
	}
	p.section("OPTIONS")
	p.flags(c.NonInheritedFlags())
	p.WriteString(".PP\n")
	p.paragraphs("The global options, the exit status and the files are described in mptcpctl(8).")
	p.section("EXAMPLES")
	p.example(strings.TrimPrefix(strings.ReplaceAll(c.Example, "\n  ", "\n"), "  "))
	p.seeAlso(append([]string{"mptcpctl(8)"}, manRelated[c.Name()]...))
	return p
}

func manSections(page string) (titles []string) {
	for line := range strings.Lines(page) {
		if title, ok := strings.CutPrefix(line, ".SH "); ok {
			titles = append(titles, strings.TrimSpace(title))
		}
	}
	return titles
}

// manReferences are the files of the pages of mptcpctl to which a page refers.
func manReferences(page string) (files []string) {
	for _, found := range manReference.FindAllStringSubmatch(page, -1) {
		files = append(files, strings.ReplaceAll(found[1], `\-`, "-")+"."+found[2])
	}
	return files
}

var manReference = regexp.MustCompile(`(mptcpctl(?:\\-[a-z]+)?)(?:\\fR| )\((\d)\)`)

// What is said of commands, modes and exit codes is said of those that exist, and
// of all of them.
func TestTheManPagesKnowEveryCommandAndMode(t *testing.T) {
	root := newRootCmd(streams{}, "")
	for name := range manDetails {
		if c, _, err := root.Find([]string{name}); err != nil || c == root {
			t.Errorf("details of %q, which is no command", name)
		}
	}
	for name := range manRelated {
		if c, _, err := root.Find([]string{name}); err != nil || c == root {
			t.Errorf("related pages of %q, which is no command", name)
		}
	}
	for _, word := range config.Modes() {
		if mode, _ := config.ParseMode(word); networkModes[mode] == "" {
			t.Errorf("mode %s is not described", word)
		}
	}
	pages := manPages(t)
	for _, o := range config.Options() {
		if !strings.Contains(pages["mptcpctl-network.5"], bold(o.Name)+"\n") {
			t.Errorf("option %s is not described", o.Name)
		}
	}
	for file, want := range map[string]string{
		"mptcpctl.8":             ".TP\n\\fB75\\fR\nAnother run holds the lock",
		"mptcpctl-iface.8":       "\n\\fBmptcpctl\\fR \\fBiface\\fR [\\fINAME\\fR [\\fIMODE\\fR|\\fBheal\\fR]] [options]\n",
		"mptcpctl-completion.8":  ".TP\n\\fBbash\\fR\n",
		"mptcpctl-connections.8": ".TP\n\\fB\\-\\-interval\\fR \\fItime\\fR\n",
	} {
		if !strings.Contains(pages[file], want) {
			t.Errorf("%s does not say %q", file, want)
		}
	}
}
