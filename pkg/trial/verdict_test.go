// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestVerdict(t *testing.T) {
	t.Parallel()
	first := Line{Name: "wan1", Joins: true, Answer: Multipath, Join: First}
	second := func(a Answer, j Join) Line {
		return Line{Name: "wan2", Joins: true, Answer: a, Join: j, Err: unix.EACCES}
	}
	none := Line{Name: "wan1", Answer: Plain, Joins: true}
	tests := []struct {
		name    string
		lines   []Line
		ok      bool
		verdict string
		reason  string // of the last line, a part of it; empty: none
	}{
		{"both", []Line{first, second(Multipath, Joined)}, true, "MPTCP works over wan1 and wan2", ""},
		{"three", []Line{first, second(Multipath, Joined), {Name: "wan3", Answer: Multipath}}, true, "MPTCP works over wan1, wan2 and wan3", ""},
		{"one", []Line{{Name: "wan1", Joins: true, Answer: Multipath}}, true, "MPTCP works over wan1; subflows that join were not tried, as it is the only line", ""},
		{"one without an endpoint", []Line{{Name: "wan1", Why: "no endpoint: full", Answer: Multipath}}, false, "MPTCP does not work over wan1", "no endpoint: full"},
		{"no endpoint", []Line{first, {Name: "wan2", Why: "no endpoint: full", Answer: Multipath}}, false, "MPTCP works over wan1, but not over wan2", "no endpoint: full"},
		{"no connection over all", []Line{second(Multipath, NoJoin), second(Multipath, NoJoin)}, false, "MPTCP does not work over wan2 and wan2", "could not be opened"},
		{"plain beside MPTCP", []Line{first, second(Plain, NoJoin)}, false, "MPTCP works over wan1, but not over wan2", "the path strips"},
		{"plain only", []Line{none, second(Plain, NoJoin)}, false, "no MPTCP to this server: it does not speak MPTCP, or the option is stripped on the way", "the server does not speak MPTCP, or"},
		{"plain, our own server", []Line{{Name: "wan1", Answer: Plain, Listener: true}}, false, "MPTCP does not work over wan1", "the path strips"},
		{"plain beside nothing", []Line{none, second(Silent, NoJoin)}, false, "no MPTCP to this server: it does not speak MPTCP, or the option is stripped on the way", "no answer"},
		{"dropped", []Line{first, second(Dropped, NoJoin)}, false, "MPTCP works over wan1, but not over wan2", "SYNs with MPTCP are dropped"},
		{"dropped everywhere", []Line{second(Dropped, NoJoin)}, false, "MPTCP does not work over wan2", "SYNs with MPTCP are dropped"},
		{"rejected", []Line{first, second(Rejected, NoJoin)}, false, "MPTCP works over wan1, but not over wan2", "SYNs with MPTCP are refused"},
		{"refused", []Line{second(Refused, NoJoin)}, false, "the server cannot be reached over wan2", "refused"},
		{"silent", []Line{second(Refused, NoJoin), second(Silent, NoJoin)}, false, "the server cannot be reached over wan2 and wan2", "no answer"},
		{"failed", []Line{second(Failed, NoJoin)}, false, "the server cannot be reached over wan2", "cannot send: permission denied"},
		{"a join that is silent", []Line{first, second(Multipath, JoinSilent)}, false, "MPTCP works over wan1, but not over wan2", "not answered"},
		{"a join that is stripped", []Line{first, second(Multipath, JoinStripped)}, false, "MPTCP works over wan1, but not over wan2", "without MPTCP"},
		{"a join that is refused", []Line{first, second(Multipath, JoinRefused)}, false, "MPTCP works over wan1, but not over wan2", "refused by the server"},
		{"no join", []Line{first, second(Multipath, JoinUntried)}, false, "MPTCP works over wan1, but not over wan2", "has not tried"},
		{"a join of which nothing is known", []Line{first, second(Multipath, JoinUnknown)}, false, "MPTCP works over wan1, but not over wan2", "refused, or not tried"},
		{"an end", []Line{first, second(Multipath, JoinEnded)}, false, "MPTCP works over wan1, but not over wan2", "ended the connection"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			test := Test{Lines: tt.lines}
			last := &tt.lines[len(tt.lines)-1]
			if got := test.Verdict(); got != tt.verdict || test.AllOK() != tt.ok {
				t.Errorf("%v, %q, want %v, %q", test.AllOK(), got, tt.ok, tt.verdict)
			}
			if got := test.Reason(last); !strings.Contains(got, tt.reason) || (got == "") != (tt.reason == "") || (got == "") != test.OK(last) {
				t.Errorf("reason %q, want %q", got, tt.reason)
			}
			for i := range tt.lines {
				if l := &tt.lines[i]; l.Answer.String() == "" || l.Join.String() == "" {
					t.Errorf("no words for %d, %d", l.Answer, l.Join)
				}
			}
		})
	}
}

// TestExplain is about lines whose subflows are gone.
func TestExplain(t *testing.T) {
	t.Parallel()
	lines := func(begun ...bool) []Line {
		all := []Line{{Join: First, Joins: true}}
		for _, b := range begun {
			all = append(all, Line{Joins: true, begun: b})
		}
		return all
	}
	tests := []struct {
		name  string
		lines []Line
		c     counters
		ended bool
		want  Join // of the second line
	}{
		{"begun, and reset by us", lines(true), counters{1, 0, 1}, false, JoinStripped},
		{"begun, answered, and reset", lines(true), counters{1, 1, 1}, false, JoinRefused},
		{"begun, and gone", lines(true), counters{1, 0, 0}, false, JoinRefused},
		{"counted only", lines(false), counters{1, 0, 1}, false, JoinStripped},
		{"nothing counted", lines(false), counters{}, false, JoinUntried},
		{"nothing counted, another was seen", lines(false, true), counters{1, 0, 0}, false, JoinUntried},
		{"one of two counted", lines(false, false), counters{1, 0, 0}, false, JoinUnknown},
		{"the server has ended it", lines(false), counters{}, true, JoinEnded},
		{"it has ended it after a join", lines(false), counters{1, 0, 0}, true, JoinRefused},
		{"none is expected", []Line{{Join: First}, {}}, counters{}, false, NoJoin},
		{"it is there", []Line{{Join: First}, {Joins: true, Join: Joined, begun: true}}, counters{1, 1, 0}, false, Joined},
		{"it is silent", []Line{{Join: First}, {Joins: true, Join: JoinSilent, begun: true}}, counters{1, 0, 0}, false, JoinSilent},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			test := Test{Lines: tt.lines}
			test.explain(&tt.c, tt.ended)
			if got := tt.lines[1].Join; got != tt.want {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}
