// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// aligned are the heading and the rows, tabs between their columns, as lines of
// a table.
func aligned(heading string, rows []string) []string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, heading)
	for _, row := range rows {
		fmt.Fprintln(w, row)
	}
	_ = w.Flush() // a strings.Builder takes everything
	lines := strings.SplitAfter(b.String(), "\n")
	return lines[:len(lines)-1]
}

// lineWidth is the usual width of a terminal, at which text is broken; indent is
// the margin of the text below a row of a table.
const (
	lineWidth = 80
	indent    = "           "
)

// indented is text below a row, broken at spaces where it does not fit.
func indented(text string) string {
	if text == "" {
		return ""
	}
	var b strings.Builder
	column := 0
	for _, word := range strings.Split(text, " ") {
		if column > 0 && column+1+len(word) > lineWidth-len(indent) {
			b.WriteString("\n")
			column = 0
		}
		if column == 0 {
			b.WriteString(indent)
		} else {
			b.WriteString(" ")
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String() + "\n"
}
