// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"

	"github.com/mptcpctl/mptcpctl/pkg/kernel"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// tableStory is one table in one family.
type tableStory struct {
	family plan.Family
	table  uint32
	owners []*plan.LineUse
	routes []string // the first of them
	count  int      // of all routes
	rules  []string
}

// knownTable says what a number means of itself.
func knownTable(table uint32) string {
	switch table {
	case 1:
		return "no line ever gets it: it is for the user's VPN"
	case 253:
		return "the kernel's table default: asked last, usually empty"
	case plan.Main:
		return "the kernel's table main: netifd keeps the routes of all interfaces in it"
	case 255:
		return "the kernel's table local: the addresses of this machine"
	}
	return ""
}

// maxRoutes bounds what is printed of a table.
const maxRoutes = 20

func (e *explanation) explainTable(table uint32) error {
	if known := knownTable(table); known != "" {
		e.notes = append(e.notes, known)
	}
	for _, f := range plan.Families {
		s := tableStory{family: f, table: table}
		for i := range e.result.Lines {
			if l := &e.result.Lines[i]; l.Participates() && l.Tables[f] == table {
				s.owners = append(s.owners, l)
			}
		}
		routes, count, err := e.k.TableRoutes(f, table)
		if err != nil {
			return wrapFailed("reading the table", err)
		}
		s.count = count
		for _, r := range routes {
			s.routes = append(s.routes, routeText(r.Route)+fmt.Sprintf(" proto %d", r.Protocol))
		}
		for _, r := range e.rules[f] {
			if r.Action == kernel.ActionLookup && r.Table == table {
				s.rules = append(s.rules, r.String())
			}
		}
		e.tables = append(e.tables, s)
	}
	return nil
}

// routeText is a route without what is plain from its table.
func routeText(r plan.Route) string {
	text, _, _ := strings.Cut(r.String(), " table ")
	return text
}
