// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
	"github.com/mptcpctl/mptcpctl/pkg/sockdiag"
)

// errnos are what the kernel can answer to an operation.
var errnos = []unix.Errno{
	unix.EEXIST, unix.ENOENT, unix.EBUSY, unix.ENOMEM, unix.ENOBUFS, unix.EPERM, unix.EINVAL, unix.ENODEV,
	unix.ENETUNREACH, unix.ENETDOWN, unix.ERANGE, unix.ESRCH, unix.EOPNOTSUPP, unix.EADDRNOTAVAIL, unix.EHOSTUNREACH,
	unix.ENOSPC, unix.EACCES, unix.EIO,
}

// everyKind is a plan with every kind of operation, each of which can be done on its
// own but one, which wants the first.
func everyKind(r *router) (before, ops []plan.Op) {
	route4, route6, old := r.route(1, plan.IPv4, 300), r.route(1, plan.IPv6, 300), r.route(2, plan.IPv4, 301)
	changed := r.route(2, plan.IPv6, 301)
	was := changed
	was.Src = addr("2001:db8:2::2")
	oldRule, oldList := source(plan.IPv4, 502, "10.0.1.9/32", 9, -1), source(plan.IPv6, 32765, "", 302, -1)
	endpoint := mptcp.Endpoint{ID: 7, Addr: addr("10.0.1.2"), Flags: mptcp.FlagSubflow, IfIndex: r.index["eth1"]}
	backup, gone := endpoint, mptcp.Endpoint{ID: 9, Addr: addr("10.0.1.9"), Flags: mptcp.FlagSubflow, IfIndex: r.index["eth1"]}
	backup.Flags |= mptcp.FlagBackup
	fresh := mptcp.Endpoint{ID: 8, Addr: addr("2001:db8:2::2"), Flags: mptcp.FlagSubflow, IfIndex: r.index["eth2"]}
	dependent := addRule(source(plan.IPv4, 502, "10.0.1.2/32", 300, -1))
	dependent.After = []int{0}
	before = []plan.Op{addRoute(old), addRoute(was), addRule(oldRule), addRule(oldList), addEndpoint(endpoint), addEndpoint(gone)}
	ops = []plan.Op{
		addRoute(route4), addRoute(route6), changeRoute(changed), dependent,
		addRule(source(plan.IPv6, 502, "2001:db8:1::2/128", 300, -1)), addRule(source(plan.IPv4, 32765, "", 300, -1)),
		sysctl(plan.LinkdownKey(plan.IPv6, "eth1"), "1"),
		{Action: plan.Change, Object: plan.ObjectLimits, Limits: mptcp.Limits{Subflows: 3}},
		{Action: plan.Change, Object: plan.ObjectEndpoint, Endpoint: backup},
		addEndpoint(fresh),
		{Action: plan.Delete, Object: plan.ObjectEndpoint, Endpoint: gone},
		delRule(oldRule), delRule(oldList), delRoute(old),
		{Action: plan.Delete, Object: plan.ObjectSubflow, Subflow: &sockdiag.Subflow{Socket: sockdiag.Socket{unix.AF_INET}}}, // one that is gone
	}
	return before, ops
}

// TestProveEveryOperationFails lets each operation fail with each errno: all others
// but its dependants are done, its error and theirs are reported and unwrap to the
// errno, and what is left makes it whole.
func TestProveEveryOperationFails(t *testing.T) {
	undisturbed := newRouter(t)
	before, ops := everyKind(undisturbed)
	undisturbed.do(before...)
	undisturbed.do(ops...)
	want := worldOf(undisturbed)
	for fail := range ops {
		for n, errno := range errnos {
			if os.Getenv("PROVE") == "" && (fail+n)%len(errnos) > 1 {
				continue // the short form: each operation and each errno twice at most
			}
			r := newRouter(t)
			before, ops := everyKind(r)
			r.do(before...)
			pass, tried := r.before, 0
			r.before = func(i int) error {
				tried++
				if i == fail {
					return errno
				}
				return nil
			}
			results := r.Apply(ops)
			what := fmt.Sprintf("%s: %v", ops[fail].Command(), errno)
			skipped := 0
			var left []plan.Op
			for i, err := range results {
				depends := slices.Contains(ops[i].After, fail)
				switch {
				case i == fail && !errors.Is(err, errno), depends && !errors.Is(err, ErrSkipped), i != fail && !depends && err != nil:
					t.Errorf("%s: operation %d: %v", what, i, err)
				case depends:
					skipped++
				}
				if err != nil {
					op := ops[i]
					op.After = nil
					left = append(left, op)
				}
			}
			same(t, what+": operations tried", len(ops)-skipped, tried)
			r.before = pass
			r.do(left...)
			same(t, what, want, worldOf(r))
		}
	}
}

// worldOf is what stands, in no order, and without the numbers of devices.
func worldOf(r *router) []string {
	got := r.observe(300, 301)
	var all []string
	for _, rule := range got.Rules {
		all = append(all, fmt.Sprintf("%+v", rule))
	}
	for _, route := range got.Routes {
		route.Index = 0
		all = append(all, fmt.Sprintf("%+v", route))
	}
	for _, e := range got.Endpoints {
		all = append(all, fmt.Sprint(e.ID, e.Addr, e.Flags))
	}
	slices.Sort(all)
	return append(all, fmt.Sprint(got.Limits, got.Sysctls[plan.LinkdownKey(plan.IPv6, "eth1")]))
}
