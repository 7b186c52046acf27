// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"fmt"
	"strings"
	"testing"

	vnl "github.com/vishvananda/netlink"

	"github.com/mptcpctl/mptcpctl/pkg/explain"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

func outcomes(steps []explain.Step) []string {
	var words []string
	for _, s := range steps {
		words = append(words, fmt.Sprintf("%d: %s", s.Rule.Priority, s.Outcome))
	}
	return words
}

// trace asks the kernel and traces its answer.
func (r *router) trace(f plan.Family, q explain.Query) []string {
	r.t.Helper()
	rules, err := r.AllRules(f)
	r.must(err)
	return outcomes(explain.Trace(rules, q, r.lookupWay(q)))
}

func TestTraceFollowsTheKernel(t *testing.T) {
	t.Parallel()
	for _, f := range plan.Families {
		t.Run(f.String(), func(t *testing.T) {
			t.Parallel()
			r := twoTables(t, f)
			own, other := r.source(2, f).Addr(), r.source(1, f).Addr()
			same(t, "from line 2", []string{"0: no route", "501: none longer", "502: wins"}, r.trace(f, explain.Query{Src: own, Dst: far[f]}))
			same(t, "bound to line 2", []string{"0: no route", "503: wins"}, r.trace(f, explain.Query{Dst: far[f], OIF: "eth2"}))
			same(t, "unbound", []string{"0: no route", "32766: wins"}, r.trace(f, explain.Query{Dst: far[f]}))
			same(t, "from line 2 to the network of line 1", []string{"0: no route", "501: wins"}, r.trace(f, explain.Query{Src: own, Dst: other.Next()}))

			// Without its table a line falls through to main, whose default the
			// first rule suppresses.
			r.do(delRoute(r.route(2, f, 102)))
			same(t, "empty table", []string{"0: no route", "501: suppressed", "502: no route", "32766: wins"}, r.trace(f, explain.Query{Src: own, Dst: far[f]}))
		})
	}
}

// Each kind of rule stands before the one that would win, or leads past it.
func TestTraceKnowsEveryKindOfRule(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rule func(*vnl.Rule)
		want []string
	}{
		"for another destination":         {func(v *vnl.Rule) { v.Dst, v.Table = ipNet(prefix("198.51.100.0/24")), 102 }, []string{"0: no route", "32766: wins"}},
		"for this destination":            {func(v *vnl.Rule) { v.Dst, v.Table = ipNet(prefix("192.0.2.0/24")), 102 }, []string{"0: no route", "10: wins"}},
		"not for another":                 {func(v *vnl.Rule) { v.Dst, v.Table, v.Invert = ipNet(prefix("198.51.100.0/24")), 102, true }, []string{"0: no route", "10: wins"}},
		"marked":                          {func(v *vnl.Rule) { mask := uint32(0xff); v.Mark, v.Mask, v.Table = 1, &mask, 102 }, []string{"0: no route", "32766: wins"}},
		"from another source":             {func(v *vnl.Rule) { v.Src, v.Table = ipNet(prefix("10.0.2.2/32")), 102 }, []string{"0: no route", "32766: wins"}},
		"made here":                       {func(v *vnl.Rule) { v.IifName, v.Table = "lo", 102 }, []string{"0: no route", "10: wins"}},
		"came in":                         {func(v *vnl.Rule) { v.IifName, v.Table = "eth1", 102 }, []string{"0: no route", "32766: wins"}},
		"of service":                      {func(v *vnl.Rule) { v.Tos, v.Table = 0x10, 102 }, []string{"0: no route", "32766: wins"}},
		"of a port":                       {func(v *vnl.Rule) { v.Dport, v.Table = vnl.NewRulePortRange(80, 80), 102 }, []string{"0: no route", "10: cannot tell", "32766: wins"}},
		"of no such port":                 {func(v *vnl.Rule) { v.Dport, v.Table = vnl.NewRulePortRange(80, 80), plan.Main }, []string{"0: no route", "10: cannot tell", "32766: cannot tell"}},
		"of no such port, before another": {func(v *vnl.Rule) { v.Dport, v.Table = vnl.NewRulePortRange(80, 80), plan.Main }, []string{"0: no route", "10: cannot tell", "20: cannot tell", "32766: cannot tell"}},
		"of TCP":                          {func(v *vnl.Rule) { v.IPProto, v.Table = 6, 102 }, []string{"0: no route", "10: wins"}},
		"of UDP":                          {func(v *vnl.Rule) { v.IPProto, v.Table = 17, 102 }, []string{"0: no route", "10: cannot tell", "32766: wins"}},
		"jumps":                           {func(v *vnl.Rule) { v.Goto, v.Table = 32766, 0 }, []string{"0: no route", "10: passed", "32766: wins"}},
		"jumps nowhere":                   {func(v *vnl.Rule) { v.Goto, v.Table = 40000, 0 }, []string{"0: no route", "10: passed", "20: no route", "32766: wins"}},
		"jumps perhaps":                   {func(v *vnl.Rule) { v.Goto, v.Table, v.IPProto = 32766, 0, 6 }, []string{"0: no route", "10: cannot tell", "20: cannot tell", "32766: cannot tell"}},
		"refuses":                         {func(v *vnl.Rule) { v.Type, v.Table = explain.ActionProhibit, 0 }, []string{"0: no route", "10: wins"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := twoTables(t, plan.IPv4)
			if strings.HasPrefix(name, "jumps") || strings.HasSuffix(name, "before another") {
				v := vnl.NewRule()
				v.Family, v.Priority, v.Table = int(addressFamilies[plan.IPv4]), 20, 4711
				r.must(vnl.RuleAdd(v))
			}
			v := vnl.NewRule()
			v.Family, v.Priority = int(addressFamilies[plan.IPv4]), 10
			c.rule(v)
			r.must(vnl.RuleAdd(v))
			same(t, "rules", c.want, r.trace(plan.IPv4, explain.Query{Dst: far[plan.IPv4]}))
		})
	}
}

// A marked packet meets the rules for its mark, and only those.
func TestTraceOfMarkedPackets(t *testing.T) {
	t.Parallel()
	for _, f := range plan.Families {
		t.Run(f.String(), func(t *testing.T) {
			t.Parallel()
			r := twoTables(t, f)
			v := vnl.NewRule()
			mask := uint32(0xff00)
			v.Family, v.Priority, v.Mark, v.Mask, v.Table = int(addressFamilies[f]), 10, 0x100, &mask, 102
			r.must(vnl.RuleAdd(v))
			for mark, want := range map[uint32][]string{
				0:      {"0: no route", "32766: wins"},
				0x100:  {"0: no route", "10: wins"},
				0x1ff:  {"0: no route", "10: wins"},
				0x1100: {"0: no route", "32766: wins"},
			} {
				same(t, fmt.Sprintf("mark %#x", mark), want, r.trace(f, explain.Query{Dst: far[f], Mark: mark}))
			}
		})
	}
}
