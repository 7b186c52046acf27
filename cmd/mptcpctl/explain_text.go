// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mptcpctl/mptcpctl/pkg/explain"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// maxRoutes is the number of routes that are printed of a table.
const maxRoutes = 20

// text is the explanation as people read it.
func (e *explanation) text() string {
	var b strings.Builder
	for _, l := range e.Lines {
		explainLineText(&b, l)
	}
	for _, n := range e.Notes {
		b.WriteString(n + "\n")
	}
	for i := range e.Tables {
		explainTableText(&b, &e.Tables[i])
	}
	for i := range e.Proofs {
		p := &e.Proofs[i]
		fmt.Fprintf(&b, "\n%s, %s, to %s:\n", p.Family.Name(), p.Packet, p.Query.Dst)
		for _, s := range p.Steps {
			fmt.Fprintf(&b, "  %-11s  %s\n", s.Outcome, s.Rule)
		}
		if p.Wrong {
			fmt.Fprintf(&b, "  %s\n", p.Verdict())
		} else {
			fmt.Fprintf(&b, "  %s: %s\n", p.AnswerText(), p.Verdict())
		}
	}
	if n := len(e.Result.Ops); n > 0 && !e.Config.Hidden {
		fmt.Fprintf(&b, "\npending changes: %d (applied by mptcpctl apply)\n", n)
	}
	return strings.TrimPrefix(b.String(), "\n")
}

func explainLineText(b *strings.Builder, l explain.Line) {
	device := "no device"
	if l.Device != "" {
		device = "device " + l.Device
	}
	fmt.Fprintf(b, "%s: %s, mode %s (%s)\n", l.Name, device, modeText(l.Interface), l.ModeReason)
	for _, f := range plan.Families {
		if l.Participates() {
			fmt.Fprintf(b, "  %s: table %d (%s)\n", f.Name(), l.Tables[f], l.TableReasons[f])
		} else {
			fmt.Fprintf(b, "  %s: no table\n", f.Name())
		}
		u := &l.Use[f]
		words := []string{string(u.Reason)}
		for _, p := range append(slices.Clip(u.Addresses), u.Prefixes...) {
			words = append(words, p.String())
		}
		if u.Gateway.IsValid() {
			words = append(words, "gateway "+u.Gateway.String())
		}
		fmt.Fprintf(b, "        %s\n", strings.Join(words, ", "))
		if u.Health.Source != "" {
			fmt.Fprintf(b, "        %s\n", healthText(&u.Health))
		}
	}
}

func explainTableText(b *strings.Builder, t *explain.Table) {
	name := t.Family.Name()
	switch {
	case explain.Known(t.Number) != "":
		fmt.Fprintf(b, "%s:\n", name)
	case len(t.Owners) == 0:
		fmt.Fprintf(b, "%s: table %d belongs to no line\n", name, t.Number)
	}
	for _, l := range t.Owners {
		fmt.Fprintf(b, "%s: table %d of %s (%s): %s\n", name, t.Number, l.Name, l.TableReasons[t.Family], l.Use[t.Family].Reason)
	}
	if len(t.Rules)+len(t.Routes) == 0 {
		b.WriteString("  empty, and no rule refers to it\n")
	}
	for _, r := range t.Rules {
		fmt.Fprintf(b, "  rule   %s\n", r)
	}
	for i, r := range t.Routes {
		if i == maxRoutes {
			fmt.Fprintf(b, "  and %d more routes\n", t.Count-maxRoutes)
			break
		}
		fmt.Fprintf(b, "  route  %s\n", r)
	}
}
