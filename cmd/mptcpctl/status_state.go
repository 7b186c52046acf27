// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// subflowsText counts the established subflows of a line; "?" where the kernel
// cannot list them.
func subflowsText(s *plan.State, u *plan.Use) string {
	if !s.SubflowsKnown {
		return "?"
	}
	return fmt.Sprint(countSubflows(s, u))
}

func countSubflows(s *plan.State, u *plan.Use) int {
	n := 0
	for _, subflow := range s.Subflows {
		if u.Holds(subflow.Local) {
			n++
		}
	}
	return n
}

// longestState is the length of the longest reason that is shown in the table.
const longestState = 16

// stateText is the state in a word or two, and a note for the rest.
func stateText(u *plan.Use) (state, note string) {
	state = string(u.Reason)
	if len(state) > longestState {
		state, note = "not used", state
	}
	if u.NoEndpoint != "" {
		state, note = "no endpoint", u.NoEndpoint
	}
	if note == "" && u.Usable && !u.Device.Carrier {
		note = "its device has no carrier"
	}
	return state, note
}
