// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/valyala/fastjson"
)

// pageOf says which part of a list is asked for.
type pageOf struct{ limit, offset int }

const (
	defaultLimit = 100
	maxLimit     = 500
	maxOffset    = 1<<31 - 1 // of a number of ubus
)

// maxInput is how much of the arguments is read, in bytes.
const maxInput = 4096

// rpcdSession is the argument by which uhttpd names the session of a call (ubus.c of
// uhttpd).
const rpcdSession = "ubus_rpc_session"

// readRpcdInput reads the arguments of a call: one JSON object, with what a page has if
// paged, and nothing else.
func readRpcdInput(in io.Reader, paged bool) (page pageOf, err error) {
	page.limit = defaultLimit
	data, err := io.ReadAll(io.LimitReader(in, maxInput+1))
	switch {
	case err != nil:
		return page, err
	case len(data) > maxInput:
		return page, fmt.Errorf("more than %d bytes of arguments", maxInput)
	}
	v, err := fastjson.ParseBytes(data)
	if err != nil || v.Type() != fastjson.TypeObject {
		return page, errors.New("the arguments are no JSON object")
	}
	seen := make(map[string]bool)
	v.GetObject().Visit(func(key []byte, v *fastjson.Value) {
		name := string(key)
		switch {
		case err != nil:
		case seen[name]:
			err = fmt.Errorf("the argument %q is given twice", name)
		case name == rpcdSession:
		case name == "limit" && paged:
			page.limit, err = argument(name, v, 1, maxLimit)
		case name == "offset" && paged:
			page.offset, err = argument(name, v, 0, maxOffset)
		default:
			err = fmt.Errorf("unknown argument %q", name)
		}
		seen[name] = true
	})
	return page, err
}

// argument is a whole number within bounds.
func argument(name string, v *fastjson.Value, least, most int) (int, error) {
	text := string(v.MarshalTo(nil))
	n, err := strconv.Atoi(text)
	if err != nil || strconv.Itoa(n) != text || n < least || n > most {
		return 0, fmt.Errorf("the argument %q is a number from %d to %d", name, least, most)
	}
	return n, nil
}
