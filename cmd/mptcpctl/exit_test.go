// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
	"github.com/mptcpctl/mptcpctl/pkg/reconcile"
)

// A kernel without Multipath TCP cannot be had in a namespace, so what is said of
// it is tested here, and what is planned for it in pkg/plan.
func TestWithoutPathManagerOneLineAndItsExitCode(t *testing.T) {
	t.Parallel()
	bad := config.Problem{File: "network", Section: "wan", Option: "multipath", Value: "x", Accepted: "off or on"}
	const missing = "mptcpctl: this kernel has no Multipath TCP: only rules and routes are managed\n"
	for _, tt := range []struct {
		name     string
		enabled  bool
		manager  plan.PathManager
		problems []config.Problem
		code     int
		text     string
	}{
		{"the kernel has it", true, plan.PathManagerKernel, nil, 0, ""},
		{"the kernel has none", true, plan.PathManagerMissing, nil, exitNoMPTCP, missing},
		{"multipath is off anyway", false, plan.PathManagerMissing, nil, 0, ""},
		{"a bad value is worse", true, plan.PathManagerMissing, []config.Problem{bad}, exitConfig,
			"mptcpctl: network: section 'wan': option multipath 'x': expected off or on\n" + missing},
	} {
		t.Run(tt.name, func(t *testing.T) {
			seen := reconcile.Observation{Config: config.Config{Globals: config.Globals{Multipath: tt.enabled}, Problems: tt.problems}}
			seen.State.PathManager = tt.manager
			var text bytes.Buffer
			if code := report(&text, coded(seen.Problems())); code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			if diff := cmp.Diff(tt.text, text.String()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestTheFirstOfSeveralErrorsHasTheExitCode(t *testing.T) {
	t.Parallel()
	failure := errors.New("no such device")
	bad := reconcile.Problems(&config.Config{Problems: []config.Problem{{Section: "wan"}}})
	for _, tt := range []struct {
		name string
		err  error
		code int
	}{
		{"none", nil, 0},
		{"an operation", failure, exitFailed},
		{"a bad value", bad, exitConfig},
		{"an operation, and a bad value", errors.Join(failure, bad), exitFailed},
		{"a bad value, and the output", errors.Join(nil, bad, failure), exitConfig},
		{"joined twice", errors.Join(errors.Join(bad, failure), failure), exitConfig},
		{"the lock", fmt.Errorf("lock /run/lock: %w", reconcile.ErrLocked), exitLocked},
		{"no path manager", reconcile.ErrNoPathManager, exitNoMPTCP},
		{"no privilege", reconcile.ErrNotPrivileged, exitFailed},
		{"usage", usage("no mode %q", "x"), exitUsage},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if code := exitCode(tt.err); code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
		})
	}
}

func TestMessagesAreLinesOfText(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 81)
	path := "/" + strings.Repeat("d/", 100) + "network"
	for text, want := range map[string]string{
		"plain":                      "plain",
		"a\x1b[31mb\u009bc\rd":       "a?[31mb?c?d",
		"cut " + long + long:         "cut " + long[:80] + "...",
		"left " + long:               "left " + long,
		"\"" + path + "\": what":     "\"" + path + "\": what",
		strings.Repeat("\u00fc", 50): strings.Repeat("\u00fc", 40) + "...",
		"":                           "",
	} {
		if got := plain(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	err := errors.Join(fmt.Errorf("lock: %w", context.Canceled), errors.New("same"), errors.New("same"), fmt.Errorf("state: %w", context.DeadlineExceeded))
	if diff := cmp.Diff([]string{"lock: interrupted", "same", "state: timed out"}, errorLines(err)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
