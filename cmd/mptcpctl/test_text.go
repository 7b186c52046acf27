// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"

	"github.com/valyala/fastjson"

	"github.com/mptcpctl/mptcpctl/pkg/trial"
)

// testWords are the columns of the table.
var (
	answerWords = [...]string{"no answer", "MPTCP", "plain TCP", "MPTCP dropped", "MPTCP refused", "refused", "failed"}
	joinWords   = [...]string{"-", "first", "joined", "no answer", "refused", "stripped", "not tried", "unknown", "ended"}
)

// testText is the result for people: a table, why a line lacks something, and the verdict.
func testText(word string, t *trial.Test, r *trial.Result) string {
	rows := make([]string, len(t.Lines))
	notes := ""
	for i := range t.Lines {
		l, o := &t.Lines[i], &r.Lines[i]
		var rtt text
		rtt.rtt(o.RTT)
		rows[i] = plain(l.Name) + "\t" + plain(l.Device) + "\t" + l.Source.String() + "\t" + string(rtt) + "\t" + answerWords[o.Answer] + "\t" + joinWords[o.Join]
		if why := r.Reason(t.Lines, i); why != "" {
			notes += plain(l.Name+": "+why) + "\n"
		}
	}
	head := t.To.String()
	if word != head {
		head = plain(word) + ": " + head
	}
	return fmt.Sprintf("%s\n%s%s%s\n", head,
		strings.Join(aligned("LINE\tDEVICE\tSOURCE\tRTT\tCONNECTION\tSUBFLOW", rows), ""), notes, plain(r.Verdict(t.Lines)))
}

// testJSON is the result for programs.
func testJSON(word string, t *trial.Test, r *trial.Result) *fastjson.Value {
	var a fastjson.Arena
	lines := a.NewArray()
	for i := range t.Lines {
		l, o := &t.Lines[i], &r.Lines[i]
		v := a.NewObject()
		v.Set("interface", a.NewString(l.Name))
		v.Set("device", a.NewString(l.Device))
		v.Set("source", a.NewString(l.Source.String()))
		v.Set("result", a.NewString(o.Answer.String()))
		v.Set("rtt_us", a.NewNumberInt(int(o.RTT.Microseconds())))
		v.Set("join", a.NewString(o.Join.String()))
		v.Set("ok", jsonBool(&a, r.OK(t.Lines, i)))
		v.Set("reason", a.NewString(r.Reason(t.Lines, i)))
		lines.SetArrayItem(i, v)
	}
	doc := a.NewObject()
	doc.Set("host", a.NewString(word))
	doc.Set("address", a.NewString(t.To.Addr().String()))
	doc.Set("port", a.NewNumberInt(int(t.To.Port())))
	doc.Set("lines", lines)
	doc.Set("ok", jsonBool(&a, r.AllOK(t.Lines)))
	doc.Set("verdict", a.NewString(r.Verdict(t.Lines)))
	return doc
}
