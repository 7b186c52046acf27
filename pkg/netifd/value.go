// SPDX-License-Identifier: Apache-2.0

package netifd

import (
	"github.com/valyala/fastjson"

	"github.com/mptcpctl/mptcpctl/pkg/ubus"
)

// value is a table of a reply, as the bus sends it or as JSON.
type value interface {
	// text is that of a key; of an item, with the empty key, its own.
	text(key string) string
	flag(key string) bool
	// number reports too whether there is one.
	number(key string) (n int64, ok bool)
	// items is the array at the end of the keys; ok is false where there is none.
	items(keys ...string) (all []value, ok bool)
}

type jsonValue struct{ v *fastjson.Value }

func (j jsonValue) text(key string) string {
	if key == "" {
		return string(j.v.GetStringBytes())
	}
	return string(j.v.GetStringBytes(key))
}

func (j jsonValue) flag(key string) bool { return j.v.GetBool(key) }

func (j jsonValue) number(key string) (int64, bool) {
	return j.v.GetInt64(key), j.v.Exists(key)
}

func (j jsonValue) items(keys ...string) (all []value, ok bool) {
	list := j.v.Get(keys...)
	if list == nil || list.Type() != fastjson.TypeArray {
		return nil, false
	}
	for _, item := range list.GetArray() {
		all = append(all, jsonValue{item})
	}
	return all, true
}

type busValue struct{ v ubus.Value }

func (b busValue) text(key string) string {
	if key == "" {
		return b.v.Text()
	}
	return b.v.Get(key).Text()
}

func (b busValue) flag(key string) bool { return b.v.Get(key).Bool() }

func (b busValue) number(key string) (int64, bool) {
	v := b.v.Get(key)
	return v.Int(), v.Type() != 0
}

func (b busValue) items(keys ...string) (all []value, ok bool) {
	v := b.v
	for _, key := range keys {
		v = v.Get(key)
	}
	for _, item := range v.Items() {
		all = append(all, busValue{item})
	}
	return all, v.Type() == ubus.Array
}
