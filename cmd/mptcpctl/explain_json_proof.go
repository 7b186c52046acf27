// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/netip"

	"github.com/valyala/fastjson"

	"github.com/mptcpctl/mptcpctl/pkg/explain"
)

// proofJSON is a member of "lookups".
func proofJSON(a *fastjson.Arena, p *explain.Proof) *fastjson.Value {
	item, steps := a.NewObject(), a.NewArray()
	for i, s := range p.Steps {
		step := a.NewObject()
		step.Set("rule", a.NewString(s.Rule.String()))
		step.Set("outcome", a.NewString(string(s.Outcome)))
		steps.SetArrayItem(i, step)
	}
	verdict, matched, refused := "ok", "", ""
	switch {
	case p.NotChecked != "":
		verdict = "none"
	case p.Wrong:
		verdict = "wrong"
	}
	if p.Answer.Matched != (netip.Prefix{}) {
		matched = p.Answer.Matched.String()
	}
	if p.Answer.Refused != 0 {
		refused = p.Answer.Refused.Error()
	}
	for _, pair := range [][2]string{
		{"family", p.Family.String()}, {"packet", p.Packet}, {"source", addrText(p.Query.Src)}, {"destination", p.Query.Dst.String()},
		{"bound_to", p.Query.OIF}, {"arrives_on", p.Query.IIF}, {"device", p.Answer.Device}, {"gateway", addrText(p.Answer.Gateway)},
		{"route", matched}, {"refused", refused}, {"expected_device", p.Want.Device}, {"expected_gateway", addrText(p.Want.Gateway)},
		{"verdict", verdict}, {"text", p.Verdict()},
	} {
		item.Set(pair[0], a.NewString(pair[1]))
	}
	item.Set("table", a.NewNumberString(uintText(p.Answer.Table)))
	item.Set("rules", steps)
	return item
}
