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

// printStatus is a table of the lines and what concerns all of them.
func (o *options) printStatus(v *view) error {
	w := tabwriter.NewWriter(o.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "INTERFACE\tDEVICE\tMODE\tTABLE\tGATEWAY\tADDRESS\tENDPOINT\tSUBFLOWS\tSTATE")
	for i := range v.result.Lines {
		l := &v.result.Lines[i]
		if !l.HasMode() && !l.Frozen {
			continue
		}
		for _, f := range shownFamilies(l) {
			u := &l.Use[f]
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", l.Name, dash(l.Device), modeText(l.Interface), tableText(l, f),
				dash(addrText(u.Gateway)), dash(addressesText(u)), dash(endpointText(v, l, f)), subflowsText(&v.state, u), stateText(u))
		}
	}
	if err := w.Flush(); err != nil {
		return wrapFailed("writing the output", err)
	}
	return o.printf("\n%s", summary(v))
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

func addressesText(u *plan.Use) string {
	var words []string
	for _, p := range slices.Concat(u.Addresses, u.Prefixes) {
		words = append(words, p.String())
	}
	return strings.Join(words, " ")
}

func endpointText(v *view, l *plan.LineUse, f plan.Family) string {
	var words []string
	for _, e := range v.result.Endpoints {
		if e.Interface == l.Name && plan.FamilyOf(e.Addr) == f {
			words = append(words, fmt.Sprintf("id %d %s", e.ID, e.Flags))
		}
	}
	return strings.Join(words, ", ")
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

func stateText(u *plan.Use) string {
	if u.NoEndpoint != "" {
		return string(u.Reason) + ", no endpoint: " + u.NoEndpoint
	}
	return string(u.Reason)
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
