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
	// far is where the packets go to: nobody has a route to it but those that
	// lead everywhere.
	far   netip.Addr
	lines []provedLine
	// outside is the device of a default route that is no line's, in the main table;
	// halves: in two halves.
	outside string
	halves  bool
	// told are the findings by what is wanted, so that one stands for all
	// of a kind.
	told map[string]bool
}

// outcome proves both families. A question that the kernel does not take is told.
func (e *examination) outcome() {
	if e.Router == nil {
		return
	}
	for _, f := range plan.Families {
		p := proof{examination: e, family: f, told: make(map[string]bool)}
		for i := range e.Rules[f] {
			p.rules = append(p.rules, e.Rules[f][i].AnyRule)
		}
		err := p.prove()
		if err == nil {
			continue
		}
		if text := "routes, " + f.Name() + ": " + err.Error(); !slices.Contains(e.Unseen, text) {
			e.Unseen = append(e.Unseen, text)
		}
	}
}

func (p *proof) prove() (err error) {
	if p.far, err = explain.FarAway(p.Router, p.family); err != nil {
		return err
	}
	if p.lines, err = p.usable(); err != nil {
		return err
	}
	for i := range p.lines {
		if err := p.ownSources(&p.lines[i]); err != nil {
			return err
		}
	}
	return p.forwarded()
}

// ownSources proves that what has one of a line's addresses leaves by the line.
func (p *proof) ownSources(l *provedLine) error {
	for _, source := range l.sources {
		q := explain.Query{Src: source, Dst: p.far}
		a, err := p.Router.Lookup(q)
		if err != nil {
			return err
		}
		if l.carries(a) || a.Matched.Bits() > explain.Everywhere[p.family] || p.ruleBefore(q, l) || p.shared(source, l) {
			continue
		}
		p.tell(WrongLine, l.Name, "packets from its address "+source.String(), "leave by "+l.Device, q, a)
	}
	return nil
}

// ruleBefore reports whether a foreign rule takes packets of a line away: that is
// a finding already.
func (p *proof) ruleBefore(q explain.Query, l *provedLine) bool {
	for i := range p.Rules[p.family] {
		if r := &p.Rules[p.family][i]; !r.ours() && r.Priority <= plan.PriorityDevice && r.catches(q) && p.takes(i, l.LineUse, p.family) {
			return true
		}
	}
	return false
}

// shared reports whether another line has the address too.
func (p *proof) shared(source netip.Addr, l *provedLine) bool {
	return slices.ContainsFunc(p.lines, func(o provedLine) bool { return o.Name != l.Name && slices.Contains(o.sources, source) })
}

// tell adds a finding about a packet, unless there is one like it.
func (p *proof) tell(id ID, line, packet, wanted string, q explain.Query, a explain.Answer) {
	key := fmt.Sprint(id, wanted, q.Mark)
	refusing := slices.ContainsFunc(p.Routes, func(r Route) bool { return r.Family == p.family && refusing[r.Type] != "" })
	if p.told[key] || refusing && a.Refused != 0 {
		return // that is a finding already
	}
	p.told[key] = true
	got := "are refused"
	if a.Refused == 0 {
		got = strings.Replace(explain.Way{Device: a.Device, Gateway: a.Gateway}.String(), "dev", "leave by", 1)
	}
	rule := p.winner(q, a)
	if rule != nil {
		got += " (rule " + rule.String() + ")"
	}
	mend := "mptcpctl explain " + p.far.String()
	switch {
	case len(p.Result.Ops) > 0:
		mend = "mptcpctl apply"
	case foreign(rule) && rule.Others:
		mend = fmt.Sprintf("# the rule of priority %d comes before those of the lines", rule.Priority)
	case foreign(rule):
		mend = "ip rule del pref " + fmt.Sprint(rule.Priority) + " " + (&Rule{AnyRule: *rule}).text()
		if p.family == plan.IPv6 {
			mend = "ip -6" + mend[len("ip"):]
		}
	}
	p.add(id, line, fmt.Sprintf("%s to %s should %s, but %s", packet, p.far, wanted, got), mend)
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
