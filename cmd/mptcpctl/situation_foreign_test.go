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
