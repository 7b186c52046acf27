// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// sendErrnos are what the kernel can answer to a request of ours or to the call
// that sends it, receiveErrnos what it can to a call that receives. EINTR is in
// neither: a call that may not wait is never interrupted (timeo is 0 in
// __skb_wait_for_more_packets of net/core/datagram.c, and netlink_unicast of
// net/netlink/af_netlink.c hands what is for the kernel over before it could wait).
// Injected, it is taken for EAGAIN by github.com/mdlayher/socket (ready in conn.go),
// which then waits for a readiness that was told before. A dump that others change
// is another thing: NLM_F_DUMP_INTR, in the message.
var (
	sendErrnos = []unix.Errno{
		unix.EEXIST, unix.ENOENT, unix.EBUSY, unix.ENOMEM, unix.ENOBUFS, unix.EPERM, unix.EINVAL, unix.ENODEV,
		unix.ENETUNREACH, unix.ERANGE, unix.ESRCH, unix.EADDRNOTAVAIL, unix.ENETDOWN,
	}
	receiveErrnos = []unix.Errno{unix.ENOBUFS, unix.ENOMEM}
)

// alreadyGone is what the kernel answers where something is not there: a run that is
// told so of a device or a rule believes it, and does not do what it would have to.
var alreadyGone = []unix.Errno{unix.ENOENT, unix.ESRCH, unix.EINVAL, unix.ENODEV, unix.EADDRNOTAVAIL}

// TestProveEveryMessageFails lets each netlink message of a run fail once: the rest
// is done all the same, every error is reported, the exit code is 1, and the next
// run does what is left. All but the message that fails meets the real kernel.
func TestProveEveryMessageFails(t *testing.T) {
	t.Parallel()
	for _, p := range passages {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, stageLines)
			want, calls := s.undisturbed(p)
			s.set(p)
			total := strings.Count(s.run("plan"), "\n")
			for at := 0; at < calls; at += stride() {
				sent := s.fails(p, want, total, at, at)
				// The one that is half a table away, in the long form.
				if sent && longProof() {
					s.fails(p, want, total, at, at+len(sendErrnos)/2)
				}
			}
			t.Logf("%d messages, %d operations", calls, total)
		})
	}
}

// fails plays a passage in which the message at a place fails with an errno of the
// table, the nth of those of its kind. It tells whether that was one which is sent.
func (s *stage) fails(p passage, want string, total, at, nth int) (sent bool) {
	s.Helper()
	s.set(p)
	var errno unix.Errno
	code, printed, _, err := s.obstructed(func(place int, call *seccompNotif) (unix.Errno, bool) {
		if place != at {
			return 0, false
		}
		sent = sends(call.Nr)
		table := receiveErrnos
		if sent {
			table = sendErrnos
		}
		errno = table[nth%len(table)]
		return errno, false
	}, "apply")
	s.check(err)
	what := fmt.Sprintf("%v at message %d (sent: %v)", errno, at, sent)
	done, problems, warnings := 0, 0, 0
	for line := range strings.Lines(printed) {
		switch {
		case strings.HasPrefix(line, "mptcpctl: warning:"):
			warnings++
		case strings.HasPrefix(line, "mptcpctl:"):
			problems++
		default:
			done++
		}
	}
	switch {
	case code != 0 && code != exitFailed:
		s.Errorf("%s: %s: exit code %d\n%s", p.name, what, code, printed)
	case (code == exitFailed) != (problems > 0):
		s.Errorf("%s: %s: exit code %d and %d errors\n%s", p.name, what, code, problems, printed)
	case done > 0 && done+problems+warnings < total && !slices.Contains(alreadyGone, errno):
		s.Errorf("%s: %s: %d operations done, %d errors, %d warnings, of %d operations\n%s", p.name, what, done, problems, warnings, total, printed)
	case code == 0 && warnings == 0 && !slices.Contains(alreadyGone, errno) && s.world() != want:
		s.Errorf("%s: %s: exit code 0, and the work is not done\n%s", p.name, what, printed)
	}
	s.converges(p, want, what)
	return sent
}
