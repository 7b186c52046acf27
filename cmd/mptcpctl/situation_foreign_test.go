// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"strings"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
)

// cmdMptcpctlAmongOthers runs the program, and asserts that it changed nothing
// that is foreign.
func cmdMptcpctlAmongOthers(ts *testscript.TestScript, neg bool, args []string) {
	amongOthers(ts, func() { cmdMptcpctl(ts, neg, args) })
}

// amongOthers asserts that a run leaves foreign objects alone. Those of the
// endpoints that stood before the first run are foreign.
func amongOthers(ts *testscript.TestScript, run func()) {
	s, n := of(ts), situationOf(ts)
	if !n.ran {
		lines, err := s.endpointLines()
		ts.Check(err)
		n.handmade, n.ran = lines, true
	}
	before, err := s.others(n.handmade)
	ts.Check(err)
	run()
	after, err := s.others(n.handmade)
	ts.Check(err)
	if diff := gocmp.Diff(before, after); diff != "" {
		ts.Fatalf("foreign objects changed, -before +after:\n%s", diff)
	}
}

// foreignLists are where foreign objects are; endpoints are told by their text.
var foreignLists = []kernelList{
	kernelLists[0], kernelLists[1], {"nexthops", []string{"ip -N nexthop"}}, {"endpoints", []string{"ip mptcp endpoint"}},
}

// others are the foreign objects, in the kernel's order. What the kernel makes for
// an address is not among them, and neither is the state of a device.
func (s *script) others(handmade []string) (all []string, err error) {
	for _, list := range foreignLists {
		for _, command := range list.commands {
			text, err := s.ip(strings.Replace(command, "ip ", "ip -d ", 1))
			if err != nil {
				return nil, err
			}
			for line := range strings.Lines(text) {
				if list.name == "endpoints" && !slices.Contains(handmade, line) || !isForeign(list.name, line, nil) && list.name != "endpoints" {
					continue
				}
				all = append(all, list.name+" "+strings.TrimSpace(ipNoise.ReplaceAllString(line, "")))
			}
		}
	}
	return all, nil
}

// cmdInvariants asserts what holds in every situation: the next run has nothing
// to do, and flush removes every managed object. The argument is the exit code of a
// run with a bad value in the configuration.
func cmdInvariants(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 1 {
		ts.Fatalf("usage: invariants [3]")
	}
	s := of(ts)
	bad := len(args) == 1
	before, err := s.kernel("")
	ts.Check(err)
	if !strings.Contains(before, " proto 77") {
		ts.Fatalf("no managed object is there, so that nothing is proved:\n%s", before)
	}
	amongOthers(ts, func() { cmdMptcpctl(ts, bad, []string{"plan"}) })
	amongOthers(ts, func() { cmdMptcpctl(ts, bad, []string{"apply"}) })
	after, err := s.kernel("")
	ts.Check(err)
	if diff := gocmp.Diff(strings.Split(before, "\n"), strings.Split(after, "\n")); diff != "" {
		ts.Fatalf("a second run wrote to the kernel, -before +after:\n%s", diff)
	}
	if !bad {
		amongOthers(ts, func() { cmdMptcpctl(ts, false, []string{"plan", "--exit-code"}) })
	}
	amongOthers(ts, func() { cmdMptcpctl(ts, false, []string{"flush"}) })
	nothingLeft(ts)
}

// nothingLeft asserts that the kernel holds no managed object once flush has run.
func nothingLeft(ts *testscript.TestScript) {
	s := of(ts)
	left, err := s.kernel("")
	ts.Check(err)
	if strings.Contains(left, " proto 77") {
		ts.Fatalf("after flush there is still\n%s", left)
	}
	endpoints, err := s.endpointLines()
	ts.Check(err)
	if diff := gocmp.Diff(situationOf(ts).handmade, endpoints); diff != "" {
		ts.Fatalf("the endpoints before the first run and after flush:\n%s", diff)
	}
	settings, err := s.ip("sysctl -ar ignore_routes_with_linkdown")
	ts.Check(err)
	if strings.Contains(settings, "= 1") || !strings.Contains(settings, "= 0") {
		ts.Fatalf("after flush there is still\n%s", settings)
	}
}
