// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/netip"

	"github.com/valyala/fastjson"

	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// json is what explain --json prints: "argument", "ok" (no lookup is wrong),
// "pending" (the number of operations that apply would do), "notes", "interfaces", "tables" and "lookups". An interface has "interface",
// "device", "mode", "mode_reason" and by family "table", "table_reason",
// "usable", "state", "addresses" and "gateway". A table has "family", "table",
// "interfaces", "rules", "routes", of a long table the first ten thousand, and
// "route_count". A lookup has "family", "packet",
// "source", "destination", "bound_to", "arrives_on", "rules" (each "rule" with
// its "outcome"), "device", "gateway", "table" (0: no route was found),
// "route", "refused", "expected_device" and "expected_gateway", "verdict"
// ("ok", "wrong" or "none") and "text".
func (e *explanation) json(argument string) *fastjson.Value {
	a := &fastjson.Arena{}
	doc := a.NewObject()
	doc.Set("argument", a.NewString(argument))
	doc.Set("ok", jsonBool(a, !e.wrong()))
	doc.Set("pending", a.NewNumberInt(len(e.result.Ops)))
	doc.Set("notes", jsonStrings(a, e.notes))
	lines, tables, lookups := a.NewArray(), a.NewArray(), a.NewArray()
	for i, l := range e.lines {
		lines.SetArrayItem(i, e.lineJSON(a, l))
	}
	for i, t := range e.tables {
		item := a.NewObject()
		var owners []string
		for _, l := range t.owners {
			owners = append(owners, l.Name)
		}
		item.Set("family", a.NewString(t.family.String()))
		item.Set("table", a.NewNumberString(uintText(t.table)))
		item.Set("interfaces", jsonStrings(a, owners))
		item.Set("rules", jsonStrings(a, t.rules))
		item.Set("routes", jsonStrings(a, t.routes))
		item.Set("route_count", a.NewNumberInt(t.count))
		tables.SetArrayItem(i, item)
	}
	for i := range e.proofs {
		lookups.SetArrayItem(i, e.proofs[i].json(a))
	}
	doc.Set("interfaces", lines)
	doc.Set("tables", tables)
	doc.Set("lookups", lookups)
	return doc
}

func (e *explanation) lineJSON(a *fastjson.Arena, l *plan.LineUse) *fastjson.Value {
	item := a.NewObject()
	item.Set("interface", a.NewString(l.Name))
	item.Set("device", a.NewString(l.Device))
	item.Set("mode", a.NewString(l.Mode.String()))
	item.Set("mode_reason", a.NewString(e.modeReason(l)))
	for _, f := range plan.Families {
		u, one := &l.Use[f], a.NewObject()
		if l.Participates() {
			one.Set("table", a.NewNumberString(uintText(l.Tables[f])))
			one.Set("table_reason", a.NewString(e.tableReason(&l.Line, f)))
		}
		one.Set("usable", jsonBool(a, u.Usable))
		one.Set("state", a.NewString(string(u.Reason)))
		var addresses []string
		for _, p := range u.Addresses {
			addresses = append(addresses, p.String())
		}
		one.Set("addresses", jsonStrings(a, addresses))
		one.Set("gateway", a.NewString(addrText(u.Gateway)))
		item.Set(f.String(), one)
	}
	return item
}

func (p *proof) json(a *fastjson.Arena) *fastjson.Value {
	item, steps := a.NewObject(), a.NewArray()
	for i, s := range p.steps {
		step := a.NewObject()
		step.Set("rule", a.NewString(s.Rule.String()))
		step.Set("outcome", a.NewString(string(s.Outcome)))
		steps.SetArrayItem(i, step)
	}
	verdict, matched, refused := "ok", "", ""
	switch {
	case p.free != "":
		verdict = "none"
	case p.wrong:
		verdict = "wrong"
	}
	if p.answer.Matched != (netip.Prefix{}) {
		matched = p.answer.Matched.String()
	}
	if p.answer.Refused != 0 {
		refused = p.answer.Refused.Error()
	}
	for _, pair := range [][2]string{
		{"family", p.family.String()}, {"packet", p.what}, {"source", addrText(p.query.Src)}, {"destination", p.query.Dst.String()},
		{"bound_to", p.query.OIF}, {"arrives_on", p.query.IIF}, {"device", p.answer.Device}, {"gateway", addrText(p.answer.Gateway)},
		{"route", matched}, {"refused", refused}, {"expected_device", p.want.device}, {"expected_gateway", addrText(p.want.gateway)},
		{"verdict", verdict}, {"text", p.verdict()},
	} {
		item.Set(pair[0], a.NewString(pair[1]))
	}
	item.Set("table", a.NewNumberString(uintText(p.answer.Table)))
	item.Set("rules", steps)
	return item
}
