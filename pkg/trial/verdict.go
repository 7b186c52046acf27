// SPDX-License-Identifier: Apache-2.0

package trial

import "strings"

// OK reports whether a line does all that it should: it has MPTCP to the server, and its
// subflow has joined, unless it is alone or none is meant to.
func (t *Test) OK(l *Line) bool { return t.Reason(l) == "" }

// AllOK reports whether all do.
func (t *Test) AllOK() bool {
	for i := range t.Lines {
		if !t.OK(&t.Lines[i]) {
			return false
		}
	}
	return true
}

// some reports whether there is a line with an answer.
func (t *Test) some(a Answer) bool {
	for i := range t.Lines {
		if t.Lines[i].Answer == a {
			return true
		}
	}
	return false
}

// speaks reports whether the server is known to speak MPTCP.
func (t *Test) speaks() bool {
	for i := range t.Lines {
		if t.Lines[i].Listener {
			return true
		}
	}
	return t.some(Multipath)
}

// Reason says why a line does not do all that it should, as far as that can be told. It is
// empty for one that does.
func (t *Test) Reason(l *Line) string {
	switch {
	case l.Answer == Failed:
		return "cannot send: " + l.Err.Error()
	case l.Answer == Plain && t.speaks():
		return "the path strips the MPTCP option: this server does speak MPTCP"
	case l.Answer != Multipath:
		return answerReasons[l.Answer]
	case l.Join == NoJoin && !l.Joins:
		return l.Why
	case l.Join == NoJoin && len(t.Lines) == 1:
		return ""
	}
	return joinReasons[l.Join]
}

var answerReasons = [...]string{
	Silent:   "no answer",
	Refused:  "the connection was refused: nothing listens there, or a firewall rejects it",
	Dropped:  "SYNs with MPTCP are dropped on the way, those without are answered",
	Rejected: "SYNs with MPTCP are refused on the way, those without are accepted",
	Plain:    "the server does not speak MPTCP, or the path strips the option; another line to it, or mptcpctl test --listen on the server, decides",
}

var joinReasons = [...]string{
	NoJoin:       "the connection over all lines could not be opened",
	JoinSilent:   "its subflow was not answered: the path or a firewall drops SYNs that join",
	JoinStripped: "its subflow was answered without MPTCP: the path strips the option from joins, or another server has answered",
	JoinRefused:  "its subflow was refused by the server, which may allow no more, or by a firewall",
	JoinUntried: "the kernel has not tried a subflow: the server allows none to this address and has announced no other, " +
		"or the limits are too low (mptcpctl status)",
	JoinUnknown: "its subflow was refused, or not tried",
	JoinEnded:   "the server ended the connection before the subflow was there",
}

// Verdict is the result in a sentence.
func (t *Test) Verdict() string {
	var good, bad []string
	reached := false
	for i := range t.Lines {
		l := &t.Lines[i]
		if t.OK(l) {
			good = append(good, l.Name)
		} else {
			bad = append(bad, l.Name)
		}
		reached = reached || l.Answer != Silent && l.Answer < Refused
	}
	switch {
	case len(bad) == 0 && len(t.Lines) == 1:
		return "MPTCP works over " + good[0] + "; subflows that join were not tried, as it is the only line"
	case len(bad) == 0:
		return "MPTCP works over " + list(good)
	case !reached:
		return "the server cannot be reached over " + list(bad)
	case !t.speaks() && t.some(Plain):
		return "no MPTCP to this server: it does not speak MPTCP, or the option is stripped on the way"
	case len(good) == 0:
		return "MPTCP does not work over " + list(bad)
	}
	return "MPTCP works over " + list(good) + ", but not over " + list(bad)
}

// list is names as a sentence has them.
func list(names []string) string {
	last := len(names) - 1
	if last < 1 {
		return names[0]
	}
	return strings.Join(names[:last], ", ") + " and " + names[last]
}
