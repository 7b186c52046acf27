// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/valyala/fastjson"

	"github.com/mptcpctl/mptcpctl/pkg/snapshot"
)

// maxReading is more than the output of counters --json takes; what is longer does
// not parse.
const maxReading = 64 << 10

// readCounters reads the output of counters --json. Its errors do not name the file.
func readCounters(name string) (map[string]uint64, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, pathCause(err)
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, maxReading))
	if err != nil {
		return nil, pathCause(err)
	}
	noReading := errors.New("not the output of counters --json")
	doc, err := snapshot.ParseJSON(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", noReading, err)
	}
	if doc.GetObject("counters") == nil {
		return nil, noReading
	}
	if doc.Exists("since") {
		return nil, errors.New("already a difference, made with --since")
	}
	old := make(map[string]uint64)
	var wrong error
	doc.GetObject("counters").Visit(func(key []byte, v *fastjson.Value) {
		n, err := v.Uint64()
		if err != nil {
			wrong = fmt.Errorf("%w: %s is not a count", noReading, key)
		}
		old[string(key)] = n
	})
	return old, wrong
}

// pathCause is the error without the path, which the caller names.
func pathCause(err error) error {
	if path, ok := errors.AsType[*os.PathError](err); ok {
		return path.Err
	}
	return err
}
