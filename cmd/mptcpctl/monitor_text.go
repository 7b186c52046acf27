// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
)

// eventText is the line for an event. backup says that the line is in mode backup:
// the event itself has only the peer's flag.
func eventText(now time.Time, e *mptcp.Event, line string, backup bool) string {
	what := []string{e.Type.String()}
	switch {
	case e.Local.IsValid() && e.Remote.IsValid():
		what = append(what, e.Local.String(), ">", e.Remote.String())
	case e.Local.IsValid():
		what = append(what, e.Local.String())
	case e.Remote.IsValid():
		what = append(what, e.Remote.String())
	}
	text := fmt.Sprintf("%s %-8s %-6s %s", clockText(now), dash(tokenText(e.Token)), line, strings.Join(what, " "))
	if meaning := eventMeaning(e, backup); meaning != "" {
		text += ": " + meaning
	}
	return text + "\n"
}

// eventMeaning says in a few words what an event means.
func eventMeaning(e *mptcp.Event, backup bool) string {
	var words []string
	say := func(condition bool, format string, args ...any) {
		if condition {
			words = append(words, fmt.Sprintf(format, args...))
		}
	}
	opening := e.Type == mptcp.EventCreated || e.Type == mptcp.EventEstablished
	switch e.Type {
	case mptcp.EventCreated:
		say(e.Server, "opened by the peer")
		say(!e.Server, "opened by this host")
	case mptcp.EventEstablished:
		say(true, "can have more subflows")
	case mptcp.EventClosed:
		say(true, "the connection has ended")
	case mptcp.EventAnnounced:
		say(true, "another address of the peer, id %d", e.RemoteID)
	case mptcp.EventRemoved:
		say(true, "the peer withdrew its address id %d", e.RemoteID)
	case mptcp.EventSubflowEstablished, mptcp.EventSubflowClosed:
		say(true, "ids %d and %d", e.LocalID, e.RemoteID)
		say(backup && e.Type == mptcp.EventSubflowEstablished, "a backup line")
		say(e.Backup, "backup for the peer")
	case mptcp.EventSubflowPriority:
		say(e.Backup, "the peer made it a backup")
		say(!e.Backup, "the peer ended its backup role")
	}
	say(opening && e.NoJoinToFirst, "none to this address of the peer")
	say(e.Errno != 0, "%v", e.Errno)
	say(e.WasReset, "reset by the peer, %v", e.Reset)
	say(e.WasReset && e.Reset.Transient, "transient")
	return strings.Join(words, ", ")
}

// tokenText is empty for no token.
func tokenText(token uint32) string {
	if token == 0 {
		return ""
	}
	return string(appendToken(nil, token))
}

// clockText is the local time of day.
func clockText(t time.Time) string { return t.Format("15:04:05.000") }
