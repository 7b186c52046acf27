// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdShown compares what the last command printed with what a page of the project
// shows of it: the lines behind "# COMMAND" in a block. Numbers and columns may
// differ. With UPDATE_DOCS in the environment, output that differs is written into
// the page.
func cmdShown(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: shown PAGE COMMAND...")
	}
	page := filepath.Join("..", "..", args[0])
	text, err := os.ReadFile(page)
	ts.Check(err)
	before, rest, found := strings.Cut(string(text), "\n# "+strings.Join(args[1:], " ")+"\n")
	shown, after := cutShown(rest)
	if !found || after == "" {
		ts.Fatalf("%s does not show %q", args[0], args[1:])
	}
	printed := ts.ReadFile("stdout")
	if withoutNumbers(printed) == withoutNumbers(shown) {
		return
	}
	if os.Getenv("UPDATE_DOCS") == "" {
		ts.Fatalf("%s shows\n%s\nprinted was\n%s\nUPDATE_DOCS=1 writes it into the page", args[0], shown, printed)
	}
	ts.Check(os.WriteFile(page, []byte(strings.TrimSuffix(string(text), rest)+printed+after), 0o644))
	ts.Logf("%s changed behind line %d", args[0], strings.Count(before, "\n")+1)
}

// cutShown cuts what a command printed off a block: it goes to the next command or to
// the end of the block.
func cutShown(rest string) (shown, after string) {
	for line := range strings.Lines(rest) {
		if strings.HasPrefix(line, "# ") || strings.HasPrefix(line, "```") {
			return shown, rest[len(shown):]
		}
		shown += line
	}
	return shown, ""
}

var (
	// aNumber is a token, an address of /proc/net/mptcp, a rate, a time or any number.
	aNumber = regexp.MustCompile(`\b[0-9A-Fa-f]{8}(?::[0-9A-F]{4})?\b|\b[0-9][0-9.]*(?:[kMG]|us|ms|s)?\b`)
	spaces  = regexp.MustCompile(` +`)
)

func withoutNumbers(text string) string {
	return spaces.ReplaceAllString(aNumber.ReplaceAllString(text, "N"), " ")
}
