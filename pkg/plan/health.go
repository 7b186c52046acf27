// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"

	"github.com/mptcpctl/mptcpctl/pkg/health"
)

// Pauses reports whether a line is dead and still keeps the traffic of the LAN.
func (h *Health) Pauses() bool { return h.NoOwn && !h.NoForward }

// heed notes the verdicts on the usable lines. A dead line keeps its table and rules,
// which its probes and whatever still lives on it need. Where all lines of a family are
// dead nothing is taken away from any.
func (p *planner) heed() {
	if !p.Config.Globals.Check || !p.Config.Globals.Multipath {
		return
	}
	for _, f := range Families {
		living := false
		for i := range p.lines {
			l := &p.lines[i]
			if u := &l.Use[f]; l.Participates() && u.Usable {
				u.Health = p.State.healthOf(l.Name, f)
				living = living || u.Health.Verdict != health.Dead
			}
		}
		for i := range p.lines {
			u := &p.lines[i].Use[f]
			if h := &u.Health; !living {
				h.NoEndpoint, h.NoOwn, h.NoForward = false, false, false
			} else if !h.NoForward && p.keepsEndpoint(u) {
				h.NoEndpoint = false
			}
		}
	}
}

// keepsEndpoint reports whether the endpoint that a line has is better left alone: the line
// lives again, or connections are being opened over it. To tell the peers that the
// address is gone aborts those, and gives a socket that does not block no error
// (mptcp_nl_remove_id_zero_address in net/mptcp/pm_kernel.c, tried on 6.18). In a short
// outage they would have lived.
func (p *planner) keepsEndpoint(u *Use) bool {
	return p.State.hasEndpoint(u.Source, u.Device.Index) && (u.Health.Verdict != health.Dead || slices.Contains(p.State.Connecting, u.Source))
}

// degraded reports whether the line is to be the last one.
func (u *Use) degraded() bool { return u.Health.Verdict == health.Degraded }

// living reports whether the line is usable and, as far as is known, not dead.
func (u *Use) living() bool { return u.Usable && !u.Health.NoEndpoint }

// returning reports whether the line was dead, and is not sure to live; dead whether it
// is dead.
func (u *Use) returning() bool { return !u.living() && u.Health.Verdict != health.Dead }
func (u *Use) dead() bool      { return !u.living() && u.Health.Verdict == health.Dead }

// deadReason is why a line has no endpoint.
func (u *Use) deadReason() string {
	if u.Health.Verdict == health.Dead {
		return "dead: " + u.Health.Reason
	}
	return "was dead, and has not answered often enough since"
}

// lineEntries are the entries of a family's master list, by the ranked lines: those that
// are beyond a limit last, and none for a dead line. For a moment, until the traffic of
// the LAN follows, the packets of the router itself leave by another line: a rule for
// them alone comes first. In IPv6 each rule that is written costs the kernel about
// 0.2 us for every route in main: there they wait too where more than a few are.
func (p *planner) lineEntries(f Family, ranked []*LineUse) (list []wantedRule) {
	var own *LineUse
	for _, last := range [...]bool{false, true} {
		for _, l := range ranked {
			u := &l.Use[f]
			if u.degraded() != last {
				continue
			}
			if own == nil && !u.Health.NoOwn {
				own = l
			}
			if !u.Health.NoForward {
				list = append(list, wantedRule{listEntry(f, u.Table), wanted{l.Name, "master list: " + l.Mode.String()}})
			}
		}
	}
	if own == nil || len(list) == 0 || list[0].Table == own.Use[f].Table {
		return list
	}
	first := wantedRule{
		Rule{Family: f, Priority: PriorityList, IIF: Loopback, Table: own.Use[f].Table, Suppress: -1},
		wanted{own.Name, list[0].iface + " is dead: new connections of the router leave over this line"},
	}
	with := append([]wantedRule{first}, list...)
	if f == IPv6 && p.entryWrites(f, with) > mostOwnWrites {
		return list
	}
	return with
}

// mostOwnWrites is how many rules of IPv6 are written, at most, for the sake of the
// router's own packets.
const mostOwnWrites = 4

// entryWrites is how many rules are written until the entries of lines are these.
func (p *planner) entryWrites(f Family, list []wantedRule) int {
	var current []Rule
	for _, r := range p.currentList(f) {
		if r.Table != Main && !r.Src.IsValid() {
			current = append(current, r)
		}
	}
	kept := len(commonList(current, list))
	return len(current) - kept + len(list) - kept
}
