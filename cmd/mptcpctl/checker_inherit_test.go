// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"strings"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

// inherit lets aliases, and sections on the device of one that has a mode, follow it.
func (c *checkedConfig) inherit() {
	own := make(map[string][]*checkedLine) // by device
	for _, l := range c.lines {
		if l.hasMode && l.device != "" {
			own[l.device] = append(own[l.device], l)
		}
	}
	var followers []*checkedLine // what follows is not followed
	for _, l := range c.lines {
		var parent *checkedLine
		if name, alias := strings.CutPrefix(l.device, "@"); alias {
			parent = c.named(name)
		} else if on := own[l.device]; len(on) == 1 {
			parent = on[0]
		}
		if l.hasMode || parent == nil || !parent.hasMode {
			continue
		}
		l.mode, l.saved = parent.mode, parent.saved
		l.bad = l.bad || parent.bad
		followers = append(followers, l)
	}
	for _, l := range followers {
		l.hasMode = true
	}
	for _, l := range c.lines {
		if p := l.parent; p != nil {
			l.mode, l.saved, l.hasMode, l.bad, l.fixed = p.mode, p.saved, p.hasMode, p.bad, p.fixed
		}
	}
}

func (c *checkedConfig) named(name string) *checkedLine {
	i := slices.IndexFunc(c.lines, func(l *checkedLine) bool { return l.name == name })
	if i < 0 {
		return nil
	}
	return c.lines[i]
}

// withoutSection places an interface that has none: a dynamic one behind the line
// that it belongs to by its name.
func (c *checkedConfig) withoutSection(i netlab.Interface) *checkedLine {
	l := &checkedLine{name: i.Name, mode: "off"}
	at := len(c.lines)
	if cut := strings.LastIndexByte(i.Name, '_'); i.Dynamic && cut > 0 {
		if p := c.named(i.Name[:cut]); p != nil && p.position > 0 {
			l.parent, at = p, slices.Index(c.lines, p)+1
		}
	}
	c.lines = slices.Insert(c.lines, at, l)
	return l
}
