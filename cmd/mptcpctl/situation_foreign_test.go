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

// amongOthers asserts that runs leave foreign objects alone. Those of the
// endpoints that stood before the first run are foreign.
func amongOthers(ts *testscript.TestScript, runs ...func()) {
	s, n := of(ts), situationOf(ts)
	if !n.ran {
		lines, err := s.endpointLines()
		ts.Check(err)
		n.handmade, n.ran = lines, true
	}
	before, err := s.others(n.handmade)
	ts.Check(err)
	for _, run := range runs {
		run()
		after, err := s.others(n.handmade)
		ts.Check(err)
		if diff := gocmp.Diff(before, after); diff != "" {
			ts.Fatalf("foreign objects changed, -before +after:\n%s", diff)
		}
	}
}

// others are the foreign objects, in the kernel's order. What the kernel makes for
// an address is not among them, and neither is the state of a device.
func (s *script) others(handmade []string) (all []string, err error) {
	listed, err := s.listed("-d -N")
	for _, o := range listed {
		switch {
		case o.list == "limits", o.list == "endpoints" && !slices.Contains(handmade, o.line), o.list != "endpoints" && !isForeign(o.list, o.line, nil):
		default:
			all = append(all, o.family+" "+o.list+" "+strings.TrimSpace(ipNoise.ReplaceAllString(o.line, "")))
		}
	}
	return all, err
}
