// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// statusText is two or three lines for every line and family, and below them
// what concerns all.
func statusText(v *view) string {
	var rows, notes []string
	for i := range v.result.Lines {
		l := &v.result.Lines[i]
		if !l.HasMode() && !l.Frozen {
			continue
		}
		for _, f := range shownFamilies(l) {
			u := &l.Use[f]
			state, note := stateText(u)
			rows = append(rows, fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s", l.Name, dash(l.Device), modeText(l.Interface),
				tableText(l, f), subflowsText(&v.state, u), state))
			notes = append(notes, indented(pathText(v, l, f))+indented(note))
		}
	}
	var b strings.Builder
	for i, row := range aligned("INTERFACE\tDEVICE\tMODE\tTABLE\tSUBFLOWS\tSTATE", rows) {
		b.WriteString(row)
		if i > 0 {
			b.WriteString(notes[i-1])
		}
	}
	return b.String() + "\n" + summary(v)
}

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

// width is that of a terminal that nobody has widened; indent is where what
// belongs to a line begins below it.
const (
	width  = 80
	indent = "           "
)

// indented is text below a line, broken at commas and gateways that do not fit.
func indented(text string) string {
	if text == "" {
		return ""
	}
	var b strings.Builder
	column := 0
	for word := range strings.SplitSeq(text, " ") {
		if column > 0 && column+1+len(word) > width-len(indent) {
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

// shownFamilies are those of which a line has anything; IPv4 when it has
// nothing at all.
func shownFamilies(l *plan.LineUse) []plan.Family {
	var families []plan.Family
	for _, f := range plan.Families {
		if u := &l.Use[f]; u.Usable || len(u.Addresses) > 0 || len(u.Prefixes) > 0 {
			families = append(families, f)
		}
	}
	if len(families) == 0 {
		families = append(families, plan.IPv4)
	}
	return families
}

func tableText(l *plan.LineUse, f plan.Family) string {
	if !l.Participates() {
		return "-"
	}
	return uintText(l.Tables[f])
}

func addrText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// pathText is how packets of a line leave, and its endpoints.
func pathText(v *view, l *plan.LineUse, f plan.Family) string {
	u := &l.Use[f]
	var words []string
	for _, p := range slices.Concat(u.Addresses, u.Prefixes) {
		words = append(words, p.String())
	}
	if u.Gateway.IsValid() {
		words = append(words, "via "+u.Gateway.String())
	}
	text := strings.Join(words, " ")
	for _, e := range v.result.Endpoints {
		if e.Interface == l.Name && plan.FamilyOf(e.Addr) == f {
			text += fmt.Sprintf(", endpoint %d %s", e.ID, e.Flags)
		}
	}
	return strings.TrimPrefix(text, ", ")
}

// subflowsText counts the established subflows of a line; "?" where the kernel
// cannot list them.
func subflowsText(s *plan.State, u *plan.Use) string {
	if !s.SubflowsKnown {
		return "?"
	}
	return fmt.Sprint(countSubflows(s, u))
}

func countSubflows(s *plan.State, u *plan.Use) int {
	n := 0
	for _, subflow := range s.Subflows {
		if slices.ContainsFunc(u.Addresses, func(p netip.Prefix) bool { return p.Addr() == subflow.Local }) {
			n++
		}
	}
	return n
}

// longestState is the longest reason that stands in the table.
const longestState = 16

// stateText is the state in a word or two, and the rest of what is to be said.
func stateText(u *plan.Use) (state, note string) {
	state = string(u.Reason)
	if len(state) > longestState {
		state, note = "not used", state
	}
	if u.NoEndpoint != "" {
		state, note = "no endpoint", u.NoEndpoint
	}
	return state, note
}

// summary are the lines below the table.
func summary(v *view) string {
	var b strings.Builder
	if !v.cfg.Globals.Multipath {
		b.WriteString("multipath is switched off (option multipath of the section globals)\n")
	} else {
		for _, f := range plan.Families {
			fmt.Fprintf(&b, "default route, %s: %s\n", f, listText(v, f))
		}
	}
	fmt.Fprintf(&b, "limits: %d subflows, %d announced addresses\n", v.state.Limits.Subflows, v.state.Limits.AddAddrAccepted)
	for _, e := range v.result.Endpoints {
		if !e.Own {
			fmt.Fprintf(&b, "endpoint of somebody else: %s id %d %s\n", e.Addr, e.ID, e.Flags)
		}
	}
	for _, w := range v.result.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", w)
	}
	if n := len(v.result.Ops); n > 0 {
		fmt.Fprintf(&b, "%d changes are pending: mptcpctl plan shows them, mptcpctl apply makes them\n", n)
	}
	return b.String()
}

func listText(v *view, f plan.Family) string {
	if v.result.NoList[f] != "" {
		return "left to the main table: " + v.result.NoList[f]
	}
	return strings.Join(v.result.MasterList[f], ", then ")
}
