// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"net/netip"
	"syscall"

	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// Way is where a packet should leave.
type Way struct {
	Device  string
	Gateway netip.Addr
}

// Proof is one packet, looked up by the kernel, and compared with what should
// become of it.
type Proof struct {
	// Packet says whose it is.
	Packet string
	Query  Query
	Want   Way
	// NotChecked says why any answer will do; empty: Want is expected.
	NotChecked string
	// Policy says that a foreign rule may decide about the packet: it is not one
	// of a line's own.
	Policy bool

	// The rest is what Ask finds out. Steps are the rules that the packet meets.
	Family plan.Family
	Answer Answer
	Steps  []Step
	// Wrong says that the answer is not the one that is wanted, Note why one
	// that differs is all right.
	Wrong bool
	Note  string
}

// Ask looks the packet up and judges the answer. rules are those of both
// families, in the order of evaluation.
func (p *Proof) Ask(k asker, rules *[2][]AnyRule) (err error) {
	p.Family, p.Wrong, p.Note = plan.FamilyOf(p.Query.Dst), false, ""
	if p.Answer, err = k.Lookup(p.Query); err != nil {
		return err
	}
	p.Steps = Trace(rules[p.Family], p.Query, p.Answer)
	if p.NotChecked == "" {
		p.check()
	}
	return nil
}

// kernelMain is the priority of the kernel's own rule for the main table
// (fib_default_rules_init in net/ipv4/fib_rules.c).
const kernelMain = 0x7ffe

// check compares. What is longer than a default route comes before the lines
// and is right: the managed rules that look into the main table are for that.
func (p *Proof) check() {
	winner := &Step{}
	if n := len(p.Steps); n > 0 && p.Steps[n-1].Outcome == Wins {
		winner = &p.Steps[n-1]
	}
	managed := winner.Rule.Protocol == plan.Protocol
	foreign := winner.Outcome != "" && !managed && winner.Rule.Priority < kernelMain
	switch {
	case p.Answer.Local():
		p.Note = "delivered to this router"
	case p.Answer.Type == typeBroadcast:
		p.Note = "a broadcast address: no TCP"
	case foreign && p.Policy:
		p.Note = "by a foreign rule"
	case p.Answer.Refused != 0:
		p.Wrong = true
	case managed && winner.Rule.Table == plan.Main && winner.Rule.Suppress >= 0:
		p.Note = "the main table's own route to " + p.Answer.Matched.String()
	case p.Answer.Device == p.Want.Device && (p.Answer.Gateway == p.Want.Gateway || managed && p.Answer.Matched.Bits() > 0):
	default:
		p.Wrong = true
	}
}

// Verdict is one word, and why.
func (p *Proof) Verdict() string {
	switch {
	case p.NotChecked != "":
		return "(" + p.NotChecked + ")"
	case p.Wrong:
		return "WRONG: expected " + p.Want.String() + ", got " + p.AnswerText()
	case p.Note != "":
		return "ok, " + p.Note
	}
	return "ok"
}

// String is the way as "ip route" prints one.
func (w Way) String() string {
	text := "dev " + w.Device
	if w.Gateway.IsValid() {
		text += " via " + w.Gateway.String()
	}
	return text
}

// AnswerText is the answer, the device first.
func (p *Proof) AnswerText() string {
	a := p.Answer
	switch {
	case a.Refused == syscall.ENETUNREACH || a.Refused == syscall.EHOSTUNREACH:
		return "unreachable"
	case a.Refused != 0:
		return "refused (" + a.Refused.Error() + ")"
	case a.Table == 0:
		return "dev " + a.Device + " on the link, no route"
	}
	return Way{a.Device, a.Gateway}.String() + " table " + fmt.Sprint(a.Table)
}
