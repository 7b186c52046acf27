// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/valyala/fastjson"

	"github.com/mptcpctl/mptcpctl/pkg/explain"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// json is what explain --json prints: "argument", "ok" (no lookup is wrong),
// "pending" (the number of operations that apply would do), "notes", "interfaces",
// "tables" and "lookups". An interface has "interface", "device", "mode",
// "mode_reason" and by family "table", "table_reason", "usable", "state",
// "addresses" and "gateway". A table has "family", "table", "interfaces", "rules",
// "routes", of a long table the first ten thousand, and "route_count". A lookup has
// "family", "packet", "source", "destination", "bound_to", "arrives_on", "rules"
// (each "rule" with its "outcome"), "device", "gateway", "table" (0: no route was
// found), "route", "refused", "expected_device" and "expected_gateway", "verdict"
// ("ok", "wrong" or "none") and "text".
func (e *explanation) json(argument string) *fastjson.Value {
	a := &fastjson.Arena{}
	doc := a.NewObject()
	doc.Set("argument", a.NewString(argument))
	doc.Set("ok", jsonBool(a, !e.Wrong()))
	doc.Set("pending", pendingJSON(a, e.Config, e.Result.Ops))
	doc.Set("notes", jsonStrings(a, e.Notes))
	lines, tables, lookups := a.NewArray(), a.NewArray(), a.NewArray()
	for i, l := range e.Lines {
		lines.SetArrayItem(i, explainLineJSON(a, l))
	}
	for i, t := range e.Tables {
		item := a.NewObject()
		var owners, rules, routes []string
		for _, l := range t.Owners {
			owners = append(owners, l.Name)
		}
		for _, r := range t.Rules {
			rules = append(rules, r.String())
		}
		for _, r := range t.Routes {
			routes = append(routes, r.String())
		}
		item.Set("family", a.NewString(t.Family.String()))
		item.Set("table", a.NewNumberString(uintText(t.Number)))
		item.Set("interfaces", jsonStrings(a, owners))
		item.Set("rules", jsonStrings(a, rules))
		item.Set("routes", jsonStrings(a, routes))
		item.Set("route_count", a.NewNumberInt(t.Count))
		tables.SetArrayItem(i, item)
	}
	for i := range e.Proofs {
		lookups.SetArrayItem(i, proofJSON(a, &e.Proofs[i]))
	}
	doc.Set("interfaces", lines)
	doc.Set("tables", tables)
	doc.Set("lookups", lookups)
	return doc
}

func explainLineJSON(a *fastjson.Arena, l explain.Line) *fastjson.Value {
	item := a.NewObject()
	item.Set("interface", a.NewString(l.Name))
	item.Set("device", a.NewString(l.Device))
	item.Set("mode", a.NewString(l.Mode.String()))
	item.Set("mode_reason", a.NewString(l.ModeReason))
	for _, f := range plan.Families {
		u, one := &l.Use[f], a.NewObject()
		if l.Participates() {
			one.Set("table", a.NewNumberString(uintText(l.Tables[f])))
			one.Set("table_reason", a.NewString(l.TableReasons[f]))
		}
		one.Set("usable", jsonBool(a, u.Usable))
		one.Set("state", a.NewString(string(u.Reason)))
		var addresses []string
		for _, p := range u.Addresses {
			addresses = append(addresses, p.String())
		}
		one.Set("addresses", jsonStrings(a, addresses))
		one.Set("gateway", a.NewString(addrText(u.Gateway)))
		if u.Health.Source != "" {
			one.Set("health", healthJSON(a, &u.Health))
		}
		item.Set(f.String(), one)
	}
	return item
}
