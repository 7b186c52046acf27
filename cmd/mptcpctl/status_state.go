// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/valyala/fastjson"

	"github.com/mptcpctl/mptcpctl/pkg/health"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
	"github.com/mptcpctl/mptcpctl/pkg/reconcile"
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
	if h := &u.Health; h.Source != "" {
		if h.Verdict == health.Dead || h.Verdict == health.Degraded {
			state, note = h.Verdict.String(), ""
		}
		if note != "" {
			note += "; "
		}
		note += healthText(h)
	}
	if note == "" && u.Usable && !u.Device.Carrier {
		note = "its device has no carrier"
	}
	return state, note
}

// healthText is the verdict on a line, for how long it has stood, and on what it rests.
func healthText(h *plan.Health) string {
	text := h.Verdict.String()
	if h.Since > 0 {
		text += " for " + (reconcile.SinceBoot() - h.Since).Truncate(time.Second).String()
	}
	if h.Reason != "" {
		text += ": " + h.Reason
	}
	return text + " (" + h.Source + ")"
}

// healthJSON is the same for programs: "since" is in seconds since 1970.
func healthJSON(a *fastjson.Arena, h *plan.Health) *fastjson.Value {
	o := a.NewObject()
	o.Set("verdict", a.NewString(h.Verdict.String()))
	since := time.Now().Add(h.Since - reconcile.SinceBoot()).Unix()
	o.Set("since", a.NewNumberString(strconv.FormatInt(since, 10)))
	o.Set("reason", a.NewString(h.Reason))
	o.Set("source", a.NewString(h.Source))
	return o
}
