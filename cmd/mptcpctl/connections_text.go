// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/netip"

	"github.com/mptcpctl/mptcpctl/pkg/sockdiag"
)

const (
	// lineWidth is where a line of text is broken.
	lineWidth = 80
	// stateWidth has room for the longest usual state, "peer's backup".
	stateWidth = 13
)

// connectionText writes connections as text, with measured rates where there are
// any.
type connectionText struct {
	text
	names     lineNames
	rates     *rates
	nameWidth int
	lineWidth int
	tail      text // the end of a row, before it is known on which line it goes
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
	if c.Token == 0 {
		t.str("-       ")
	} else {
		t.token(c.Token)
	}
	t.str("  ")
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

// subflow writes the line of a subflow. Addresses come last, since they may be
// long.
func (t *connectionText) subflow(s *sockdiag.Subflow, remote netip.AddrPort) {
	start := len(t.text)
	t.str("  ")
	t.str(t.names.of(s.Local.Addr(), s.IfIndex))
	t.padRight(start, 2+t.nameWidth)
	t.str(" ")
	column := len(t.text)
	t.rtt(s.TCP.RTT)
	t.padLeft(column, 6)
	t.column(uint64(s.TCP.Cwnd), true, 4)
	if t.rates != nil {
		rate, known := t.rates.of(s)
		t.column(rate.sent, known, 5)
		t.column(rate.received, known, 5)
	} else {
		t.column(s.TCP.BytesSent, true, 5)
		t.column(s.TCP.BytesReceived, true, 5)
	}
	t.column(uint64(s.TCP.Retrans), true, 5)
	if t.rates == nil {
		t.column(8*s.TCP.DeliveryRate, s.TCP.DeliveryRate > 0, 5)
	}
	t.str(" ")
	column = len(t.text)
	t.str(subflowState(s))
	t.padRight(column, stateWidth)
	t.tail = t.tail[:0]
	t.tail.address(s.Local)
	if s.Remote != remote {
		t.tail.str(" -> ")
		t.tail.address(s.Remote)
	}
	t.end(start)
}

// end writes the tail, on a line of its own where it would go
// beyond the edge.
func (t *connectionText) end(start int) {
	if len(t.text)-start+1+len(t.tail) > t.lineWidth {
		t.str("\n         ")
	}
	t.str(" ")
	t.text = append(t.text, t.tail...)
	t.str("\n")
}
