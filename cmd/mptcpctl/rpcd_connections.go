// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	"github.com/mptcpctl/mptcpctl/pkg/sockdiag"
)

// connectionPage is a part of the list of connections, as long as an answer may be.
type connectionPage struct {
	pageOf
	json connectionJSON
	text []byte
	// shown and total count connections.
	shown, total int
	full         bool
}

// printPage prints connections from an offset on, in the kernel's order, "total", and
// whether there are more behind the last one ("truncated").
func printPage(ctx context.Context, o *options, input rpcdInput) error {
	l := &connectionList{options: o}
	if err := l.readNames(ctx); err != nil {
		return err
	}
	p := newConnectionPage(l, input.pageOf)
	if err := l.each(p.add); err != nil {
		return err
	}
	return o.printf("%s", p.end())
}

func newConnectionPage(l *connectionList, page pageOf) *connectionPage {
	return &connectionPage{pageOf: page, json: connectionJSON{list: l}, text: []byte(`{"connections":[`)}
}

// pageEnd is room for what comes behind the connections, in bytes.
const pageEnd = 100

// add counts a connection, and keeps it if it is in the page and fits.
func (p *connectionPage) add(c *sockdiag.Connection) error {
	p.total++
	if p.full || p.total <= p.offset || p.shown == p.limit {
		return nil
	}
	one := strictJSON(p.json.connection(c).MarshalTo(nil)) // a device may have any name
	p.json.arena.Reset()
	if p.full = len(p.text)+len(one)+pageEnd > maxDocument; p.full {
		return nil
	}
	if p.shown++; p.shown > 1 {
		p.text = append(p.text, ',')
	}
	p.text = append(p.text, one...)
	return nil
}

func (p *connectionPage) end() []byte {
	return fmt.Appendf(p.text, "],\"total\":%d,\"truncated\":%t,\"subflows_known\":%t}\n",
		p.total, p.total-p.shown > p.offset, !p.json.list.hidden())
}
