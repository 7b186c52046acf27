// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

func sysctl(key, value string) plan.Op {
	return plan.Op{Action: plan.Change, Object: plan.ObjectSysctl, Sysctl: plan.Sysctl{Key: key, Value: value}}
}

func TestEndpointsLimitsAndSettingsComeBackAsApplied(t *testing.T) {
	r := newRouter(t)
	first := mptcp.Endpoint{ID: 7, Addr: addr("10.0.1.2"), Flags: mptcp.FlagSubflow, IfIndex: r.index["eth1"]}
	second := mptcp.Endpoint{ID: 8, Addr: addr("2001:db8:2::2"), Flags: mptcp.FlagSubflow | mptcp.FlagFullmesh, IfIndex: r.index["eth2"]}
	changed := first
	changed.Flags |= mptcp.FlagBackup
	limits := mptcp.Limits{Subflows: 4, AddAddrAccepted: 3}
	key := plan.LinkdownKey(plan.IPv4, "eth1")
	r.do(
		plan.Op{Action: plan.Change, Object: plan.ObjectLimits, Limits: limits},
		addEndpoint(first), addEndpoint(second),
		plan.Op{Action: plan.Change, Object: plan.ObjectEndpoint, Endpoint: changed},
		sysctl(key, "1"),
	)
	got := r.observe()
	same(t, "endpoints", []mptcp.Endpoint{changed, second}, got.Endpoints)
	same(t, "limits", limits, got.Limits)
	same(t, "setting", "1", got.Sysctls[key])

	gone := plan.Op{Action: plan.Delete, Object: plan.ObjectEndpoint, Endpoint: changed}
	r.do(gone, gone)
	same(t, "endpoints", []mptcp.Endpoint{second}, r.observe().Endpoints)
}

func TestAnEndpointThatTookOverTheIDIsNotDeleted(t *testing.T) {
	r := newRouter(t)
	there := mptcp.Endpoint{ID: 7, Addr: addr("10.0.1.2"), Flags: mptcp.FlagSubflow, IfIndex: r.index["eth1"]}
	other := there
	other.Addr = addr("10.0.1.3")
	r.do(addEndpoint(there), plan.Op{Action: plan.Delete, Object: plan.ObjectEndpoint, Endpoint: other})
	same(t, "endpoints", []mptcp.Endpoint{there}, r.observe().Endpoints)
}

func TestAFullTableIsToldApart(t *testing.T) {
	r := newRouter(t)
	ops := make([]plan.Op, mptcp.MaxID)
	a := addr("10.0.1.1")
	for i := range ops {
		ops[i] = addEndpoint(mptcp.Endpoint{ID: uint8(i + 1), Addr: a, Flags: mptcp.FlagSubflow})
		a = a.Next()
	}
	results := r.Apply(ops)
	there := len(r.observe().Endpoints)
	if there < 8 {
		t.Fatalf("%d endpoints: %v", there, results[there])
	}
	for i, err := range results {
		full := &FullError{}
		switch {
		case i < there:
			if err != nil {
				t.Errorf("endpoint %d: %v", i+1, err)
			}
		case !errors.Is(err, ErrNoSlot) || !errors.As(err, &full) || full.Endpoints != there:
			t.Errorf("endpoint %d beside %d: %v of %d", i+1, there, err, full.Endpoints)
		}
	}
}

func TestLimitsBeyondTheKernelsAreTheHighest(t *testing.T) {
	r := newRouter(t)
	before := r.observe().Limits
	limits := plan.Op{Action: plan.Change, Object: plan.ObjectLimits, Limits: mptcp.Limits{Subflows: mptcp.MaxLimit, AddAddrAccepted: 1}}
	var limit *LimitError
	if err := r.Apply([]plan.Op{limits})[0]; !errors.As(err, &limit) {
		t.Fatal(err)
	}
	same(t, "written", mptcp.Limits{Subflows: limit.Most, AddAddrAccepted: 1}, limit.Written)
	same(t, "before", before, limit.Before)
	same(t, "limits", limit.Written, r.observe().Limits)
	limits.Limits.Subflows = limit.Most
	r.do(limits)
}

func TestAnInjectedFailureStopsOnlyWhatDependsOnIt(t *testing.T) {
	r := newRouter(t)
	route, apart := r.route(1, plan.IPv4, 5), r.route(2, plan.IPv4, 6)
	rule := addRule(source(plan.IPv4, 502, "10.0.1.2/32", 5, -1))
	rule.After = []int{0}
	last := sysctl(plan.LinkdownKey(plan.IPv4, "eth1"), "1")
	last.After = []int{1}
	broken := errors.New("broken")
	var asked []int
	r.before = func(i int) error {
		if asked = append(asked, i); i == 0 {
			return broken
		}
		return nil
	}
	results := r.Apply([]plan.Op{addRoute(route), rule, last, addRoute(apart)})
	same(t, "operations tried", []int{0, 3}, asked)
	for i, want := range []error{broken, ErrSkipped, ErrSkipped, nil} {
		if !errors.Is(results[i], want) {
			t.Errorf("operation %d: %v, want %v", i, results[i], want)
		}
	}
	if text := results[1].Error(); !strings.HasPrefix(text, "ip rule add pref 502 from 10.0.1.2 lookup 5 protocol 77: ") {
		t.Errorf("error %q", text)
	}
	got := r.observe(5, 6)
	same(t, "routes", []plan.Route{apart}, got.Routes)
	same(t, "rules", nil, got.Rules)
}

func TestAfterAFailureAnywhereASecondRunConverges(t *testing.T) {
	plans := func(r *router) []plan.Op {
		route, route6 := r.route(1, plan.IPv4, 300), r.route(1, plan.IPv6, 300)
		rule := source(plan.IPv6, 502, "2001:db8:1::2/128", 300, -1)
		rule2 := addRule(rule)
		rule2.After = []int{1}
		old := source(plan.IPv4, 502, "10.0.1.9/32", 9, -1)
		r.do(addRule(old))
		return []plan.Op{
			addRoute(route), addRoute(route6), rule2, addRule(source(plan.IPv4, 32765, "", 300, -1)),
			sysctl(plan.LinkdownKey(plan.IPv6, "eth1"), "1"),
			{Action: plan.Change, Object: plan.ObjectLimits, Limits: mptcp.Limits{Subflows: 3}},
			delRule(old),
		}
	}
	r := newRouter(t)
	r.do(plans(r)...)
	want := r.observe()
	for fail := range plans(r) {
		r := newRouter(t)
		ops := plans(r)
		always := r.before
		r.before = func(i int) error {
			if i == fail {
				return unix.EIO
			}
			return nil
		}
		r.Apply(ops)
		r.before = always
		r.do(ops...)
		got := r.observe()
		same(t, "rules", want.Rules, got.Rules)
		same(t, "routes", len(want.Routes), len(got.Routes))
		same(t, "limits", want.Limits, got.Limits)
		same(t, "settings", want.Sysctls, got.Sysctls)
	}
}

func TestSettingsThatAreRefused(t *testing.T) {
	r := newRouter(t)
	for _, test := range []struct {
		name, key, value string
		want             error
	}{
		{"a setting that this kernel lacks", "net/mptcp/no_such_setting", "1", fs.ErrNotExist},
		{"a value that the kernel refuses", "net/mptcp/scheduler", "blest", unix.ENOENT},
		{"a path that climbs", "net/../kernel/hostname", "1", errKey},
		{"a path that hides its climb", "net/ipv4/conf/../../../kernel/hostname", "1", errKey},
		{"another part of the tree", "kernel/hostname", "1", errKey},
		{"an absolute path", "/proc/sys/net/mptcp/enabled", "1", errKey},
		{"an empty part", "net//mptcp/enabled", "1", errKey},
		{"a byte of zero", "net/mptcp/enabled\x00", "1", errKey},
		{"a directory", "net/mptcp", "1", unix.EISDIR},
	} {
		// No subtests: another goroutine would be in another namespace.
		if err := r.Apply([]plan.Op{sysctl(test.key, test.value)})[0]; !errors.Is(err, test.want) {
			t.Errorf("%s: error %v, want %v", test.name, err, test.want)
		}
	}
	if _, err := r.Observe(plan.Request{Sysctls: []string{"net/../kernel/hostname"}}); !errors.Is(err, errKey) {
		t.Errorf("error %v, want %v", err, errKey)
	}
}

func TestAnOperationThatDoesNotExistIsRefused(t *testing.T) {
	r := newRouter(t)
	op := plan.Op{Action: plan.Change, Object: plan.ObjectRule, Rule: source(plan.IPv4, 502, "", 5, -1)}
	if err := r.Apply([]plan.Op{op})[0]; !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("error %v", err)
	}
}
