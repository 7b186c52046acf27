// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"reflect"
	"syscall"
	"testing"

	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// The kernel's tests hold Trace against the kernel; this is what no kernel needs
// to be asked for.
func TestMeets(t *testing.T) {
	t.Parallel()
	packet := Query{Src: addr("10.0.2.2"), Dst: addr("192.0.2.1"), OIF: "eth2", Mark: 0x1ff}
	for name, c := range map[string]struct {
		change           func(*AnyRule)
		possibly, surely bool
	}{
		"every packet":                  {func(*AnyRule) {}, true, true},
		"its source":                    {func(r *AnyRule) { r.Src = prefix("10.0.2.0/24") }, true, true},
		"another source":                {func(r *AnyRule) { r.Src = prefix("10.0.1.0/24") }, false, false},
		"not another source":            {func(r *AnyRule) { r.Src, r.Invert = prefix("10.0.1.0/24"), true }, true, true},
		"its destination":               {func(r *AnyRule) { r.Dst = prefix("192.0.2.0/24") }, true, true},
		"its device":                    {func(r *AnyRule) { r.OIF = "eth2" }, true, true},
		"another device":                {func(r *AnyRule) { r.OIF = "eth1" }, false, false},
		"made here":                     {func(r *AnyRule) { r.IIF = "lo" }, true, true},
		"came in":                       {func(r *AnyRule) { r.IIF = "lan0" }, false, false},
		"its mark":                      {func(r *AnyRule) { r.Mark, r.Mask = 0x1ff, 0xffffffff }, true, true},
		"its mark under a mask":         {func(r *AnyRule) { r.Mark, r.Mask = 0x100, 0xff00 }, true, true},
		"another mark":                  {func(r *AnyRule) { r.Mark, r.Mask = 0x200, 0xff00 }, false, false},
		"unmarked":                      {func(r *AnyRule) { r.Mask = 0xff00 }, false, false},
		"not another mark":              {func(r *AnyRule) { r.Mark, r.Mask, r.Invert = 0x200, 0xff00, true }, true, true},
		"a port":                        {func(r *AnyRule) { r.MoreSelectors = true }, true, false},
		"a port, of another source":     {func(r *AnyRule) { r.MoreSelectors, r.Src = true, prefix("10.0.1.0/24") }, false, false},
		"not a port, of another source": {func(r *AnyRule) { r.MoreSelectors, r.Invert, r.Src = true, true, prefix("10.0.1.0/24") }, true, false},
		"a type of service":             {func(r *AnyRule) { r.TOS = 0x10 }, false, false},
	} {
		r := rule(10, 7, "", -1)
		c.change(&r)
		possibly, surely := r.matches(&packet)
		same(t, name, [2]bool{c.possibly, c.surely}, [2]bool{possibly, surely})
	}
}

func TestTraceEndsAtTheWinner(t *testing.T) {
	t.Parallel()
	rules := []AnyRule{
		rule(501, plan.Main, "10.0.2.2/32", 1), rule(502, 3, "10.0.2.2/32", -1),
		rule(32765, plan.Main, "", 0), rule(32765, 2, "", -1), foreign(rule(32766, plan.Main, "", -1)),
	}
	own := Query{Src: addr("10.0.2.2"), Dst: addr("192.0.2.1")}
	for name, c := range map[string]struct {
		query  Query
		answer Answer
		want   []string
	}{
		"its own table":       {own, way(plan.IPv4, "eth2", "10.0.2.1", 3), []string{"501: none longer", "502: wins"}},
		"the list":            {Query{Dst: own.Dst}, way(plan.IPv4, "eth1", "10.0.1.1", 2), []string{"32765: none longer", "32765: wins"}},
		"main, past the list": {Query{Dst: own.Dst}, way(plan.IPv4, "eth1", "10.0.1.1", plan.Main), []string{"32765: suppressed", "32765: no route", "32766: wins"}},
		"no way":              {Query{Dst: own.Dst}, Answer{Refused: syscall.ENETUNREACH}, []string{"32765: none longer", "32765: no route", "32766: no route"}},
		"refused, not by a rule": {Query{Dst: own.Dst}, Answer{Refused: syscall.EINVAL},
			[]string{"32765: cannot tell", "32765: cannot tell", "32766: cannot tell"}},
	} {
		var got []string
		for _, s := range Trace(rules, c.query, c.answer) {
			got = append(got, fmt.Sprintf("%d: %s", s.Rule.Priority, s.Outcome))
		}
		same(t, name, c.want, got)
	}
}

// A field of AnyRule with the name of one of plan.Rule would hide that: what is read
// from the one would not be what was written to the other.
func TestNoFieldOfARuleHidesAnother(t *testing.T) {
	t.Parallel()
	managed, any := reflect.TypeFor[plan.Rule](), reflect.TypeFor[AnyRule]()
	for i := range managed.NumField() {
		name := managed.Field(i).Name
		if f, _ := any.FieldByName(name); len(f.Index) != 2 {
			t.Errorf("AnyRule.%s is not that of plan.Rule", name)
		}
	}
}
