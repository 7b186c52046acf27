// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/valyala/fastjson"

	"github.com/mptcpctl/mptcpctl/pkg/sockdiag"
)

// printJSON prints {"connections": [...], "subflows_known": BOOL}; the latter is
// false if the kernel lists subflows only for root.
func (l *connectionList) printJSON() error {
	w := &connectionJSON{list: l}
	if err := w.connections("{"); err != nil {
		return err
	}
	return w.end()
}

// connectionJSON writes one document, a connection at a time.
type connectionJSON struct {
	list  *connectionList
	rates *rates // nil: not measured
	see   func(*sockdiag.Connection)
	arena fastjson.Arena
	b     text
}

// connections writes the beginning of the document, and "connections".
func (w *connectionJSON) connections(before string) error {
	w.b = append(append(w.b[:0], before...), `"connections":[`...)
	n := 0
	err := w.list.each(func(c *sockdiag.Connection) error {
		if n++; n > 1 {
			w.b = append(w.b, ',')
		}
		if w.see != nil {
			w.see(c)
		}
		w.b = w.connection(c).MarshalTo(w.b)
		w.arena.Reset()
		return w.flush(outputLen)
	})
	w.b = append(w.b, ']')
	return err
}

// lines writes the rates of lines.
func (w *connectionJSON) lines(lines []lineRate) {
	list := w.arena.NewArray()
	for i, l := range lines {
		o := w.arena.NewObject()
		o.Set("interface", w.arena.NewString(l.name))
		w.numbers(o, jsonNumber{"subflows", uint64(l.subflows)})
		w.measured(o, l.rate, w.rates.elapsed > 0)
		list.SetArrayItem(i, o)
	}
	w.b = list.MarshalTo(append(w.b, `,"lines":`...))
	w.arena.Reset()
}

// end writes "subflows_known" and the end of the document.
func (w *connectionJSON) end() error {
	w.b = append(w.b, `,"subflows_known":`...)
	w.b = jsonBool(&w.arena, !w.list.hidden()).MarshalTo(w.b)
	w.b = append(w.b, "}\n"...)
	return w.flush(0)
}

// flush writes the text if it is longer than a length. It is called after
// complete values.
func (w *connectionJSON) flush(length int) error {
	if len(w.b) > length {
		w.b = strictJSON(w.b) // a device may have any name
	}
	return w.list.flush(&w.b, length)
}
