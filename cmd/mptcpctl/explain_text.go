// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// text is the explanation for people.
func (e *explanation) text() string {
	var b strings.Builder
	for _, l := range e.lines {
		e.lineText(&b, l)
	}
	for _, n := range e.notes {
		b.WriteString(n + "\n")
	}
	for i := range e.tables {
		e.tableText(&b, &e.tables[i])
	}
	for i := range e.proofs {
		p := &e.proofs[i]
		fmt.Fprintf(&b, "\n%s, %s, to %s:\n", p.family.Name(), p.what, p.query.Dst)
		for _, s := range p.steps {
			fmt.Fprintf(&b, "  %-11s  %s\n", s.Outcome, s.Rule)
		}
		if p.wrong {
			fmt.Fprintf(&b, "  %s\n", p.verdict())
		} else {
			fmt.Fprintf(&b, "  %s: %s\n", p.answerText(), p.verdict())
		}
	}
	if n := len(e.result.Ops); n > 0 {
		fmt.Fprintf(&b, "\n%d changes are pending: mptcpctl apply makes them\n", n)
	}
	return strings.TrimPrefix(b.String(), "\n")
}

func (e *explanation) lineText(b *strings.Builder, l *plan.LineUse) {
	device := "no device"
	if l.Device != "" {
		device = "device " + l.Device
	}
	fmt.Fprintf(b, "%s: %s, mode %s (%s)\n", l.Name, device, modeText(l.Interface), e.modeReason(l))
	for _, f := range plan.Families {
		if l.Participates() {
			fmt.Fprintf(b, "  %s: table %d (%s)\n", f.Name(), l.Tables[f], e.tableReason(&l.Line, f))
		} else {
			fmt.Fprintf(b, "  %s: no table\n", f.Name())
		}
		u := &l.Use[f]
		words := []string{string(u.Reason)}
		for _, p := range slices.Concat(u.Addresses, u.Prefixes) {
			words = append(words, p.String())
		}
		if u.Gateway.IsValid() {
			words = append(words, "gateway "+u.Gateway.String())
		}
		fmt.Fprintf(b, "        %s\n", strings.Join(words, ", "))
	}
}

func (e *explanation) tableText(b *strings.Builder, s *tableStory) {
	name := s.family.Name()
	switch {
	case knownTable(s.table) != "":
		fmt.Fprintf(b, "%s:\n", name)
	case len(s.owners) == 0:
		fmt.Fprintf(b, "%s: table %d belongs to no line\n", name, s.table)
	}
	for _, l := range s.owners {
		fmt.Fprintf(b, "%s: table %d of %s (%s): %s\n", name, s.table, l.Name, e.tableReason(&l.Line, s.family), l.Use[s.family].Reason)
	}
	if len(s.rules)+len(s.routes) == 0 {
		b.WriteString("  empty, and no rule leads there\n")
	}
	for _, r := range s.rules {
		fmt.Fprintf(b, "  rule   %s\n", r)
	}
	for i, r := range s.routes {
		if i == maxRoutes {
			fmt.Fprintf(b, "  and %d more routes\n", s.count-maxRoutes)
			break
		}
		fmt.Fprintf(b, "  route  %s\n", r)
	}
}
