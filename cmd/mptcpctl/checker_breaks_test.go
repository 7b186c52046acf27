// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestTheCheckerSeesWhatIsWrong breaks what a run has made, one thing at a time: a
// checker that says nothing of it would prove nothing in the walks.
func TestTheCheckerSeesWhatIsWrong(t *testing.T) {
	t.Parallel()
	const lab = "lab lan wan1=master,dhcp,ipv6,prefix:2001:db8:256::/56 wan2=on,dhcp,ipv6,prefix:2001:db8:512::/56"
	policy := []string{"walk ip -6 route add default dev lan0 table 258", "walk ip -6 rule add pref 29998 fwmark 0x30000/0xff0000 lookup 258"}
	for name, test := range map[string]struct {
		steps []string
		kinds string // those of the problems, in their order, each once; empty: nothing is wrong
	}{
		"nothing":                        {policy, ""},
		"a source's rule is missing":     {[]string{"walk ip rule del pref 502 from 10.0.2.2"}, "rules way"},
		"it leads into another table":    {[]string{"walk ip rule del pref 502 from 10.0.2.2", "walk ip rule add pref 502 from 10.0.2.2 lookup 4 protocol 77"}, "rules way"},
		"a table is empty":               {[]string{"walk ip route flush table 4"}, "routes way"},
		"the list is swapped":            {[]string{"walk ip rule del pref 32765 lookup 4", "walk ip rule add pref 32765 lookup 4 protocol 77"}, "list way"},
		"a prefix has no entry":          {[]string{"walk ip -6 rule del pref 32765 from 2001:db8:512::/56"}, "way"},
		"a prefix comes before policies": {append(slices.Clone(policy), "walk ip -6 rule add pref 600 from 2001:db8:512::/56 lookup 7 protocol 77"), "rules policy"},
		"a bound socket has no rule":     {[]string{"walk ip rule del pref 503 oif eth2"}, "rules"},
		"an endpoint is missing":         {[]string{"walk ip mptcp endpoint flush"}, "endpoints"},
		"the lost are not left out":      {[]string{"sysctl net.ipv4.conf.eth1.ignore_routes_with_linkdown 0"}, "linkdown"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := checkedKinds(t, lab, test.steps); got != test.kinds {
				t.Errorf("the checker says %q, want %q", got, test.kinds)
			}
		})
	}
}

// checkedKinds runs the program once, takes the steps, and returns what the checker
// finds then.
func checkedKinds(t *testing.T, lab string, steps []string) string {
	t.Helper()
	dir := t.TempDir()
	text := walkScript(lab, append([]string{"walk run apply"}, append(steps, "kinds")...))
	if err := os.WriteFile(filepath.Join(dir, "broken.txtar"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var kinds []string
	t.Run("", func(t *testing.T) {
		testscript.Run(t, testscript.Params{
			Dir: dir, Setup: setupScript,
			Cmds: map[string]func(*testscript.TestScript, bool, []string){
				"lab": cmdLab, "walk": cmdWalk, "sysctl": cmdSysctl,
				"kinds": func(ts *testscript.TestScript, neg bool, args []string) {
					none(ts, neg, args)
					for _, p := range of(ts).problemsNow(ts) {
						if ts.Logf("%v", p); !slices.Contains(kinds, p.kind) {
							kinds = append(kinds, p.kind)
						}
					}
				},
			},
		})
	})
	return strings.Join(kinds, " ")
}

// problemsNow checks the kernel as it is, as if a run had just ended.
func (s *script) problemsNow(ts *testscript.TestScript) []broken {
	s.walkHold(ts)
	defer s.walkLetGo(ts)
	config, err := s.readChecked()
	ts.Check(err)
	now := s.walkDump(ts)
	return s.checker.check(config, now, now, s.lockPath(), s.Router)
}
