// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"

	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// shownLines are the interfaces that words of the command line name, in the order
// of the configuration; without words, all that have a mode.
func shownLines(lines []plan.LineUse, words []string) ([]*plan.LineUse, error) {
	var names []string
	for _, word := range words {
		some, err := namedLines(linesOf(lines), word)
		if err != nil {
			return nil, err
		}
		names = append(names, some...)
	}
	var shown []*plan.LineUse
	for i := range lines {
		if l := &lines[i]; slices.Contains(names, l.Name) || len(words) == 0 && !l.Unmanaged() {
			shown = append(shown, l)
		}
	}
	return shown, nil
}
