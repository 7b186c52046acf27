// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"strconv"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/sockdiag"
)

// printLines prints the rates of an interval to a file or a pipe: one row for each
// connection, then one for each line, all in the same format. The first interval
// has no rates yet and prints nothing.
//
//	TIME connection TOKEN LOCAL REMOTE subflows N out BITS in BITS
//	TIME line NAME subflows N out BITS in BITS
func (w *connectionWatch) printLines(ctx context.Context) error {
	w.begin(ctx)
	first := w.rates.elapsed == 0
	stamp := w.rates.at.Format(time.RFC3339)
	var t text
	writeRates := func(subflows int, rate traffic) {
		t.str(" subflows ")
		t.uint(uint64(subflows))
		t.str(" out ")
		t.uint(rate.sent)
		t.str(" in ")
		t.uint(rate.received)
		t.str("\n")
	}
	err := w.each(func(c *sockdiag.Connection) error {
		w.see(c)
		if first {
			return nil
		}
		t.str(stamp)
		t.str(" connection ")
		t.token(c.Token)
		t.str(" ")
		t.address(c.Local)
		t.str(" ")
		t.address(c.Remote)
		rate, _ := w.rates.ofConnection(c)
		writeRates(len(c.Subflows), rate)
		return w.flush(&t, outputLen)
	})
	if err != nil || first {
		return err
	}
	for _, line := range w.lines {
		t.str(stamp)
		t.str(" line ")
		t.str(line.name)
		writeRates(line.subflows, line.rate)
	}
	return w.flush(&t, 0)
}

// watchJSON prints a document in each interval, on a line of its own: that of
// printJSON with "time" in seconds since 1970, and "lines", each with "interface",
// "subflows" and, from the second document on, "out_bits_per_second" and
// "in_bits_per_second".
func (l *connectionList) watchJSON(ctx context.Context, interval time.Duration) error {
	w := newConnectionWatch(l)
	doc := &connectionJSON{list: l, rates: &w.rates, see: w.see}
	return every(ctx, interval, func() error {
		w.begin(ctx)
		stamp := strconv.FormatFloat(float64(w.rates.at.UnixMilli())/1000, 'f', 3, 64)
		if err := doc.connections(`{"time":` + stamp + ","); err != nil {
			return err
		}
		doc.lines(w.lines)
		return doc.end()
	})
}
