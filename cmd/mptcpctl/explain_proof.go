// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/kernel"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// way is where a packet should leave.
type way struct {
	line    string
	device  string
	gateway netip.Addr
}

// proof is one lookup by the kernel, compared with what should come out.
type proof struct {
	family plan.Family
	what   string // whose packet it is
	query  kernel.Query
	want   way
	// free says why nothing particular should come out; then nothing is judged.
	free string
	// guest says that somebody else's rule may take the packet: it is other
	// traffic than that of a line.
	guest bool

	answer kernel.Answer
	steps  []kernel.Step
	wrong  bool
	note   string // says why an answer that differs is all right
}

// kernelMain is the priority of the kernel's own rule for the main table
// (fib_default_rules_init in net/ipv4/fib_rules.c).
const kernelMain = 0x7ffe

// judge compares. What is longer than a default route comes before the lines
// and is right: the rules of ours that look into the main table are for that.
func (p *proof) judge() {
	winner := &kernel.Step{}
	if n := len(p.steps); n > 0 && p.steps[n-1].Outcome == kernel.Wins {
		winner = &p.steps[n-1]
	}
	ours := winner.Rule.Protocol == plan.Protocol
	foreign := winner.Outcome != "" && !ours && winner.Rule.Priority < kernelMain
	switch {
	case p.answer.Local():
		p.note = "that is this router itself"
	case p.answer.Type == unix.RTN_BROADCAST:
		p.note = "a broadcast, to which no TCP goes"
	case foreign && p.guest:
		p.note = "by somebody else's rule"
	case p.answer.Refused != 0:
		p.wrong = true
	case ours && winner.Rule.Table == plan.Main && winner.Rule.Suppress >= 0:
		p.note = "the main table's own route to " + p.answer.Matched.String()
	case p.answer.Device == p.want.device && (p.answer.Gateway == p.want.gateway || ours && p.answer.Matched.Bits() > 0):
	default:
		p.wrong = true
	}
}

// verdict is one word, and why.
func (p *proof) verdict() string {
	switch {
	case p.free != "":
		return "(" + p.free + ")"
	case p.wrong:
		return "WRONG: expected " + p.want.String() + ", got " + p.answerText()
	case p.note != "":
		return "ok, " + p.note
	}
	return "ok"
}

func (w way) String() string {
	text := "dev " + w.device
	if w.gateway.IsValid() {
		text += " via " + w.gateway.String()
	}
	return text
}

// answerText is the answer, the device first.
func (p *proof) answerText() string {
	a := p.answer
	switch {
	case a.Refused == unix.ENETUNREACH || a.Refused == unix.EHOSTUNREACH:
		return "unreachable"
	case a.Refused != 0:
		return "refused (" + a.Refused.Error() + ")"
	case a.Table == 0:
		return "dev " + a.Device + " on the link, no route"
	}
	return way{device: a.Device, gateway: a.Gateway}.String() + " table " + uintText(a.Table)
}

// wrong reports whether any lookup is not as it should be.
func (e *explanation) wrong() bool {
	for i := range e.proofs {
		if e.proofs[i].wrong {
			return true
		}
	}
	return false
}
