// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/valyala/fastjson"
)

// codec walks a snapshot. One walk serves the writer, which has an arena, the
// reader, and whoever changes addresses, who has no object, so that the three
// cannot differ.
type codec struct {
	arena  *fastjson.Arena
	object *fastjson.Value
	mask   *masker
	path   []string
	err    error
}

func (c *codec) writing() bool { return c.arena != nil }

// get is the value of a key to read, or nil.
func (c *codec) get(key string) *fastjson.Value {
	if c.writing() || c.object == nil || c.err != nil {
		return nil
	}
	return c.object.Get(key)
}

// fail notes the first thing that is wrong.
func (c *codec) fail(key, expected string) {
	if c.err == nil {
		c.err = fmt.Errorf("%s: expected %s", strings.Join(append(c.path, key), "."), expected)
	}
}

func (c *codec) text(key string, s *string) {
	if c.writing() && *s != "" {
		c.object.Set(key, c.string(*s))
	}
	if v := c.get(key); v != nil {
		b, err := v.StringBytes()
		if err != nil {
			c.fail(key, "a string")
		}
		*s = clean(string(b))
	}
}

// string is a JSON string. What cannot be printed is replaced, for fastjson
// would write an escape that JSON does not know.
func (c *codec) string(s string) *fastjson.Value { return c.arena.NewString(clean(s)) }

func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || strconv.IsPrint(r) {
			return r
		}
		return utf8.RuneError
	}, s)
}

func (c *codec) flag(key string, b *bool) {
	if c.writing() && *b {
		c.object.Set(key, c.arena.NewTrue())
	}
	if v := c.get(key); v != nil {
		var err error
		if *b, err = v.Bool(); err != nil {
			c.fail(key, "true or false")
		}
	}
}

// number is the value to keep: n itself unless one is read.
func (c *codec) number(key string, n, low, high int64) int64 {
	if c.writing() && n != 0 {
		c.object.Set(key, c.arena.NewNumberString(strconv.FormatInt(n, 10)))
	}
	if v := c.get(key); v != nil {
		got, err := v.Int64()
		if err == nil && got >= low && got <= high {
			return got
		}
		c.fail(key, fmt.Sprintf("a number from %d to %d", low, high))
	}
	return n
}

func (c *codec) uint32(key string, n *uint32) {
	*n = uint32(c.number(key, int64(*n), 0, math.MaxUint32))
}

func (c *codec) uint8(key string, n *uint8) {
	*n = uint8(c.number(key, int64(*n), 0, math.MaxUint8))
}

// int is for what is never negative, such as the index of a device.
func (c *codec) int(key string, n *int) {
	*n = int(c.number(key, int64(*n), 0, math.MaxInt32))
}

// word is a number that stands for one of some words; it is always written.
func (c *codec) word(key string, n uint8, words ...string) uint8 {
	if !c.writing() && c.object == nil {
		return n
	}
	var s string
	if c.writing() {
		s = words[n]
	}
	c.text(key, &s)
	for i, w := range words {
		if w == s {
			return uint8(i)
		}
	}
	c.fail(key, strings.Join(words, " or "))
	return 0
}

// addr is an address, which may be missing unless it is needed.
func (c *codec) addr(key string, a *netip.Addr, needed bool) {
	var s string
	if a.IsValid() {
		if c.mask != nil {
			*a = c.mask.addr(*a)
		}
		s = a.String()
	}
	c.text(key, &s)
	if c.get(key) != nil {
		var err error
		if *a, err = netip.ParseAddr(s); err != nil || a.Zone() != "" {
			c.fail(key, "an address")
		}
	}
	if needed && !a.IsValid() {
		c.fail(key, "an address")
	}
}

// prefix is a network, which may be missing unless it is needed.
func (c *codec) prefix(key string, p *netip.Prefix, needed bool) {
	if p.IsValid() && c.mask != nil {
		*p = c.mask.prefix(*p)
	}
	c.anyPrefix(key, p, needed)
}

// local is an address with the length of its prefix.
func (c *codec) local(key string, p *netip.Prefix, needed bool) {
	if p.IsValid() && c.mask != nil {
		*p = c.mask.local(*p)
	}
	c.anyPrefix(key, p, needed)
}

func (c *codec) anyPrefix(key string, p *netip.Prefix, needed bool) {
	var s string
	if p.IsValid() {
		s = p.String()
	}
	c.text(key, &s)
	if c.get(key) != nil {
		var err error
		if *p, err = netip.ParsePrefix(s); err != nil {
			c.fail(key, "a prefix")
		}
	}
	if needed && !p.IsValid() {
		c.fail(key, "a prefix")
	}
}

// optional is inside for an object that documents of the version before lack.
func (c *codec) optional(key string, fn func()) {
	if c.writing() || c.object == nil || c.get(key) != nil {
		c.inside(key, fn)
	}
}

// inside runs fn on the object of a key.
func (c *codec) inside(key string, fn func()) {
	c.enter(key, c.get(key), fn)
}

func (c *codec) enter(key string, v *fastjson.Value, fn func()) {
	outer := c.object
	switch {
	case c.err != nil:
		return
	case c.writing():
		c.object = c.arena.NewObject()
	case outer == nil:
	case v == nil || v.Type() != fastjson.TypeObject:
		c.fail(key, "an object")
		return
	default:
		c.object = v
	}
	c.path = append(c.path, key)
	fn()
	c.path = c.path[:len(c.path)-1]
	if c.writing() {
		outer.Set(key, c.object)
	}
	c.object = outer
}

// list walks the items of a list: n there are, a reader makes room for those it
// finds, and item walks one. Each is an object.
func (c *codec) list(key string, n int, room func(n int), item func(i int)) {
	var all *fastjson.Value
	var values []*fastjson.Value
	switch {
	case c.writing():
		all = c.arena.NewArray()
	case c.object != nil:
		if values = c.array(key); len(values) == 0 {
			return
		}
		n = len(values)
		room(n)
	}
	holder := c.object
	for i := range n {
		name := key + "[" + strconv.Itoa(i) + "]"
		switch {
		case c.writing():
			c.object = c.arena.NewObject()
			item(i)
			all.SetArrayItem(i, c.object)
			c.object = holder
		case holder != nil:
			c.enter(name, values[i], func() { item(i) })
		default:
			item(i)
		}
	}
	if c.writing() && n > 0 {
		holder.Set(key, all)
	}
}

// array is the list of a key to read.
func (c *codec) array(key string) []*fastjson.Value {
	v := c.get(key)
	if v == nil {
		return nil
	}
	values, err := v.Array()
	if err != nil {
		c.fail(key, "a list")
	}
	return values
}

// settings is a map of strings, in the order of its keys.
func (c *codec) settings(key string, m *map[string]string) {
	keys := make([]string, 0, len(*m))
	for k := range *m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	room := func(n int) { keys, *m = make([]string, n), make(map[string]string, n) }
	c.list(key, len(keys), room, func(i int) {
		c.text("key", &keys[i])
		value := (*m)[keys[i]]
		c.text("value", &value)
		(*m)[keys[i]] = value
	})
}
