// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/mptcpctl/mptcpctl/pkg/plan"
	"github.com/mptcpctl/mptcpctl/pkg/reconcile"
)

// statusText is two or three lines for every shown line and family, and below
// them what concerns all.
func statusText(seen *reconcile.Observation, shown []*plan.LineUse, t *lineTraffic) string {
	var rows, notes []string
	for _, l := range shown {
		for n, f := range shownFamilies(l) {
			u := &l.Use[f]
			state, note := stateText(u)
			rows = append(rows, fmt.Sprintf("%s\t%s\t%s\t%s\t%s%s\t%s", l.Name, dash(l.Device), modeText(l.Interface),
				tableText(l, f), subflowsText(&seen.State, u), rateColumns(t, u), state))
			choice := ""
			if text := choiceText(&l.Interface); n == 0 && text != "" {
				choice = modeText(l.Interface) + text
			}
			notes = append(notes, indented(choice)+indented(pathText(seen, l, f))+indented(note))
		}
	}
	var b strings.Builder
	for i, row := range aligned("INTERFACE\tDEVICE\tMODE\tTABLE\tSUBFLOWS\t  OUT\t   IN\tSTATE", rows) {
		b.WriteString(row)
		if i > 0 {
			b.WriteString(notes[i-1])
		}
	}
	return b.String() + "\n" + summary(seen)
}

// rateColumns are two right-aligned numbers.
func rateColumns(t *lineTraffic, u *plan.Use) string {
	rate, known := t.of(u)
	var b text
	for _, n := range []uint64{rate.sent, rate.received} {
		b.str("\t")
		start := len(b)
		if known {
			b.si(n)
		} else {
			b.str("-")
		}
		b.padLeft(start, rateWidth)
	}
	return string(b)
}

// rateWidth has room for every number of text.si.
const rateWidth = 5

// shownFamilies are the families in which a line is usable or has an address; if
// there is none, the one that it would have.
func shownFamilies(l *plan.LineUse) []plan.Family {
	var families []plan.Family
	for _, f := range plan.Families {
		if u := &l.Use[f]; u.Usable || len(u.Addresses) > 0 || len(u.Prefixes) > 0 {
			families = append(families, f)
		}
	}
	if len(families) > 0 {
		return families
	}
	if l.Has(plan.IPv6) && !l.Has(plan.IPv4) {
		return []plan.Family{plan.IPv6}
	}
	return []plan.Family{plan.IPv4}
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
func pathText(seen *reconcile.Observation, l *plan.LineUse, f plan.Family) string {
	u := &l.Use[f]
	var words []string
	for _, p := range append(slices.Clip(u.Addresses), u.Prefixes...) {
		words = append(words, p.String())
	}
	if u.Gateway.IsValid() {
		words = append(words, "via "+u.Gateway.String())
	}
	text := strings.Join(words, " ")
	for _, e := range seen.Result.Endpoints {
		if e.Interface == l.Name && plan.FamilyOf(e.Addr) == f {
			text += fmt.Sprintf(", endpoint %d %s", e.ID, e.Flags)
		}
	}
	return strings.TrimPrefix(text, ", ")
}
