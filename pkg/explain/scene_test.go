// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/netifd"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

func addr(s string) netip.Addr     { return netip.MustParseAddr(s) }
func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

// answers is a router whose tables hold a default route each.
type answers struct {
	by       func(Query) Answer
	routes   []AnyRoute
	isolated string // the device that does not forward
}

func (a answers) Lookup(q Query) (Answer, error) { return a.by(q), nil }

func (a answers) TableRoutes(f plan.Family, table uint32) (first []AnyRoute, count int, err error) {
	for _, r := range a.routes {
		if r.Family == f && r.Table == table {
			first = append(first, r)
		}
	}
	return first, len(first), nil
}

func (a answers) Forwards(_ plan.Family, device string) (bool, error) {
	return device != a.isolated, nil
}

// way is the answer by the default route of a table.
func way(f plan.Family, device, gateway string, table uint32) Answer {
	everything := [...]netip.Prefix{prefix("0.0.0.0/0"), prefix("::/0")}
	return Answer{Table: table, Matched: everything[f], Type: 1, Device: device, Gateway: addr(gateway)}
}

// rule is a managed one that looks a table up.
func rule(priority, table uint32, src string, suppress int) AnyRule {
	r := AnyRule{Rule: plan.Rule{Priority: priority, Table: table, Suppress: suppress}, Protocol: plan.Protocol, Action: ActionLookup}
	if src != "" {
		r.Src = prefix(src)
	}
	return r
}

func foreign(r AnyRule) AnyRule {
	r.Protocol = 3
	return r
}

// line is a usable one of 10.0.N.2 on ethN with table N+1.
func line(n int, mode config.Mode) plan.LineUse {
	number := string(rune('0' + n))
	name, device := "wan"+number, "eth"+number
	l := plan.LineUse{Line: plan.Line{
		Interface: config.Interface{Name: name, Position: n, Mode: mode, Own: true},
		Device:    device, Tables: [2]uint32{uint32(n) + 1, uint32(n) + 1},
		Netifd: netifd.Interface{Up: true, Addresses: []netifd.Address{{Prefix: prefix("10.0." + number + ".2/24")}}},
	}}
	l.Use[plan.IPv4] = plan.Use{
		Usable: true, Reason: plan.ReasonUsable, Device: plan.Device{Name: device, Index: n, Up: true, Carrier: true},
		Addresses: []netip.Prefix{prefix("10.0." + number + ".2/24")}, Gateway: addr("10.0." + number + ".1"),
	}
	return l
}

func same[T any](t *testing.T, what string, want, got T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// verdicts are the packets of an explanation, each with what is said of it.
func verdicts(e *Explanation) (all []string) {
	for i := range e.Proofs {
		p := &e.Proofs[i]
		all = append(all, p.Packet+": "+p.Verdict())
	}
	return all
}
