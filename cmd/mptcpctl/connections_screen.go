// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"time"
)

// lowScreen is the height in lines below which there is no room for headings.
const lowScreen = 16

// screen is a frame that is at most as high as the terminal.
func (w *connectionWatch) screen(interval time.Duration, width, height int) string {
	t := newConnectionText(w.names)
	t.rates, t.lineWidth = &w.rates, max(width, lineWidth)
	plural := "s"
	if w.shown == 1 {
		plural = ""
	}
	t.str(fmt.Sprintf("%d connection%s, every %v, q quits; OUT and IN in bit/s\n", w.shown, plural, interval))
	if w.hidden() {
		t.str(hiddenText)
		t.str("\n")
	}
	w.writeLines(&t.text, 2+t.nameWidth)
	switch {
	case w.shown == 0:
		t.str("\n")
		t.str(w.none())
		return string(t.text)
	case height >= lowScreen:
		t.str("\n")
		t.header()
	}
	w.writeBlocks(t, height-bytes.Count(t.text, []byte{'\n'}))
	return string(t.text)
}

// writeLines writes what each line carries.
func (w *connectionWatch) writeLines(t *text, nameWidth int) {
	write := func(name, rest string) {
		start := len(*t)
		t.str(name)
		t.padRight(start, nameWidth)
		t.str(rest)
	}
	write("LINE", " SUBFLOWS   OUT    IN\n")
	measured := w.rates.elapsed > 0
	for i := range w.lines {
		l := &w.lines[i]
		write(l.name, "")
		t.column(uint64(l.subflows), true, 8)
		t.column(l.rate.sent, measured, 5)
		t.column(l.rate.received, measured, 5)
		t.str("\n")
	}
}

// writeBlocks writes as many connections as fit into a number of lines. The first
// is cut if it does not fit.
func (w *connectionWatch) writeBlocks(t *connectionText, lines int) {
	for i := range w.top {
		start := len(t.text)
		t.connection(&w.top[i].Connection)
		need := bytes.Count(t.text[start:], []byte{'\n'})
		if need < lines || need == lines && i+1 == w.shown {
			lines -= need
			continue
		}
		more := w.shown - i
		end := start
		if i == 0 {
			more--
			for range lines - 1 {
				end += bytes.IndexByte(t.text[end:], '\n') + 1
			}
		}
		t.text = t.text[:end]
		t.str("...")
		if more > 0 {
			t.str(fmt.Sprintf(" and %d more", more))
		}
		return
	}
}
