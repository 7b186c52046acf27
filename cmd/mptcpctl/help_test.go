// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// shownCommands are the root and the commands that its help lists.
func shownCommands(root *cobra.Command) []*cobra.Command {
	root.InitDefaultHelpCmd()
	shown := []*cobra.Command{root}
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() || c.Name() == "help" {
			shown = append(shown, c)
		}
	}
	return shown
}

// exampleLines are the lines of a command's examples, without their comments.
func exampleLines(c *cobra.Command) (lines []string) {
	for line := range strings.Lines(c.Example) {
		line, _, _ = strings.Cut(line, "#")
		lines = append(lines, strings.TrimSpace(line))
	}
	return lines
}

func TestEveryCommandHasExamplesThatItAccepts(t *testing.T) {
	for _, shown := range shownCommands(newRootCmd(streams{}, "")) {
		lines := exampleLines(shown)
		if len(lines) < 2 || len(lines) > 3 {
			t.Errorf("%s: %d examples, want two or three", shown.CommandPath(), len(lines))
		}
		for _, line := range lines {
			if err := accepts(line); err != nil {
				t.Errorf("%s: %q: %v", shown.CommandPath(), line, err)
			}
		}
	}
	for _, line := range []string{"mptcpctl apply --nosuch", "mptcpctl nosuch", "mptcpctl explain", "mptcpctl plan && mptcpctl apply wan2"} {
		if accepts(line) == nil {
			t.Errorf("%q is accepted", line)
		}
	}
}

// accepts parses the calls of the program in a command line of the shell, but
// does not run them.
func accepts(line string) error {
	line = strings.NewReplacer(" &&", "\n", " &", "", ">", "\n").Replace(line)
	for call := range strings.Lines(line) {
		words := strings.Fields(call)
		for len(words) > 0 && strings.Contains(words[0], "=") {
			words = words[1:]
		}
		if len(words) == 0 || words[0] != "mptcpctl" && words[0] != multipathName {
			continue
		}
		if words[0] == "mptcpctl" {
			words = words[1:]
		}
		root := newRootCmd(streams{}, "")
		root.InitDefaultHelpCmd()
		c, rest, err := root.Find(words)
		if err != nil {
			return err
		}
		c.InitDefaultHelpFlag()
		c.InitDefaultVersionFlag()
		if err := c.ParseFlags(rest); err != nil {
			return err
		}
		if err := c.ValidateArgs(c.Flags().Args()); err != nil {
			return err
		}
	}
	return nil
}

// The help fits a terminal of 80 columns, and ends with the global flags.
func TestHelpFitsATerminalAndEndsWithTheGlobalFlags(t *testing.T) {
	root := newRootCmd(streams{}, "")
	for _, c := range shownCommands(root) {
		var b bytes.Buffer
		c.SetOut(&b)
		if err := c.Help(); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			if len(line) > lineWidth+len("\n") {
				t.Errorf("%s: longer than %d columns: %q", c.CommandPath(), lineWidth, line)
			}
		}
		_, last, found := strings.Cut(b.String(), "\nGlobal Flags:\n")
		if c == root {
			_, last, found = strings.Cut(b.String(), "\nFlags:\n")
		}
		last, _, _ = strings.Cut(last, "\nUse \"")
		for line := range strings.Lines(last) {
			found = found && (line == "\n" || strings.Contains(line, "--"))
		}
		if !found || !strings.Contains(last, "--config-dir") {
			t.Errorf("%s: the help does not end with the global flags:\n%s", c.CommandPath(), &b)
		}
	}
}
