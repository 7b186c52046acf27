// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/valyala/fastjson"

	"github.com/mptcpctl/mptcpctl/pkg/trial"
)

// words are those of the JSON form for people.
func words(key fmt.Stringer) string { return strings.ReplaceAll(key.String(), "_", " ") }

// testText is the result for people: a table, why a line lacks something, and the verdict.
func testText(word string, t *trial.Test) string {
	rows := make([]string, len(t.Lines))
	notes := ""
	for i := range t.Lines {
		l := &t.Lines[i]
		var rtt text
		rtt.rtt(time.Duration(l.RTT) * time.Microsecond)
		columns := []string{plain(l.Name), plain(l.Device), l.Source.String(), string(rtt), words(l.Answer), words(l.Join)}
		rows[i] = strings.Join(columns, "\t")
		if why := t.Reason(l); why != "" {
			notes += plain(l.Name+": "+why) + "\n"
		}
	}
	head := t.To.String()
	if word != head {
		head = plain(word) + ": " + head
	}
	return head + "\n" + strings.Join(aligned("LINE\tDEVICE\tSOURCE\tRTT\tCONNECTION\tSUBFLOW", rows), "") +
		notes + plain(t.Verdict()) + "\n"
}

// testJSON is the result for programs.
func testJSON(word string, t *trial.Test) *fastjson.Value {
	var a fastjson.Arena
	lines := a.NewArray()
	for i := range t.Lines {
		l := &t.Lines[i]
		v := a.NewObject()
		set := func(key, value string) { v.Set(key, a.NewString(value)) }
		set("interface", l.Name)
		set("device", l.Device)
		set("source", l.Source.String())
		set("result", l.Answer.String())
		set("join", l.Join.String())
		set("reason", t.Reason(l))
		v.Set("rtt_us", a.NewNumberInt(int(l.RTT)))
		v.Set("ok", jsonBool(&a, t.OK(l)))
		lines.SetArrayItem(i, v)
	}
	doc := a.NewObject()
	doc.Set("host", a.NewString(word))
	doc.Set("address", a.NewString(t.To.Addr().String()))
	doc.Set("port", a.NewNumberInt(int(t.To.Port())))
	doc.Set("lines", lines)
	doc.Set("ok", jsonBool(&a, t.AllOK()))
	doc.Set("verdict", a.NewString(t.Verdict()))
	return doc
}
