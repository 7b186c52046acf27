// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/sockdiag"
)

const (
	// namesLast is how long --watch uses the names of the lines before it reads
	// them again.
	namesLast = 10 * time.Second
	// maxShown bounds the connections that are kept for a screen.
	maxShown = 256
)

// connectionWatch is what --watch knows from one interval to the next.
type connectionWatch struct {
	*connectionList
	rates rates
	lines []lineRate
	top   []rankedConnection // the fastest first
	shown int                // connections that match the filter
	named time.Time          // when the names were read
}

type rankedConnection struct {
	sockdiag.Connection
	rate uint64
}

func newConnectionWatch(l *connectionList) *connectionWatch {
	return &connectionWatch{connectionList: l, named: time.Now()}
}

// begin starts the listing of an interval: all lines count from zero.
func (w *connectionWatch) begin(ctx context.Context) {
	now := time.Now()
	w.rates.begin(now)
	if now.Sub(w.named) > namesLast {
		// A configuration that is being written is not a reason to stop.
		if names, err := w.options.readNames(ctx); err == nil {
			w.names = names
		}
		w.named = now
	}
	w.lines, w.top, w.shown = w.lines[:0], w.top[:0], 0
	for i := range w.names.lines {
		if l := &w.names.lines[i]; l.Participates() {
			w.lines = append(w.lines, lineRate{name: l.Name})
		}
	}
}

// see counts a connection.
func (w *connectionWatch) see(c *sockdiag.Connection) {
	w.shown++
	for i := range c.Subflows {
		s := &c.Subflows[i]
		w.rates.see(s)
		w.lines = w.rates.addTo(w.lines, w.names.of(s.Local.Addr(), s.IfIndex), s)
	}
}

// rank keeps a connection if it is one of the fastest; equal ones are ordered by
// token, so that idle connections keep their places.
func (w *connectionWatch) rank(c *sockdiag.Connection) {
	rate, _ := w.rates.ofConnection(c)
	r := rankedConnection{*c, rate.sent + rate.received}
	at := len(w.top)
	for at > 0 && (r.rate > w.top[at-1].rate || r.rate == w.top[at-1].rate && r.Token < w.top[at-1].Token) {
		at--
	}
	if at == maxShown {
		return
	}
	r.Subflows = append([]sockdiag.Subflow(nil), c.Subflows...)
	if len(w.top) < maxShown {
		w.top = append(w.top, r)
	}
	copy(w.top[at+1:], w.top[at:])
	w.top[at] = r
}

// watch shows the connections until the user or ctx ends it.
func (l *connectionList) watch(ctx context.Context, interval time.Duration) error {
	w := newConnectionWatch(l)
	if !screen(l.out) {
		return every(ctx, interval, func() error { return w.printLines(ctx) })
	}
	return l.live(ctx, interval, func(width, height int) (string, error) {
		// After a change of size the same is drawn again: a rate needs its interval.
		if time.Since(w.rates.at) >= interval/2 {
			w.begin(ctx)
			err := w.each(func(c *sockdiag.Connection) error {
				w.see(c)
				w.rank(c)
				return nil
			})
			if err != nil {
				return "", err
			}
		}
		return w.screen(interval, width, height), nil
	})
}
