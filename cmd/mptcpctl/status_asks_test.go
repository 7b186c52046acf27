// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"golang.org/x/sys/unix"
)

// TestStatusListsTheSubflowsOnce lets the plan ask for the subflows, by a change of
// fullmesh: status lists them no second time, and once more only to measure what
// they carry.
func TestStatusListsTheSubflowsOnce(t *testing.T) {
	t.Parallel()
	s := newStage(t, "wan1=master wan2=on")
	s.play("run apply")
	s.play("option globals mptcp_path_manager fullmesh")
	sent := func(command string) (n int) {
		t.Helper()
		code, printed, _, err := s.obstructed(func(_ int, call *seccompNotif) (unix.Errno, bool) {
			if sends(call.Nr) {
				n++
			}
			return 0, false
		}, command)
		s.check(err)
		if code != 0 {
			t.Fatalf("%s: exit code %d\n%s", command, code, printed)
		}
		return n
	}
	const listing = 2 // IPv4 and IPv6
	if plan, status := sent("plan"), sent("status"); status != plan {
		t.Errorf("status sends %d messages, plan %d", status, plan)
	}
	s.check(s.serve())
	running, err := s.Router.StartTransfer(s.connections.ctx, transferTrickle)
	s.check(err)
	s.connections.running = append(s.connections.running, running)
	if plan, status := sent("plan"), sent("status"); status != plan+listing {
		t.Errorf("with a connection, status sends %d messages, plan %d", status, plan)
	}
}
