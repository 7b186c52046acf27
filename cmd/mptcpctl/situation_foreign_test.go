// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"regexp"
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

// foreignBatches are what lists foreign objects, by the options of ip(8).
var foreignBatches = []struct{ options, lists string }{
	{"-4", "rule\nroute show table all\n"}, {"-6", "rule\nroute show table all\n"}, {"", "nexthop\nmptcp endpoint\n"},
}

// others are the foreign objects, in the kernel's order. What the kernel makes for
// an address is not among them, and neither is the state of a device.
func (s *script) others(handmade []string) (all []string, err error) {
	file := filepath.Join(s.dir, "batch")
	for _, batch := range foreignBatches {
		if err := os.WriteFile(file, []byte(batch.lists), 0o600); err != nil {
			return nil, err
		}
		text, err := s.ip("ip -d -N " + batch.options + " -batch " + file)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(text) {
			if list := listOf(line, batch.options); list == "endpoints" && slices.Contains(handmade, line) || list != "endpoints" && isForeign(list, line, nil) {
				all = append(all, batch.options+" "+list+" "+strings.TrimSpace(ipNoise.ReplaceAllString(line, "")))
			}
		}
	}
	return all, nil
}

// listOf tells from which list of a batch a line is.
func listOf(line, options string) string {
	switch {
	case options == "" && strings.HasPrefix(line, "id "):
		return "nexthops"
	case options == "":
		return "endpoints"
	case ruleLine.MatchString(line):
		return "rules"
	}
	return "routes"
}

var ruleLine = regexp.MustCompile(`^[0-9]+:\s`)
