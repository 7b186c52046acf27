// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"syscall"
	"testing"

	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

func TestProof(t *testing.T) {
	t.Parallel()
	managed := []AnyRule{rule(501, plan.Main, "10.0.2.2/32", 1), rule(502, 3, "10.0.2.2/32", -1), foreign(rule(32766, plan.Main, "", -1))}
	before := append([]AnyRule{foreign(rule(400, 7, "", -1))}, managed...)
	right := way(plan.IPv4, "eth2", "10.0.2.1", 3)
	longer := Answer{Table: plan.Main, Matched: prefix("192.168.1.0/24"), Type: 1, Device: "lan0"}
	classless := Answer{Table: 3, Matched: prefix("10.9.0.0/16"), Type: 1, Device: "eth2", Gateway: addr("10.0.2.9")}
	vpn := way(plan.IPv4, "tun0", "10.8.0.1", 7)
	for name, c := range map[string]struct {
		rules    []AnyRule
		answer   Answer
		policy   bool
		unjudged string
		wrong    bool
		want     string
	}{
		"the line's own way":                  {rules: managed, answer: right, want: "ok"},
		"a longer route of the line":          {rules: managed, answer: classless, want: "ok"},
		"another line":                        {rules: managed, answer: way(plan.IPv4, "eth1", "10.0.1.1", plan.Main), wrong: true, want: "WRONG: expected dev eth2 via 10.0.2.1, got dev eth1 via 10.0.1.1 table 254"},
		"the right device by another gateway": {rules: managed, answer: way(plan.IPv4, "eth2", "10.0.2.9", 3), wrong: true, want: "WRONG: expected dev eth2 via 10.0.2.1, got dev eth2 via 10.0.2.9 table 3"},
		"a network behind the router":         {rules: managed, answer: longer, want: "ok, the main table's own route to 192.168.1.0/24"},
		"the router itself":                   {rules: managed, answer: Answer{Table: tableLocal, Type: typeLocal, Device: "lo"}, want: "ok, delivered to this router"},
		"a broadcast":                         {rules: managed, answer: Answer{Table: tableLocal, Type: typeBroadcast, Device: "eth2"}, want: "ok, a broadcast address: no TCP"},
		"no route":                            {rules: managed, answer: Answer{Refused: syscall.ENETUNREACH}, wrong: true, want: "WRONG: expected dev eth2 via 10.0.2.1, got unreachable"},
		"refused":                             {rules: managed, answer: Answer{Refused: syscall.EACCES}, wrong: true, want: "WRONG: expected dev eth2 via 10.0.2.1, got refused (permission denied)"},
		"on the link of the device":           {rules: managed, answer: Answer{Type: 1, Device: "eth2"}, wrong: true, want: "WRONG: expected dev eth2 via 10.0.2.1, got dev eth2 on the link, no route"},
		"a foreign rule for a line":           {rules: before, answer: vpn, wrong: true, want: "WRONG: expected dev eth2 via 10.0.2.1, got dev tun0 via 10.8.0.1 table 7"},
		"a foreign rule for other traffic":    {rules: before, answer: vpn, policy: true, want: "ok, by a foreign rule"},
		"main is no foreign rule":             {rules: managed[2:], answer: way(plan.IPv4, "eth1", "10.0.1.1", plan.Main), policy: true, wrong: true, want: "WRONG: expected dev eth2 via 10.0.2.1, got dev eth1 via 10.0.1.1 table 254"},
		"nothing is expected":                 {rules: managed, answer: vpn, unjudged: "not checked: down", want: "(not checked: down)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := Proof{Query: Query{Src: addr("10.0.2.2"), Dst: addr("192.0.2.1")}, Want: Way{"eth2", addr("10.0.2.1")}, Policy: c.policy, NotChecked: c.unjudged}
			if err := p.Ask(answers{by: func(Query) Answer { return c.answer }}, &[2][]AnyRule{plan.IPv4: c.rules}); err != nil {
				t.Fatal(err)
			}
			same(t, "verdict", c.want, p.Verdict())
			same(t, "wrong", c.wrong, p.Wrong)
		})
	}
}
