// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/mptcpctl/mptcpctl/pkg/sockdiag"
)

// connectionText writes connections as text, with measured rates where there are
// any.
type connectionText struct {
	text
	names     lineNames
	rates     *rates
	nameWidth int
	lineWidth int
	tail      text // the end of a row, which may go to the next line
}

func newConnectionText(names lineNames) *connectionText {
	t := &connectionText{names: names, nameWidth: len("IFACE"), lineWidth: lineWidth}
	for i := range names.lines {
		t.nameWidth = max(t.nameWidth, len(names.lines[i].Name))
	}
	return t
}

func (t *connectionText) header() {
	t.str("TOKEN     LOCAL -> PEER  STATE\n  ")
	start := len(t.text)
	t.str("IFACE")
	t.padRight(start, t.nameWidth)
	if t.rates != nil {
		t.str("    RTT CWND   OUT    IN  RETR STATE         LOCAL\n")
	} else {
		t.str("    RTT CWND  SENT  RECV  RETR  RATE STATE         LOCAL\n")
	}
}

// connection writes the block of a connection.
func (t *connectionText) connection(c *sockdiag.Connection) {
	start := len(t.text)
	t.token(c.Token)
	t.padRight(start, 10)
	if t.rates != nil {
		rate, known := t.rates.ofConnection(c)
		t.str("out ")
		t.column(rate.sent, known, 5)
		t.str("  in ")
		t.column(rate.received, known, 5)
		t.str("  ")
	}
	t.address(c.Local)
	t.tail = t.tail[:0]
	t.tail.str("-> ")
	t.tail.address(c.Remote)
	t.tail.str("  ")
	t.tail.str(connectionState(c))
	t.end(start)
	if len(c.Subflows) == 0 {
		t.str("  no subflow\n")
	}
	for i := range c.Subflows {
		t.subflow(&c.Subflows[i], c.Remote)
	}
}

// end writes the tail, on a line of its own if it does not fit.
func (t *connectionText) end(start int) {
	if len(t.text)-start+1+len(t.tail) > t.lineWidth {
		t.str("\n         ")
	}
	t.str(" ")
	t.text = append(t.text, t.tail...)
	t.str("\n")
}

// connectionState is the state of a connection in a word or two.
func connectionState(c *sockdiag.Connection) string {
	switch {
	case !c.Fallback:
		return c.State.String()
	case c.State == sockdiag.Established:
		return "TCP fall-back"
	}
	return c.State.String() + ", TCP fall-back"
}
