// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/valyala/fastjson"

	"github.com/mptcpctl/mptcpctl/pkg/netifd"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// Version is the version of the document, its key "version". It grows when a
// reader of the one before would make another plan.
const Version = 2

// MaxSize bounds a document, in bytes. A router's has some ten thousand.
const MaxSize = 16 << 20

// ErrNewer says that the document has a version that is not known here.
var ErrNewer = errors.New("made by a newer mptcpctl")

// Snapshot is all that a plan is made from.
type Snapshot struct {
	// Program is the version of the program that made it, Release that of the
	// kernel.
	Program, Release string
	// File names the configuration in messages. Config is its text, with the
	// runtime choices: see Keep.
	File, Config string
	// Saved are the modes in the configuration of interfaces whose mode is a
	// runtime choice.
	Saved []SavedMode
	// Warnings are about lines that could not be read.
	Warnings []string
	// Netifd says that the interfaces are what netifd reports; else they come
	// from the kernel.
	Netifd     bool
	Interfaces []netifd.Interface
	// State is what the kernel has. The subflows are always listed where the
	// kernel can; SubflowsAsked is not kept, since each plan asks by itself.
	State plan.State
	// HintKnown says that the lock file told what the last run left: LastID is
	// the endpoint id that it gave last, Tables are where it left routes, Laminar the
	// ids that were given with the laminar flag.
	HintKnown bool
	LastID    uint8
	Tables    []uint32
	Laminar   []uint32
	// Privileged says that the maker had CAP_NET_ADMIN, without which kernels
	// before 6.15 list no subflow.
	Privileged bool
}

// SavedMode is the mode that the configuration gives an interface.
type SavedMode struct{ Interface, Mode string }

// Encode writes the document, on one line. Keys whose value is zero or empty
// are left out.
func Encode(s *Snapshot) []byte {
	a := &fastjson.Arena{}
	c := &codec{arena: a, object: a.NewObject()}
	c.object.Set("version", a.NewNumberInt(Version))
	c.snapshot(s)
	return append(c.object.MarshalTo(nil), '\n')
}

// Decode reads a document. The error is one line; it wraps ErrNewer where the
// document has a later Version.
func Decode(data []byte) (Snapshot, error) {
	var s Snapshot
	if len(data) > MaxSize {
		return s, errors.New("larger than 16 MiB")
	}
	v, err := ParseJSON(data)
	if err != nil {
		return s, err
	}
	version := v.Get("version")
	if version == nil {
		return s, errors.New("no snapshot: it has no version")
	}
	if n, err := version.Int64(); err != nil || n < 1 {
		return s, errors.New("version: expected a number from 1 up")
	} else if n > Version {
		return s, fmt.Errorf("%w: version %d, this one reads %d", ErrNewer, n, Version)
	}
	c := &codec{object: v}
	c.snapshot(&s)
	if c.err == nil && (s.File == "" || s.Config == "") {
		c.err = errors.New("config_file or config: missing")
	}
	return s, c.err
}

// ParseJSON reads one JSON document that a user has stored, maybe with a program that
// puts a byte order mark in front.
func ParseJSON(data []byte) (*fastjson.Value, error) {
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		return nil, errors.New("UTF-16 text: store it as UTF-8")
	}
	v, err := fastjson.ParseBytes(bytes.TrimPrefix(data, []byte("\ufeff")))
	switch {
	case err == nil:
		return v, nil
	case strings.Contains(err.Error(), "unexpected tail"):
		return nil, errors.New("more than one JSON document, or text behind it")
	}
	return nil, errors.New("no JSON document, or one that was cut short")
}
