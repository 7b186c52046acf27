// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"net/netip"
	"slices"
	"syscall"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/explain"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// forwarded proves that the packets of hosts behind the router go where the list,
// or a foreign rule, sends them.
func (p *proof) forwarded() error {
	first, err := p.first()
	if err != nil {
		return err
	}
	for i := range p.Addresses {
		a := &p.Addresses[i]
		host, ok := explain.Neighbour(a.Prefix)
		if !ok || !a.Global || a.Peer.IsValid() || plan.FamilyOf(host) != p.family || !host.IsGlobalUnicast() || p.isUplink(a.Device) {
			continue
		}
		if err := p.host(host, a.Device, first); err != nil {
			return err
		}
	}
	return nil
}

// isUplink reports whether a device is one that leads out: that of a line, or of an
// interface that has a default route.
func (p *proof) isUplink(device string) bool {
	for i := range p.Result.Lines {
		l := &p.Result.Lines[i]
		_, leads := defaultInMain(l, p.family)
		if l.Device == device && (leads || l.Mode != config.Off || l.Frozen) {
			return true
		}
	}
	return false
}

// host proves the packets of one host: without a mark, and with each that a foreign
// rule asks for.
func (p *proof) host(host netip.Addr, device string, first *provedLine) error {
	forwards, err := p.Router.Forwards(p.family, device)
	if err != nil || !forwards {
		return err
	}
	line, known := p.lineOfHost(host, first)
	marks := []uint32{0}
	for i := range p.Rules[p.family] {
		r := &p.Rules[p.family][i]
		if !r.managed() && !r.Invert && !slices.Contains(marks, r.Mark) {
			marks = append(marks, r.Mark)
		}
	}
	for _, mark := range marks {
		q := explain.Query{Src: host, Dst: p.remote, IIF: device, Mark: mark}
		policy := p.policy(q)
		if policy == nil && !known {
			continue
		}
		if err := p.packet(q, policy, line); err != nil {
			return err
		}
	}
	return nil
}

// lineOfHost is the line by which the packets of a host leave: in IPv6 that which its
// address comes from, by the longest prefix, where there is a list; nil: they leave by the
// device of p.outside. known is false where the main table decides in another way.
func (p *proof) lineOfHost(host netip.Addr, first *provedLine) (line *provedLine, known bool) {
	if first == nil && (p.outside == "" || p.halves) {
		return nil, p.halves
	}
	line, known = first, true
	longest := 0
	for i := range p.Result.Lines {
		l := &p.Result.Lines[i]
		for _, prefix := range p.delegated(l) {
			if prefix.Bits() <= longest || !prefix.Contains(host) {
				continue
			}
			if first == nil || l.Mode == config.Off {
				line, known, longest = nil, false, prefix.Bits()
			}
			for at := range p.lines {
				if first != nil && p.lines[at].LineUse == l {
					line, known, longest = &p.lines[at], true, prefix.Bits()
				}
			}
		}
	}
	return line, known
}

// policy is the first foreign rule that decides about a packet before the list.
func (p *proof) policy(q explain.Query) *Rule {
	for i := range p.Rules[p.family] {
		r := &p.Rules[p.family][i]
		switch {
		case r.managed() && r.Priority == plan.PriorityList, r.Priority > plan.PriorityList:
			return nil
		case !r.managed() && r.decides(q):
			return r
		}
	}
	return nil
}

// packet compares the route of one packet. A longer route of the main table is
// right, and so is whatever a foreign rule has decided.
func (p *proof) packet(q explain.Query, policy *Rule, line *provedLine) error {
	a, err := p.Router.Lookup(q)
	if err != nil || a.Refused == syscall.EINVAL || a.Refused == syscall.EXDEV || a.Matched.Bits() > plan.DefaultLikeBits {
		return err // refused for its source
	}
	winner := p.winner(q, a)
	if winner == nil && a.Refused == 0 || foreign(winner) {
		return nil
	}
	packet := fmt.Sprintf("packets from the host %s behind %s", q.Src, q.IIF)
	if q.Mark != 0 {
		packet += fmt.Sprintf(" with the mark %#x", q.Mark)
	}
	if policy != nil {
		if a.Refused == 0 && a.Table != policy.Table {
			p.report(WrongForward, "", packet, "follow the rule "+policy.String(), q, a)
		}
		return nil
	}
	if line == nil && (a.Refused != 0 || a.Device != p.outside) {
		p.report(WrongForward, "", packet, "leave over "+p.outside+", as the main table says", q, a)
	}
	if line != nil && !line.carries(a) {
		p.report(WrongForward, line.Name, packet, "leave over "+line.Device, q, a)
	}
	return nil
}
