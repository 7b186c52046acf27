// SPDX-License-Identifier: Apache-2.0

package uci

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func FuzzParse(f *testing.F) {
	for _, in := range pairs(f) {
		f.Add(in)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, _ := Parse("network", data)
		if p == nil || !reversible(p) {
			return
		}
		canonical := p.String()
		again, err := Parse("network", []byte(canonical))
		if err != nil || again.Warnings != nil {
			t.Fatalf("canonical form %q: error %v, warnings %v", canonical, err, again.Warnings)
		}
		if diff := cmp.Diff(canonical, again.String()); diff != "" {
			t.Errorf("canonical form (-first +second):\n%s", diff)
		}
		unlike := cmpopts.IgnoreFields(Section{}, "Line", "Anonymous")
		if diff := cmp.Diff(p.Sections, again.Sections, unlike); diff != "" {
			t.Errorf("sections (-first +second):\n%s", diff)
		}
	})
}

// reversible reports whether the canonical form means the same again: UCI prints
// section types without quotes, whatever they hold; and a name that libuci made up
// may be one that the file gives to another section further down.
func reversible(p *Package) bool {
	names := make(map[string]bool)
	for _, s := range p.Sections {
		if strings.ContainsAny(s.Type, `#;\'"`) || names[s.Name] {
			return false
		}
		names[s.Name] = true
	}
	return len(p.String()) <= MaxSize
}

func FuzzApplyDelta(f *testing.F) {
	for _, delta := range deltas(f) {
		f.Add(delta)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		ApplyDelta(basePackage(t), data)

		p := basePackage(t)
		edited := withChoice(data, "network", "wan", "", "network.wan='interface'\n")
		edited = withChoice(edited, "network", "wan", "proto", "network.wan.proto='ours'\n")
		ApplyDelta(p, edited)
		wan, ok := p.Section("wan")
		if !ok {
			t.Fatalf("no section wan after %q", edited)
		}
		if got, _ := wan.Get("proto"); got != "ours" {
			t.Errorf("the added line is not read: %q", edited)
		}
	})
}

func FuzzWithoutChoice(f *testing.F) {
	for _, delta := range deltas(f) {
		f.Add(delta)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if bytes.IndexByte(data, 0) >= 0 {
			return
		}
		kept := withoutChoice(data, "network", "wan", "proto")
		for l := (lexer{in: kept}); l.next(); {
			c, err := readChange(&l)
			if err == nil && c.pkg == "network" && c.section == "wan" && c.option == "proto" {
				t.Errorf("still there in %q: %v", kept, c)
			}
		}
	})
}
