// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"

	vnl "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// source is a rule for traffic from somewhere.
func source(f plan.Family, priority uint32, src string, table uint32, suppress int) plan.Rule {
	r := plan.Rule{Family: f, Priority: priority, Table: table, Suppress: suppress}
	if src != "" {
		r.Src = prefix(src)
	}
	return r
}

var tables = []uint32{2, 255 + 45, 1000, 4_000_000_000}

func TestRulesComeBackAsAdded(t *testing.T) {
	r := newRouter(t)
	var want []plan.Rule
	for _, f := range plan.Families {
		src, suppress := "10.0.1.2/32", 1
		if f == plan.IPv6 {
			src, suppress = "2001:db8:1::2/128", 7
		}
		for _, table := range tables {
			want = append(want, source(f, 500, src, table, 0))
		}
		want = append(want, source(f, 501, src, plan.Main, suppress))
		if f == plan.IPv6 {
			want = append(want, source(f, 502, "2001:db8:1234:5600::/56", 2, -1))
		}
		for _, table := range tables {
			want = append(want, plan.Rule{Family: f, Priority: 503, OIF: "eth1", Table: table, Suppress: -1})
		}
		want = append(want, plan.Rule{Family: f, Priority: 504, OIF: "absent0", Table: 2, Suppress: -1})
		want = append(want, source(f, 32765, "", plan.Main, 0))
		if f == plan.IPv6 {
			want = append(want, source(f, 32765, "2001:db8:1234:5600::/56", 9, -1), source(f, 32765, "2001:db8:1234::/48", plan.Main, -1))
		}
		for _, table := range []uint32{9, 3, 4_000_000_000, 5} {
			entry := source(f, 32765, "", table, -1)
			if f == plan.IPv6 {
				entry.Group = plan.NoGroup
			}
			want = append(want, entry)
		}
		want = slices.Insert(want, len(want)-5, plan.Rule{Family: f, Priority: 506, Mark: plan.QueryMark, Table: plan.Main, Suppress: -1})
	}
	slices.SortStableFunc(want, func(a, b plan.Rule) int {
		return cmp.Or(cmp.Compare(a.Family, b.Family), cmp.Compare(a.Priority, b.Priority))
	})
	for _, rule := range want {
		r.do(addRule(rule))
	}
	same(t, "rules", want, r.observe().Rules)

	for _, rule := range slices.Backward(want) {
		r.do(delRule(rule))
	}
	same(t, "rules", nil, r.observe().Rules)
}

// The kernel takes a rule without a source for one that has it: the entries of the
// IPv6 list are told apart by a group that no device has.
func TestEntriesOfTheListAndRulesWithASource(t *testing.T) {
	r := newRouter(t)
	from, entry := source(plan.IPv6, 32765, "2001:db8:1::/56", 9, -1), source(plan.IPv6, 32765, "", 9, -1)
	entry.Group = plan.NoGroup
	fromMain, main := source(plan.IPv6, 32765, "2001:db8:2::/56", plan.Main, -1), source(plan.IPv6, 32765, "", plan.Main, 0)
	r.do(addRule(fromMain), addRule(from), addRule(main), addRule(entry))
	same(t, "rules", []plan.Rule{fromMain, from, main, entry}, r.observe().Rules)
	r.do(delRule(entry), delRule(main))
	same(t, "rules", []plan.Rule{fromMain, from}, r.observe().Rules)
	r.do(addRule(entry), addRule(main), delRule(from), delRule(fromMain))
	same(t, "rules", []plan.Rule{entry, main}, r.observe().Rules)
}

func TestTheListKeepsTheOrderOfArrival(t *testing.T) {
	r := newRouter(t)
	first, second, third := source(plan.IPv4, 32765, "", 7, -1), source(plan.IPv4, 32765, "", 3, -1), source(plan.IPv4, 32765, "", 5, -1)
	r.do(addRule(first), addRule(second), addRule(third))
	r.do(delRule(first), addRule(first))
	same(t, "rules", []plan.Rule{second, third, first}, r.observe().Rules)
}

func TestARuleAddedTwiceIsThereOnce(t *testing.T) {
	r := newRouter(t)
	rule := source(plan.IPv6, 502, "2001:db8:1::2/128", 300, -1)
	r.do(addRule(rule), addRule(rule))
	same(t, "rules", []plan.Rule{rule}, r.observe().Rules)
}

func TestARuleThatTheKernelTakesForAnotherIsAnError(t *testing.T) {
	r := newRouter(t)
	// To the kernel a rule "from all" exists when one with a source does.
	there, wider := source(plan.IPv4, 502, "10.0.1.2/32", 300, -1), source(plan.IPv4, 502, "", 300, -1)
	r.do(addRule(there))
	if err := r.Apply([]plan.Op{addRule(wider)})[0]; !errors.Is(err, unix.EEXIST) {
		t.Errorf("error %v, want EEXIST", err)
	}
}

func TestADeletedRuleIsDeletedAgainWithoutError(t *testing.T) {
	r := newRouter(t)
	rule := source(plan.IPv4, 502, "10.0.1.2/32", 300, -1)
	r.do(addRule(rule), delRule(rule), delRule(rule))
	same(t, "rules", nil, r.observe().Rules)
}

func TestRulesOfOtherProtocolsSurvive(t *testing.T) {
	for _, f := range plan.Families {
		for _, table := range []uint32{2, 300} {
			for _, foreignFirst := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s table %d foreign first %v", f, table, foreignFirst), func(t *testing.T) {
					r := newRouter(t)
					ours := source(f, 502, "10.0.1.2/32", table, -1)
					if f == plan.IPv6 {
						ours.Src = prefix("2001:db8:1::2/128")
					}
					if foreignFirst {
						r.must(vnl.RuleAdd(foreignRule(ours, unix.RTPROT_STATIC)))
					}
					r.do(addRule(ours))
					if !foreignFirst {
						r.must(vnl.RuleAdd(foreignRule(ours, unix.RTPROT_STATIC)))
					}
					same(t, "rules", []plan.Rule{ours}, r.observe().Rules)
					r.do(delRule(ours), delRule(ours))
					same(t, "rules", nil, r.observe().Rules)
					wantForeignRules(r, f, 502, 1)
				})
			}
		}
	}
}

// wantForeignRules counts the rules of a priority, whoever made them.
func wantForeignRules(r *router, f plan.Family, priority, want int) {
	r.t.Helper()
	all, err := vnl.RuleList(int(addressFamilies[f]))
	r.must(err)
	n := 0
	for _, rule := range all {
		if rule.Priority == priority {
			n++
		}
	}
	if n != want {
		r.t.Errorf("%d rules of priority %d, want %d: %v", n, priority, want, all)
	}
}

func TestExactlyTheNamedRuleIsDeleted(t *testing.T) {
	from := source(plan.IPv4, 501, "10.0.1.2/32", plan.Main, 1)
	fromOnly := source(plan.IPv4, 501, "10.0.1.2/32", plan.Main, -1)
	everything := source(plan.IPv4, 501, "", plan.Main, -1)
	bound := plan.Rule{Family: plan.IPv4, Priority: 501, OIF: "eth1", Table: plan.Main, Suppress: -1}
	all := []plan.Rule{from, bound, everything, fromOnly}
	for i, gone := range all {
		t.Run(gone.String(), func(t *testing.T) {
			r := newRouter(t)
			for _, rule := range all {
				r.do(addRule(rule))
			}
			r.do(delRule(gone))
			got := r.observe().Rules
			for j, rule := range all {
				if slices.Contains(got, rule) == (i == j) {
					t.Errorf("%s is there: %v", rule, i == j)
				}
			}
			if len(got) != len(all)-1 {
				t.Errorf("rules %v", got)
			}
		})
	}
}

func TestHandMadeRulesOfOurProtocolAreLeftAlone(t *testing.T) {
	r := newRouter(t)
	ours := source(plan.IPv4, 502, "", 5, -1)
	marked := foreignRule(ours, plan.Protocol)
	marked.Mark = 7
	r.must(vnl.RuleAdd(marked))
	blackhole := foreignRule(source(plan.IPv4, 502, "10.9.0.0/16", 0, -1), plan.Protocol)
	blackhole.Type = unix.FR_ACT_BLACKHOLE
	r.must(vnl.RuleAdd(blackhole))
	same(t, "rules", nil, r.observe().Rules)

	r.do(addRule(ours))
	same(t, "rules", []plan.Rule{ours}, r.observe().Rules)
	if err := r.Apply([]plan.Op{delRule(ours)})[0]; err == nil {
		t.Error("the rule was deleted although another one would have been hit")
	}
	r.must(vnl.RuleDel(marked))
	r.do(delRule(ours))
	wantForeignRules(r, plan.IPv4, 502, 1)
}

func TestAFamilyThatTheKernelLacksHasNoRules(t *testing.T) {
	r := newRouter(t)
	body := make([]byte, sizeofRuleHdr)
	body[0] = unix.AF_X25
	got, err := dump(r.Kernel.route, unix.RTM_GETRULE, body, nil, func(b []byte) (rule, bool, error) {
		rule, _, err := decodeRule(b)
		return rule, true, err
	})
	r.must(err)
	same(t, "rules", 0, len(got))
}

func TestAllRulesAreThoseOfEverybodyInTheirOrder(t *testing.T) {
	r := newRouter(t)
	r.do(addRule(source(plan.IPv4, 502, "10.0.1.2/32", 4, -1)), addRule(source(plan.IPv6, 32765, "", 7, -1)))
	theirs := vnl.NewRule()
	theirs.Priority, theirs.Table, theirs.Mark, theirs.IifName = 100, 3, 0x100, "eth1"
	mask := uint32(0x3f00)
	theirs.Mask = &mask
	_, theirs.Dst, _ = net.ParseCIDR("192.0.2.0/24")
	r.must(vnl.RuleAdd(theirs))
	texts := func(f plan.Family) []string {
		all, err := r.AllRules(f)
		r.must(err)
		var texts []string
		for _, rule := range all {
			texts = append(texts, fmt.Sprintf("%s proto %d", rule, rule.Protocol))
		}
		return texts
	}
	same(t, "IPv4 rules", []string{
		"0: from all lookup local proto 2",
		"100: from all to 192.0.2.0/24 fwmark 0x100/0x3f00 iif eth1 lookup 3 proto 0",
		"502: from 10.0.1.2 lookup 4 proto 77",
		"32766: from all lookup main proto 2",
		"32767: from all lookup default proto 2",
	}, texts(plan.IPv4))
	same(t, "IPv6 rules", []string{
		"0: from all lookup local proto 2",
		"32765: from all lookup 7 proto 77",
		"32766: from all lookup main proto 2",
	}, texts(plan.IPv6))
}
