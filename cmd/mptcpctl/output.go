// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"

	"github.com/valyala/fastjson"
	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/reconcile"
)

func (o *options) printf(format string, args ...any) error {
	_, err := fmt.Fprintf(o.out, format, args...)
	return wrap("writing the output", err)
}

// printJSON writes one JSON document on a line of its own.
func (o *options) printJSON(v *fastjson.Value) error {
	_, err := o.out.Write(append(strictJSON(v.MarshalTo(nil)), '\n'))
	return wrap("writing the output", err)
}

// strictJSON puts JSON's escape sequences for those of Go that fastjson writes for
// control characters and for bytes that are no UTF-8.
func strictJSON(b []byte) []byte {
	b = bytes.ToValidUTF8(b, []byte("\uFFFD"))
	if bytes.IndexByte(b, '\\') < 0 {
		return b
	}
	out := make([]byte, 0, len(b)+16)
	for i := 0; i < len(b); i++ {
		if b[i] != '\\' {
			out = append(out, b[i])
			continue
		}
		i++
		switch {
		case b[i] == 'x' && b[i+1] >= '8': // a byte of no character
			out = append(out, `\ufffd`...)
			i += 2
		case b[i] == 'x':
			out = append(out, `\u00`...)
		case b[i] == 'a':
			out = append(out, `\u0007`...)
		case b[i] == 'v':
			out = append(out, `\u000b`...)
		default:
			out = append(out, '\\', b[i])
		}
	}
	return out
}

// wrap says what was being done. No error stays none.
func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// terminal reports whether a stream is a terminal (ioctl TCGETS).
func terminal(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// jsonStrings is an array of strings.
func jsonStrings(a *fastjson.Arena, items []string) *fastjson.Value {
	list := a.NewArray()
	for i, item := range items {
		list.SetArrayItem(i, a.NewString(item))
	}
	return list
}

func jsonBool(a *fastjson.Arena, b bool) *fastjson.Value {
	if b {
		return a.NewTrue()
	}
	return a.NewFalse()
}

func uintText(n uint32) string { return uint64Text(uint64(n)) }

func uint64Text(n uint64) string { return strconv.FormatUint(n, 10) }

// maxWarnings is how many warnings are printed at once: a file can have one for each of
// its lines.
const maxWarnings = 20

// warn prints warnings, one line each.
func (o *options) warn(warnings []string) {
	o.said(warnings)
	for i, w := range warnings {
		if i == maxWarnings {
			fmt.Fprintf(o.err, "mptcpctl: warning: and %d more\n", len(warnings)-i)
			return
		}
		fmt.Fprintf(o.err, "mptcpctl: warning: %s\n", plain(w))
	}
}

// showRun prints what a run by hand has done.
func (o *options) showRun(r reconcile.Outcome, asJSON bool) error {
	o.warn(r.Warnings)
	if asJSON {
		return o.printJSON(planJSON(r.Done))
	}
	return o.printf("%s", planText(r.Done))
}
