// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// TestEveryCommandHasAManPage makes the man pages, in the directory that MAN_DIR
// names where it is set ("make man"): the generator is too large to be shipped.
func TestEveryCommandHasAManPage(t *testing.T) {
	dir := cmp.Or(os.Getenv("MAN_DIR"), t.TempDir())
	root := newRootCmd(streams{}, "")
	root.DisableAutoGenTag = true
	header := &doc.GenManHeader{Title: "MPTCPCTL", Section: "8", Source: "mptcpctl", Manual: "System administration"}
	if err := doc.GenManTree(root, header, dir); err != nil {
		t.Fatal(err)
	}
	for _, c := range append(root.Commands(), root) {
		if c.Hidden || c.Name() == "help" {
			continue
		}
		page, err := os.ReadFile(filepath.Join(dir, strings.ReplaceAll(c.CommandPath(), " ", "-")+".8"))
		if err != nil {
			t.Error(err)
			continue
		}
		if long := firstWords(c); !strings.Contains(string(page), long) {
			t.Errorf("the page of %q does not say %q", c.CommandPath(), long)
		}
	}
}

// firstWords is how the description of a command begins, of letters only so that
// no markup is in it.
func firstWords(c *cobra.Command) string {
	text, _, _ := strings.Cut(c.Short, ":")
	text, _, _ = strings.Cut(text, "-")
	return strings.TrimSpace(text)
}
