// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// A kernel without Multipath TCP cannot be had in a namespace, so what is said of
// it is tested here, and what is planned for it in pkg/plan.
func TestWithoutPathManagerOneLineAndItsExitCode(t *testing.T) {
	t.Parallel()
	bad := config.Problem{File: "network", Section: "wan", Option: "multipath", Value: "x", Accepted: "off or on"}
	const missing = "mptcpctl: this kernel has no Multipath TCP: rules and routes are kept, endpoints are not\n"
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
			v := view{cfg: config.Config{Globals: config.Globals{Multipath: tt.enabled}, Problems: tt.problems}}
			v.state.PathManager = tt.manager
			var text bytes.Buffer
			if code := report(&text, v.problems()); code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			if diff := cmp.Diff(tt.text, text.String()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
