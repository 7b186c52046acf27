// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
)

// cmdConverge runs the program, and asserts that the next run has nothing to do and
// that what is sent from the address of an endpoint leaves by its device, unless
// that is down, and the last endpoint has been kept.
func cmdConverge(ts *testscript.TestScript, neg bool, args []string) {
	none(ts, neg, args)
	amongOthers(ts, runs(ts, "apply"), runs(ts, "plan", "--exit-code"))
	s := of(ts)
	endpoints, err := s.endpointLines()
	ts.Check(err)
	for _, line := range endpoints {
		words := strings.Fields(line)
		at := slices.Index(words, "dev")
		if at < 0 || slices.ContainsFunc(situationOf(ts).reports, func(r *reported) bool { return r.down && r.L3Device == words[at+1] }) {
			continue
		}
		family, far := "4", farAway[0]
		if netip.MustParseAddr(words[0]).Is6() {
			family, far = "6", farAway[1]
		}
		cmdWay(ts, false, []string{family, far.String() + " from " + words[0], "dev " + words[at+1]})
	}
}

// cmdInvariants asserts what holds in every situation: the next run has nothing
// to do, flush removes every managed object, and a run that finds nothing gives the
// kernel what all the runs before gave it. With a bad value in the configuration the
// argument is 3, the exit code: what such a section has is left as it is, and so
// depends on what was there. It is "twice" where main cannot be asked before a run
// has made the rule for that.
func cmdInvariants(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 1 {
		ts.Fatalf("usage: invariants [3|twice]")
	}
	s := of(ts)
	bad, twice := slices.Contains(args, "3"), slices.Contains(args, "twice")
	before := s.managed(ts)
	if !slices.ContainsFunc(before, isMarked) {
		ts.Fatalf("no managed object is there, so that nothing is proved:\n%s", strings.Join(before, "\n"))
	}
	if bad {
		amongOthers(ts, fails(ts, "plan"), fails(ts, "apply"))
	} else {
		amongOthers(ts, runs(ts, "plan", "--exit-code"), runs(ts, "apply"))
	}
	after := s.managed(ts)
	if diff := gocmp.Diff(before, after); diff != "" {
		ts.Fatalf("a second run wrote to the kernel, -before +after:\n%s", diff)
	}
	amongOthers(ts, runs(ts, "flush"), func() { nothingLeft(ts) })
	if bad {
		return
	}
	if twice {
		amongOthers(ts, runs(ts, "apply"))
	}
	amongOthers(ts, runs(ts, "apply"), runs(ts, "plan", "--exit-code"))
	sameAsFromNothing(ts, after, s.managed(ts))
	amongOthers(ts, runs(ts, "flush"))
	nothingLeft(ts)
}

// runs is a run of the program that must succeed; one of fails must not.
func runs(ts *testscript.TestScript, args ...string) func() {
	return func() { cmdMptcpctl(ts, false, args) }
}

func fails(ts *testscript.TestScript, args ...string) func() {
	return func() { cmdMptcpctl(ts, true, args) }
}

// sameAsFromNothing compares what the runs of a script have made with what a run
// makes that finds nothing, which does not know what is kept for a line that is down.
func sameAsFromNothing(ts *testscript.TestScript, steps, nothing []string) {
	steps, nothing = withoutHistory(steps), withoutHistory(nothing)
	if slices.ContainsFunc(situationOf(ts).reports, func(r *reported) bool { return r.down }) {
		steps = slices.DeleteFunc(steps, func(line string) bool { return !slices.Contains(nothing, line) && keptWhileDown(line, nothing) })
	}
	if diff := gocmp.Diff(steps, nothing); diff != "" {
		ts.Fatalf("a run from nothing gives another result, -after the steps +from nothing:\n%s", diff)
	}
}

// keptWhileDown reports whether an object may be of a line that is down: its
// sources keep their place in the list, and in a family without a usable line
// the last endpoint stays, with the rule for its device.
func keptWhileDown(line string, nothing []string) bool {
	family, _, _ := strings.Cut(line, " ")
	usable := slices.ContainsFunc(nothing, func(other string) bool { return strings.HasPrefix(other, family+" 502: ") })
	return listedSource.MatchString(line) || !usable && (lastEndpoint.MatchString(line) || lastDevice.MatchString(line))
}

var (
	// listedSource is an entry of the list for the sources of one line.
	listedSource = regexp.MustCompile(`^-[46] 32765: from [0-9a-f]`)
	lastEndpoint = regexp.MustCompile(`^-[46] \S+ .*\bsubflow\b`)
	lastDevice   = regexp.MustCompile(`^-[46] 503: from all oif `)
	isRule       = regexp.MustCompile(`^-[46] [0-9]+: `)
	// selector is all of a rule that decides which packets it is for.
	selector = regexp.MustCompile(`^.*?(?: lookup |$)`)
)

// managed is what the program has made, with its family, and the endpoints and the
// limits, whoever made them.
func (s *script) managed(ts *testscript.TestScript) (all []string) {
	objects, err := s.listed("-N")
	ts.Check(err)
	for _, o := range objects {
		if line := o.family + " " + canonical("", o.line); isMarked(line) || o.list == "endpoints" || o.list == "limits" {
			all = append(all, line)
		}
	}
	return all
}

func isMarked(line string) bool { return strings.Contains(line, " proto 77") }

// withoutHistory leaves out of managed objects what may depend on the order of the
// runs: the ids of endpoints, the limits, which are never lowered, the places of rules
// that select other packets, and those of two lines with the same sources.
func withoutHistory(managed []string) (all []string) {
	for _, line := range managed {
		if !strings.HasPrefix(line, " ") {
			all = append(all, endpointID.ReplaceAllString(line+" ", " "))
		}
	}
	slices.SortStableFunc(all, func(a, b string) int {
		if !isRule.MatchString(a) || !isRule.MatchString(b) || listedSource.MatchString(a) && listedSource.MatchString(b) {
			return cmp.Compare(a, b)
		}
		return cmp.Compare(selector.FindString(a), selector.FindString(b))
	})
	return all
}

// nothingLeft asserts that the kernel holds no managed object once flush has run.
func nothingLeft(ts *testscript.TestScript) {
	s := of(ts)
	objects, err := s.listed("-N")
	ts.Check(err)
	var endpoints []string
	for _, o := range objects {
		switch {
		case isMarked(o.line):
			ts.Fatalf("after flush there is still\n%s", o.line)
		case o.list == "endpoints":
			endpoints = append(endpoints, o.line)
		}
	}
	if diff := gocmp.Diff(situationOf(ts).handmade, endpoints); diff != "" {
		ts.Fatalf("the endpoints before the first run and after flush:\n%s", diff)
	}
	settings, err := s.ip("sysctl -ar ignore_routes_with_linkdown")
	ts.Check(err)
	if strings.Contains(settings, "= 1") || !strings.Contains(settings, "= 0") {
		ts.Fatalf("after flush there is still\n%s", settings)
	}
}
