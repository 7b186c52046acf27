// SPDX-License-Identifier: Apache-2.0

package trial

import "strings"

// OK reports whether a line does all that it should: it has MPTCP to the server, and its
// subflow has joined, unless it is alone or none is meant to.
func (r *Result) OK(lines []Line, i int) bool {
	if r.Lines[i].Answer != Multipath {
		return false
	}
	switch r.Lines[i].Join {
	case First, Joined:
		return true
	case NoJoin:
		return len(lines) == 1 || !lines[i].Joins && lines[i].Why == ""
	}
	return false
}

// AllOK reports whether all do.
func (r *Result) AllOK(lines []Line) bool {
	for i := range lines {
		if !r.OK(lines, i) {
			return false
		}
	}
	return true
}

// some reports whether there is a line with an answer.
func (r *Result) some(a Answer) bool {
	for i := range r.Lines {
		if r.Lines[i].Answer == a {
			return true
		}
	}
	return false
}

// Reason says why a line does not do all that it should, as far as that can be told. It is
// empty for one that does.
func (r *Result) Reason(lines []Line, i int) string {
	o := &r.Lines[i]
	switch o.Answer {
	case Silent:
		return "no answer"
	case Refused:
		return "the connection was refused: nothing listens there, or a firewall rejects it"
	case Failed:
		return "cannot send: " + o.Err.Error()
	case Dropped:
		return "SYNs with MPTCP are dropped on the way, those without are answered"
	case Rejected:
		return "SYNs with MPTCP are refused on the way, those without are accepted"
	case Plain:
		if o.Listener || r.some(Multipath) {
			return "the path strips the MPTCP option: this server does speak MPTCP"
		}
		return "the server does not speak MPTCP, or the path strips the option; another line to it, or mptcpctl test --listen on the server, decides"
	}
	switch o.Join {
	case JoinSilent:
		return "its subflow was not answered: the path or a firewall drops SYNs that join"
	case JoinStripped:
		return "its subflow was answered without MPTCP: the path strips the option from joins, or another server has answered"
	case JoinRefused:
		return "its subflow was refused by the server, which may allow no more, or by a firewall"
	case JoinUntried:
		return "the kernel has not tried a subflow: the server allows none to this address and has announced no other, or the limits are too low (mptcpctl status)"
	case JoinUnknown:
		return "its subflow was refused, or not tried"
	case JoinEnded:
		return "the server ended the connection before the subflow was there"
	case NoJoin:
		switch {
		case len(lines) == 1:
		case lines[i].Why != "":
			return lines[i].Why
		case lines[i].Joins:
			return "the connection over all lines could not be opened"
		}
	}
	return ""
}

// Verdict is the result in a sentence.
func (r *Result) Verdict(lines []Line) string {
	var good, bad []string
	for i := range lines {
		if r.OK(lines, i) {
			good = append(good, lines[i].Name)
		} else {
			bad = append(bad, lines[i].Name)
		}
	}
	capable := r.some(Multipath)
	switch {
	case len(bad) == 0 && len(lines) == 1:
		return "MPTCP works over " + lines[0].Name + "; subflows that join were not tried, as it is the only line"
	case len(bad) == 0:
		return "MPTCP works over " + list(good)
	case r.silent():
		return "the server cannot be reached over " + list(bad)
	case !capable && r.some(Plain):
		for i := range r.Lines {
			if r.Lines[i].Listener {
				return "MPTCP does not get through over " + list(bad)
			}
		}
		return "no MPTCP to this server: it does not speak MPTCP, or the option is stripped on the way"
	case !capable:
		return "MPTCP does not get through over " + list(bad)
	case len(good) == 0:
		return "MPTCP does not work over " + list(bad)
	}
	return "MPTCP works over " + list(good) + ", but not over " + list(bad)
}

// silent reports whether no line has reached the server.
func (r *Result) silent() bool {
	for i := range r.Lines {
		if a := r.Lines[i].Answer; a != Silent && a != Refused && a != Failed {
			return false
		}
	}
	return true
}

// list is names as a sentence has them.
func list(names []string) string {
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], ", ") + " and " + names[last]
}
