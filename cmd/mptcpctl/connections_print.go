// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strconv"

	"github.com/mptcpctl/mptcpctl/pkg/sockdiag"
)

// outputLen is how much text is written at once.
const outputLen = 32 << 10

// print writes the connections as the kernel lists them: ten thousand are not kept
// in memory, and fmt and tabwriter would take longer than the kernel.
func (l *connectionList) print() error {
	t := newConnectionText(l.names)
	t.header()
	n := 0
	err := l.each(func(c *sockdiag.Connection) error {
		n++
		t.connection(c)
		return l.flush(&t.text, outputLen)
	})
	if err != nil {
		return err
	}
	l.warnHidden()
	if n == 0 {
		return l.printf("%s\n", l.none())
	}
	return l.flush(&t.text, 0)
}

// flush writes the text if it is longer than a length.
func (l *connectionList) flush(t *text, length int) error {
	if len(*t) <= length {
		return nil
	}
	_, err := l.out.Write(*t)
	*t = (*t)[:0]
	return wrap("writing the output", err)
}

// none is the message if there is no connection to show.
func (l *connectionList) none() string {
	if l.connections > 0 {
		return "no match among " + strconv.Itoa(l.connections) + " MPTCP connections"
	}
	return "no MPTCP connections"
}
