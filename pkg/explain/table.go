// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"

	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// Table is one routing table in one family.
type Table struct {
	Family plan.Family
	Number uint32
	// Owners are the lines that have it.
	Owners []Line
	// Routes are the first of its routes, Count the number of all.
	Routes []AnyRoute
	Count  int
	// Rules are those that look it up.
	Rules []AnyRule
}

// Known says what a table is that has a meaning of its own; empty: none.
func Known(table uint32) string {
	switch table {
	case 1:
		return "never assigned to a line: it is for the user's VPN"
	case tableDefault:
		return "the kernel's table default: looked up last, usually empty"
	case plan.Main:
		return "the kernel's table main: netifd keeps the routes of all interfaces in it"
	case tableLocal:
		return "the kernel's table local: the addresses of this machine"
	}
	return ""
}

// Table explains a table: whose it is, what it holds, and what leads there.
func (e *Explanation) Table(number uint32) error {
	if known := Known(number); known != "" {
		e.Notes = append(e.Notes, known)
	}
	for _, f := range plan.Families {
		t := Table{Family: f, Number: number}
		for i := range e.Result.Lines {
			if l := &e.Result.Lines[i]; l.Participates() && l.Tables[f] == number {
				t.Owners = append(t.Owners, e.line(l))
			}
		}
		var err error
		if t.Routes, t.Count, err = e.Router.TableRoutes(f, number); err != nil {
			return fmt.Errorf("reading the table: %w", err)
		}
		for _, r := range e.Rules[f] {
			if r.Action == ActionLookup && r.Table == number {
				t.Rules = append(t.Rules, r)
			}
		}
		e.Tables = append(e.Tables, t)
	}
	return nil
}
