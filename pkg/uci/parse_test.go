// SPDX-License-Identifier: Apache-2.0

package uci

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// pairs returns the recorded inputs by name; the outputs are beside them.
func pairs(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/pairs/*.in")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded pairs: %v", err)
	}
	inputs := make(map[string][]byte)
	for _, file := range files {
		inputs[strings.TrimSuffix(filepath.Base(file), ".in")] = read(t, file)
	}
	return inputs
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// unterminated lists the pairs after which libuci complained about an open quote.
var unterminated = map[string]bool{"nul": true, "unterminated_dq": true, "unterminated_sq": true}

// warnings lists what must be said about a pair; the others are read in silence. The
// lines are those that libuci complained about, except for the three above, where it
// names the last line and we the one that the quote is on.
func warnings() map[string][]Warning {
	const (
		missing = "an argument is missing"
		early   = "option or list before the first section"
		open    = "the file ends inside an open quote"
		badChar = " has a character that UCI does not allow there"
	)
	return map[string][]Warning{
		"args_after_semicolon":       {{1, `unknown command "a"`}},
		"bad_keyword":                {{3, `unknown command "foo"`}},
		"bad_section_keeps_previous": {{3, `the section name "w@n"` + badChar}},
		"bare_keyword":               {{1, missing}, {2, missing}, {4, missing}, {5, missing}, {6, missing}, {7, missing}},
		"bare_keyword_no_newline":    {{2, missing}},
		"bom":                        {{1, `unknown command "\ufeffconfig"`}, {2, early}},
		"dash_option":                {{2, `the option name "a-b"` + badChar}},
		"dot_option":                 {{2, `the option name "a.b"` + badChar}},
		"empty_option_name":          {{2, missing}},
		"keyword_case":               {{1, `unknown command "Config"`}, {3, `unknown command "OPTION"`}},
		"keyword_quoted":             {{2, `unknown command "'option'"`}},
		"leading_semicolon":          {{2, `unknown command ";option"`}, {3, `unknown command ";"`}},
		"name_with_shell":            {{1, `the section name "$(reboot)"` + badChar}, {2, early}},
		"name_with_space":            {{1, `the section name "my wan"` + badChar}, {2, early}},
		"nul":                        {{2, open}},
		"nul_in_long_line":           {{2, `unknown command "e"`}},
		"option_before_section":      {{1, early}},
		"package_bad":                {{1, `the package name "net.work"` + badChar}, {2, missing}},
		"prefix_config":              {{1, `unknown command "configx"`}, {2, early}},
		"spaces_in_type":             {{1, `the section type "my type"` + badChar}},
		"type_high_byte":             {{1, `the section type "r\xe9"` + badChar}},
		"unq_trailing_backslash_cr":  {{2, `unknown command "e"`}},
		"unterminated_dq":            {{2, open}},
		"unterminated_sq":            {{2, open}},
	}
}

func TestParseReadsWhatLibuciReads(t *testing.T) {
	expected := warnings()
	for name, in := range pairs(t) {
		t.Run(name, func(t *testing.T) {
			p, err := Parse("network", in)
			if errors.Is(err, ErrUnterminated) != unterminated[name] || err != nil && !unterminated[name] {
				t.Fatalf("error %v", err)
			}
			want := string(read(t, "testdata/pairs/"+name+".out"))
			if diff := cmp.Diff(want, p.String()); diff != "" {
				t.Errorf("export (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(expected[name], p.Warnings); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseSaysWhereThingsStand(t *testing.T) {
	const in = "# comment\nconfig interface 'wan'\n\toption proto \"a\nb\"\n\nconfig rule; list l 'x'\n list l 'y z'\nconfig interface 'wan'\n"
	got, err := Parse("network", []byte(in))
	if err != nil {
		t.Fatal(err)
	}
	want := &Package{Name: "network", Sections: []Section{
		{Type: "interface", Name: "wan", Line: 2, Options: []Option{{Name: "proto", Values: []string{"a\nb"}}}},
		{Type: "rule", Name: "cfg0292bd", Anonymous: true, Line: 6},
	}, Warnings: nil}
	want.Sections[1].Options = []Option{{Name: "l", Values: []string{"y z"}, List: true}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("package (-want +got):\n%s", diff)
	}
}

func TestAccessors(t *testing.T) {
	p, err := Parse("network", []byte("config interface 'wan'\n\toption a 'x y'\n\tlist b '1'\n\tlist b '2'\n\tlist c ''\n"))
	if err != nil {
		t.Fatal(err)
	}
	if w := ApplyDelta(p, []byte("|network.wan.gone='1'\n~network.wan.gone='1'\n")); w != nil {
		t.Fatal(w)
	}
	wan, ok := p.Section("wan")
	if !ok {
		t.Fatal("no section wan")
	}
	for _, test := range []struct {
		option, value string
		set           bool
		values        []string
	}{
		{"a", "x y", true, []string{"x y"}},
		{"b", "1 2", true, []string{"1", "2"}},
		{"c", "", true, []string{""}},
		{"gone", "", false, []string{}},
		{"never", "", false, nil},
	} {
		value, set := wan.Get(test.option)
		if value != test.value || set != test.set {
			t.Errorf("Get(%q) = %q, %v, want %q, %v", test.option, value, set, test.value, test.set)
		}
		if diff := cmp.Diff(test.values, wan.Values(test.option)); diff != "" {
			t.Errorf("Values(%q) (-want +got):\n%s", test.option, diff)
		}
	}
	if _, ok := p.Section("lan"); ok {
		t.Error("found a section lan")
	}
}

func TestUnnamedLeavesOutMadeUpNames(t *testing.T) {
	p, err := Parse("network", []byte("config rule\n\toption a 'b'\nconfig rule 'r'\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := "package network\n\nconfig rule\n\toption a 'b'\n\nconfig rule 'r'\n\n"
	if diff := cmp.Diff(want, p.Unnamed()); diff != "" {
		t.Errorf("Unnamed (-want +got):\n%s", diff)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, test := range []struct {
		name, pkg string
		data      []byte
		want      error
	}{
		{"more than a mebibyte", "network", bytes.Repeat([]byte("\n"), MaxSize+1), ErrTooLarge},
		{"an empty package name", "", nil, ErrInvalid},
		{"a package name with a path", "../network", nil, ErrInvalid},
		{"a package name that looks like an option", "-x", nil, ErrInvalid},
	} {
		t.Run(test.name, func(t *testing.T) {
			if p, err := Parse(test.pkg, test.data); !errors.Is(err, test.want) || p != nil {
				t.Errorf("got %v, error %v, want %v", p, err, test.want)
			}
		})
	}
}

func TestParseTakesTheLargestFile(t *testing.T) {
	numbered := func(format string) string {
		var b strings.Builder
		for i := 0; b.Len() < MaxSize; i++ {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	for name, text := range map[string]string{
		"one option":      strings.Repeat("o a b\n", MaxSize),
		"many options":    numbered("o a%d b\n"),
		"many sections":   numbered("c a s%d\n"),
		"anonymous ones":  strings.Repeat("c a\n", MaxSize),
		"NUL bytes":       strings.Repeat("x\x00\n", MaxSize),
		"quotes":          strings.Repeat("o a 'b\n", MaxSize),
		"one long line":   strings.Repeat("c 'a';", MaxSize),
		"joined lines":    strings.Repeat("\\\n", MaxSize),
		"unknown command": strings.Repeat("x\n", MaxSize),
	} {
		t.Run(name, func(t *testing.T) {
			p, err := Parse("network", []byte("c r\n" + text)[:MaxSize])
			if p == nil || p.Sections[0].Type != "r" {
				t.Errorf("got no section, error %v", err)
			}
		})
	}
}
