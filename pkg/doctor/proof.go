// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/mptcpctl/mptcpctl/pkg/explain"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// proof compares the routes that packets take with those that they should take,
// in one family. What they should take follows from netifd, the configuration and
// foreign rules alone, not from the plan, which may be wrong.
type proof struct {
	*examination
	family plan.Family
	rules  []explain.AnyRule
	// remote is where the packets go to: the only routes to it are those that
	// lead everywhere.
	remote netip.Addr
	lines  []provedLine
	// outside is the device of a default route that is no line's, in the main table;
	// halves: in two halves.
	outside string
	halves  bool
	// inMain says that one of the lines has a default route in the main table.
	inMain bool
	// many is the device of a VPN that has many routes in the place of a default one.
	many string
	// reported are the findings by the line and what is wanted, so that one stands for all
	// of a kind.
	reported map[string]bool
}

// outcome proves both families. A question that the kernel does not take is told.
func (e *examination) outcome() {
	if e.Router == nil {
		return
	}
	for _, f := range plan.Families {
		p := proof{examination: e, family: f, reported: make(map[string]bool)}
		for i := range e.Rules[f] {
			p.rules = append(p.rules, e.Rules[f][i].AnyRule)
		}
		err := p.prove()
		if err == nil {
			continue
		}
		if text := "routes, " + f.Name() + ": " + err.Error(); !slices.Contains(e.Unchecked, text) {
			e.Unchecked = append(e.Unchecked, text)
		}
	}
}

func (p *proof) prove() (err error) {
	if p.remote, err = explain.RemoteAddr(p.Router, p.family); err != nil {
		return err
	}
	if p.lines, err = p.usable(); err != nil {
		return err
	}
	for i := range p.lines {
		l := &p.lines[i]
		right := func(q explain.Query, a explain.Answer) bool {
			return l.carries(a) || a.Matched.Bits() > plan.DefaultLikeBits && p.isUplink(a.Device) || p.ruleBefore(q, l)
		}
		if err := p.ownSources(l, p.remote, l.Device, right); err != nil {
			return err
		}
		if err := p.localNetworks(l); err != nil {
			return err
		}
	}
	return p.forwarded()
}

// ownSources proves that what has one of a line's addresses leaves by a device, or in
// another way that is right.
func (p *proof) ownSources(l *provedLine, to netip.Addr, device string, right func(explain.Query, explain.Answer) bool) error {
	for _, source := range l.sources {
		q := explain.Query{Src: source, Dst: to}
		a, err := p.Router.Lookup(q)
		if err != nil {
			return err
		}
		if !right(q, a) {
			p.report(WrongLine, l.Name, "packets from its address "+source.String(), "leave over "+device, q, a)
		}
	}
	return nil
}

// ruleBefore reports whether a foreign rule takes packets of a line away: that is
// a finding already.
func (p *proof) ruleBefore(q explain.Query, l *provedLine) bool {
	for i := range p.Rules[p.family] {
		if r := &p.Rules[p.family][i]; !r.managed() && r.Priority <= plan.LastSteering && r.decides(q) && p.diverts(i, l.LineUse, p.family) {
			return true
		}
	}
	return false
}

// ownsAddress reports whether a line is the first of those that have an address.
func (p *proof) ownsAddress(l *plan.LineUse, source netip.Addr) bool {
	var first *plan.LineUse
	for _, o := range p.participants() {
		if u := &o.Use[p.family]; (o == l || u.Usable && u.Holds(source)) && (first == nil || o.Mode.Claims() < first.Mode.Claims()) {
			first = o
		}
	}
	return first == l
}

// report adds a finding about a packet, unless there is one like it.
func (p *proof) report(id ID, line, packet, wanted string, q explain.Query, a explain.Answer) {
	key := fmt.Sprint(id, line, wanted, q.Mark)
	for i := range p.Routes {
		if r := &p.Routes[i]; a.Refused != 0 && r.Family == p.family && refusing(r.Type) != "" {
			return // that is a finding already
		}
	}
	if p.reported[key] {
		return
	}
	p.reported[key] = true
	if strings.HasSuffix(wanted, " over "+a.Device) {
		wanted += " via its gateway"
	}
	got := "are refused"
	if a.Refused == 0 {
		got = strings.Replace(explain.Way{Device: a.Device, Gateway: a.Gateway}.String(), "dev", "leave over", 1)
	}
	rule := p.winner(q, a)
	if rule != nil {
		got += " (rule " + rule.String() + ")"
	}
	fix := "mptcpctl explain " + q.Dst.String()
	switch {
	case len(p.Result.Ops) > 0:
		fix = "mptcpctl apply"
	case a.Matched.Bits() > plan.DefaultLikeBits && (q.Dst == p.remote || a.Device == p.many):
		fix = "# give " + a.Device + " one default route in place of its many routes"
	case foreign(rule) && rule.MoreSelectors:
		fix = fmt.Sprintf("# move the rule at priority %d after those of the lines", rule.Priority)
	case foreign(rule):
		fix = fmt.Sprintf("%srule del pref %d %s", ip(p.family), rule.Priority, (&Rule{AnyRule: *rule}).text())
	}
	p.add(id, line, fmt.Sprintf("%s to %s should %s, but %s", packet, q.Dst, wanted, got), fix)
}

// winner is the rule that has decided about a packet; nil: it cannot be told.
func (p *proof) winner(q explain.Query, a explain.Answer) *explain.AnyRule {
	steps := explain.Trace(p.rules, q, a)
	if n := len(steps); n > 0 && steps[n-1].Outcome == explain.Wins {
		return &steps[n-1].Rule
	}
	return nil
}

// protocolKernel marks the kernel's own rules (RTPROT_KERNEL,
// include/uapi/linux/rtnetlink.h).
const protocolKernel = 2

func foreign(r *explain.AnyRule) bool {
	return r != nil && r.Protocol != plan.Protocol && r.Protocol != protocolKernel
}
