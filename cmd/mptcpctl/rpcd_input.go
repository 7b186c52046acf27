// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

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

// rpcdInput are the arguments of a call. What was not given has its zero value, and a
// page its default.
type rpcdInput struct {
	pageOf
	name, mode, id string // name is the argument "interface"
	save, yes      bool
	args           []string // "host", as the word of a command line
}

// readRpcdInput reads the arguments of a call: one JSON object with those of the method,
// and nothing else.
func readRpcdInput(in io.Reader, arguments string) (input rpcdInput, err error) {
	input.limit = defaultLimit
	data, err := io.ReadAll(io.LimitReader(in, maxInput+1))
	switch {
	case err != nil:
		return input, err
	case len(data) > maxInput:
		return input, fmt.Errorf("more than %d bytes of arguments", maxInput)
	}
	v, err := fastjson.ParseBytes(data)
	if err != nil || v.Type() != fastjson.TypeObject {
		return input, errors.New("the arguments are no JSON object")
	}
	seen := make(map[string]bool)
	v.GetObject().Visit(func(key []byte, v *fastjson.Value) {
		name := string(key)
		switch {
		case err != nil:
		case seen[name]:
			err = fmt.Errorf("the argument %q is given twice", name)
		case name == rpcdSession:
		case !strings.Contains(","+arguments, `,"`+name+`":`):
			err = fmt.Errorf("unknown argument %q", name)
		default:
			err = input.read(name, v)
		}
		seen[name] = true
	})
	return input, err
}

// read reads one argument.
func (in *rpcdInput) read(name string, v *fastjson.Value) (err error) {
	switch name {
	case "limit":
		in.limit, err = argument(name, v, 1, maxLimit)
	case "offset":
		in.offset, err = argument(name, v, 0, maxOffset)
	case "interface":
		in.name, err = textArgument(name, v)
	case "mode":
		in.mode, err = textArgument(name, v)
	case "id":
		in.id, err = textArgument(name, v)
	case "host":
		var host string
		host, err = textArgument(name, v)
		in.args = []string{host}
	case "save":
		in.save, err = switchArgument(name, v)
	case "yes":
		in.yes, err = switchArgument(name, v)
	default:
		err = fmt.Errorf("unknown argument %q", name)
	}
	return err
}

func textArgument(name string, v *fastjson.Value) (string, error) {
	text, err := v.StringBytes()
	if err != nil {
		return "", fmt.Errorf("the argument %q is a string", name)
	}
	return string(text), nil
}

func switchArgument(name string, v *fastjson.Value) (bool, error) {
	on, err := v.Bool()
	if err != nil {
		return false, fmt.Errorf("the argument %q is true or false", name)
	}
	return on, nil
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
