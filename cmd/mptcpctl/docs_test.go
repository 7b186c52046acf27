// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// commandsPage is where people read about every command.
const commandsPage = "../../docs/commands.md"

// flagName is a flag as usage texts list it.
var flagName = regexp.MustCompile(`(?m)^ +(?:-\w, |)--([a-z-]+)`)

// TestEveryCommandIsDocumented asks for a section of each command, and for its flags.
func TestEveryCommandIsDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(commandsPage)
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	root := newRootCmd(streams{}, "")
	flags := func(name, usages string) {
		for _, match := range flagName.FindAllStringSubmatch(usages, -1) {
			if flag := "--" + match[1]; flag != "--help" && !strings.Contains(page, "`"+flag) && !strings.Contains(page, " "+flag) {
				t.Errorf("%s does not tell of %s %s", commandsPage, name, flag)
			}
		}
	}
	flags(root.Name(), root.PersistentFlags().FlagUsages())
	for _, c := range root.Commands() {
		if c.Hidden {
			continue
		}
		if !strings.Contains(page, "\n| [`"+c.Name()+"`") && !strings.Contains(page, "`, `"+c.Name()+"`](") {
			t.Errorf("%s does not list %s", commandsPage, c.Name())
		}
		heading := false
		for line := range strings.Lines(page) {
			heading = heading || strings.HasPrefix(line, "## ") && strings.Contains(line, "`"+c.Name()+"`")
		}
		if !heading {
			t.Errorf("%s has no section about %s", commandsPage, c.Name())
		}
		flags(c.Name(), c.LocalFlags().FlagUsages())
	}
}
