// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

// TestSituations plays every file of testdata/situations: a network as routers
// have them, of which the comment at the top says what is right and why. Each runs
// in a namespace that holds nothing but the loopback device. Its files are "network",
// the configuration, and "netifd", what netifd reports (see situation.change); without
// the latter there is no netifd. Beside the commands of testscript there are
//
//	link NAME...              devices that are up; the other end of NAME is pNAME
//	ip ARG..., router PROGRAM ARG...
//	                          programs on the router; ip must succeed
//	sysctl NAME [VALUE]       prints or writes a setting of the router
//	ifup NAME..., ifdown NAME...
//	                          what netifd does to the kernel for these interfaces
//	netifd NAME WORD...       changes what netifd reports of an interface
//	mptcpctl ARG..., exit CODE
//	                          the program; whatever it does, foreign objects stay
//	converge                  mptcpctl apply; the next run has nothing to do, and each
//	                          endpoint's address leaves by its device
//	way FAMILY QUERY WORDS... the route that `ip route get` finds has all of WORDS
//	onlink FAMILY QUERY       the destination is found on the link
//	source ADDRESS SOURCE     what a socket that is not bound sends from
//	endpoint ADDRESS [DEVICE [FLAG...]]
//	                          an endpoint stands; "!" and ADDRESS alone: none
//	eventually PATTERN PROGRAM ARG...
//	                          runs a program until what it prints matches
//	finds PATTERN             doctor says something
//	invariants [3|twice]      what holds in every situation; the last command of each
//
// CONFIG names the configuration file that is in use.
func TestSituations(t *testing.T) {
	t.Parallel()
	const dir = "testdata/situations"
	everyFileEndsWith(t, dir, "invariants")
	testscript.Run(t, testscript.Params{
		Dir:   dir,
		Setup: setupSituation,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"link": cmdLink, "ip": cmdIP, "router": cmdRouter, "sysctl": cmdSysctl, "netifd": cmdReport, "ifup": cmdIfup, "ifdown": cmdIfdown,
			"mptcpctl": cmdMptcpctlAmongOthers, "exit": cmdExit, "converge": cmdConverge, "way": cmdWay, "onlink": cmdOnLink, "source": cmdSource,
			"endpoint": cmdEndpoint, "eventually": cmdEventually, "finds": cmdFinds, "invariants": cmdInvariants,
		},
		Condition:          scriptCondition,
		RequireUniqueNames: true,
	})
}

// everyFileEndsWith asserts that the last command of every script is the given one.
func everyFileEndsWith(t *testing.T, dir, command string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s holds no scripts: %v", dir, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		commands, _, _ := strings.Cut(string(text), "\n-- ")
		lines := strings.Split(strings.TrimSpace(commands), "\n")
		if !strings.HasPrefix(lines[len(lines)-1], command) {
			t.Errorf("%s: the last command is not %q", file, command)
		}
	}
}

// situation is what belongs to one file beside its script.
type situation struct {
	reports  []*reported
	handmade []string // endpoints that stood before the first run
	ran      bool
}

type situationKey struct{}

func setupSituation(env *testscript.Env) error {
	if err := setupScript(env); err != nil {
		return err
	}
	s := env.Values[scriptKey{}].(*script)
	router, err := netlab.NewRouter(s.dir)
	if err != nil {
		return err
	}
	s.Lab = router
	config, err := os.ReadFile(filepath.Join(env.WorkDir, "network"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(s.ConfigDir(), "network"), config, 0o644); err != nil {
		return err
	}
	n := &situation{}
	env.Values[situationKey{}] = n
	return n.startNetifd(s, filepath.Join(env.WorkDir, "netifd"))
}

// situationOf returns what setupSituation made.
func situationOf(ts *testscript.TestScript) *situation {
	return ts.Value(situationKey{}).(*situation)
}
