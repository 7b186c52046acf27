// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/valyala/fastjson"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
	"github.com/mptcpctl/mptcpctl/pkg/reconcile"
)

// statusJSON is what status --json prints: "enabled", "path_manager" ("kernel",
// "missing" or "other"), "interfaces" (those that are shown; "frozen" ones have an
// invalid value), "master_list", "no_master_list", "endpoints", "limits", "warnings" and
// "pending", the number of operations that apply would do, null for who cannot tell. An interface has
// "subflows" by family only where the kernel can list them, and
// "out_bits_per_second" and "in_bits_per_second" where they were measured, and "rtt_us"
// where it has a subflow.
func statusJSON(seen *reconcile.Observation, shown []*plan.LineUse, t *lineTraffic) *fastjson.Value {
	a := &fastjson.Arena{}
	doc := a.NewObject()
	doc.Set("enabled", jsonBool(a, seen.Config.Globals.Multipath))
	doc.Set("path_manager", a.NewString(seen.State.PathManager.String()))
	lines := a.NewArray()
	for i, l := range shown {
		lines.SetArrayItem(i, lineJSON(a, &seen.State, t, l))
	}
	doc.Set("interfaces", lines)
	list, reasons := a.NewObject(), a.NewObject()
	for _, f := range plan.Families {
		list.Set(f.String(), jsonStrings(a, seen.Result.MasterList[f]))
		reasons.Set(f.String(), a.NewString(seen.Result.NoList[f]))
	}
	doc.Set("master_list", list)
	doc.Set("no_master_list", reasons)
	endpoints := a.NewArray()
	for i, e := range seen.Result.Endpoints {
		endpoints.SetArrayItem(i, endpointJSON(a, e))
	}
	doc.Set("endpoints", endpoints)
	limits := a.NewObject()
	limits.Set("subflows", a.NewNumberInt(int(seen.State.Limits.Subflows)))
	limits.Set("add_addr_accepted", a.NewNumberInt(int(seen.State.Limits.AddAddrAccepted)))
	doc.Set("limits", limits)
	doc.Set("warnings", jsonStrings(a, seen.Result.Warnings))
	doc.Set("pending", pendingJSON(a, &seen.Config, seen.Result.Ops))
	return doc
}

// pendingJSON is how many operations apply would do, null where that cannot be told.
func pendingJSON(a *fastjson.Arena, cfg *config.Config, ops []plan.Op) *fastjson.Value {
	if cfg.Hidden {
		return a.NewNull()
	}
	return a.NewNumberInt(len(ops))
}

func lineJSON(a *fastjson.Arena, s *plan.State, t *lineTraffic, l *plan.LineUse) *fastjson.Value {
	o := a.NewObject()
	o.Set("interface", a.NewString(l.Name))
	o.Set("device", a.NewString(l.Device))
	o.Set("mode", a.NewString(l.Mode.String()))
	o.Set("from", a.NewString(l.From))
	o.Set("frozen", jsonBool(a, l.Frozen))
	setSavedJSON(a, o, &l.Interface)
	for _, f := range plan.Families {
		o.Set(f.String(), useJSON(a, s, t, l, &l.Use[f]))
	}
	return o
}

func useJSON(a *fastjson.Arena, s *plan.State, t *lineTraffic, l *plan.LineUse, u *plan.Use) *fastjson.Value {
	o := a.NewObject()
	o.Set("usable", jsonBool(a, u.Usable))
	o.Set("state", a.NewString(string(u.Reason)))
	if l.Participates() {
		o.Set("table", a.NewNumberString(uintText(u.Table)))
	}
	o.Set("gateway", a.NewString(addrText(u.Gateway)))
	var addresses, prefixes []string
	for _, p := range u.Addresses {
		addresses = append(addresses, p.String())
	}
	for _, p := range u.Prefixes {
		prefixes = append(prefixes, p.String())
	}
	o.Set("addresses", jsonStrings(a, addresses))
	o.Set("prefixes", jsonStrings(a, prefixes))
	o.Set("no_endpoint", a.NewString(u.NoEndpoint))
	if u.Health.Source != "" {
		o.Set("health", healthJSON(a, &u.Health))
	}
	if s.SubflowsKnown {
		o.Set("subflows", a.NewNumberInt(countSubflows(s, u)))
	}
	if rtt := t.roundTrip(u); rtt > 0 {
		o.Set("rtt_us", a.NewNumberInt(int(rtt.Microseconds())))
	}
	if rate, known := t.of(u); known {
		o.Set("out_bits_per_second", a.NewNumberString(uint64Text(rate.sent)))
		o.Set("in_bits_per_second", a.NewNumberString(uint64Text(rate.received)))
	}
	return o
}

func endpointJSON(a *fastjson.Arena, e plan.EndpointUse) *fastjson.Value {
	o := a.NewObject()
	o.Set("id", a.NewNumberInt(int(e.ID)))
	o.Set("address", a.NewString(e.Addr.String()))
	o.Set("port", a.NewNumberInt(int(e.Port)))
	o.Set("flags", a.NewString(e.Flags.String()))
	o.Set("device", a.NewString(e.Device))
	o.Set("own", jsonBool(a, e.Own))
	o.Set("interface", a.NewString(e.Interface))
	return o
}
