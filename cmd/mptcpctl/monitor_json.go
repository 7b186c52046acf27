// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/valyala/fastjson"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
)

// eventJSON is the object for an event: "time" in seconds since 1970, "event"
// (its name with underscores), "token", "interface", "local" and "remote", which
// are empty if there is none. Events about subflows have "local_id", "remote_id",
// "backup" (as the peer sets it), "error" and "reset_reason" (empty if there is
// none); "created" and "established" have "server"; "announced" and "removed" have
// "remote_id". {"time", "event": "lost", "count"} reports events that the kernel
// dropped; the count is 0 if it is unknown.
func eventJSON(now time.Time, e *mptcp.Event, line string) *fastjson.Value {
	a := &fastjson.Arena{}
	doc := a.NewObject()
	set := func(key, value string) { doc.Set(key, a.NewString(value)) }
	doc.Set("time", a.NewNumberString(unixText(now)))
	set("event", strings.ReplaceAll(e.Type.String(), " ", "_"))
	set("token", tokenText(e.Token))
	set("interface", strings.TrimPrefix(line, "-"))
	set("local", endText(e.Local))
	set("remote", endText(e.Remote))
	switch e.Type {
	case mptcp.EventCreated, mptcp.EventEstablished:
		doc.Set("server", jsonBool(a, e.Server))
	case mptcp.EventAnnounced, mptcp.EventRemoved:
		doc.Set("remote_id", a.NewNumberInt(int(e.RemoteID)))
	case mptcp.EventSubflowEstablished, mptcp.EventSubflowClosed, mptcp.EventSubflowPriority:
		doc.Set("local_id", a.NewNumberInt(int(e.LocalID)))
		doc.Set("remote_id", a.NewNumberInt(int(e.RemoteID)))
		doc.Set("backup", jsonBool(a, e.Backup))
		failure, reset := "", ""
		if e.Errno != 0 {
			failure = e.Errno.Error()
		}
		if e.WasReset {
			reset = e.Reset.String()
		}
		set("error", failure)
		set("reset_reason", reset)
	}
	return doc
}

// printLost reports events that the kernel dropped. It does not say which.
func (m *monitor) printLost(now time.Time, lost *mptcp.LostError) error {
	if !m.asJSON {
		return m.printf("%s %v: they arrived faster than they were read\n", clockText(now), lost)
	}
	a := &fastjson.Arena{}
	doc := a.NewObject()
	doc.Set("time", a.NewNumberString(unixText(now)))
	doc.Set("event", a.NewString("lost"))
	doc.Set("count", a.NewNumberString(uintText(lost.Count)))
	return m.printJSON(doc)
}

func endText(a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

func unixText(t time.Time) string {
	return fmt.Sprintf("%d.%03d", t.Unix(), t.Nanosecond()/int(time.Millisecond))
}
