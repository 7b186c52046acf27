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
		badName = ": only letters, digits and _"
		behind  = "; the options of this section count for the one before it, "
	)
	return map[string][]Warning{
		"args_after_semicolon":       {{Line: 1, Text: `unknown command "a"`}},
		"bad_keyword":                {{Line: 3, Text: `unknown command "foo"`}},
		"bad_section_keeps_previous": {{Line: 3, Text: `the section name "w@n"` + badChar + badName + behind + `"lan"`}},
		"bare_keyword":               {{Line: 1, Text: missing}, {Line: 2, Text: missing}, {Line: 4, Text: missing}, {Line: 5, Text: missing}, {Line: 6, Text: missing}, {Line: 7, Text: missing}},
		"bare_keyword_no_newline":    {{Line: 2, Text: missing}},
		"bom":                        {{Line: 1, Text: `unknown command "\ufeffconfig"`}, {Line: 2, Text: early}},
		"dash_option":                {{Line: 2, Text: `the option name "a-b"` + badChar}},
		"dot_option":                 {{Line: 2, Text: `the option name "a.b"` + badChar}},
		"empty_option_name":          {{Line: 2, Text: missing}},
		"keyword_case":               {{Line: 1, Text: `unknown command "Config"`}, {Line: 3, Text: `unknown command "OPTION"`}},
		"keyword_quoted":             {{Line: 2, Text: `unknown command "'option'"`}},
		"leading_semicolon":          {{Line: 2, Text: `unknown command ";option"`}, {Line: 3, Text: `unknown command ";"`}},
		"name_with_shell":            {{Line: 1, Text: `the section name "$(reboot)"` + badChar + badName}, {Line: 2, Text: early}},
		"name_with_space":            {{Line: 1, Text: `the section name "my wan"` + badChar + badName}, {Line: 2, Text: early}},
		"nul":                        {{Line: 2, Text: open}},
		"nul_in_long_line":           {{Line: 2, Text: `unknown command "e"`}},
		"option_before_section":      {{Line: 1, Text: early}},
		"package_bad":                {{Line: 1, Text: `the package name "net.work"` + badChar}, {Line: 2, Text: missing}},
		"prefix_config":              {{Line: 1, Text: `unknown command "configx"`}, {Line: 2, Text: early}},
		"spaces_in_type":             {{Line: 1, Text: `the section type "my type"` + badChar}},
		"type_high_byte":             {{Line: 1, Text: `the section type "r\xe9"` + badChar}},
		"unq_trailing_backslash_cr":  {{Line: 2, Text: `unknown command "e"`}},
		"unterminated_dq":            {{Line: 2, Text: open}},
		"unterminated_sq":            {{Line: 2, Text: open}},
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

// TestOptionsOfASectionThatCannotBeRead compares what libuci does with them, and what
// mptcpctl does where no netifd reads the file.
func TestOptionsOfASectionThatCannotBeRead(t *testing.T) {
	const before, behind = "config interface 'lan'\n\toption device 'br-lan'\n", "\n\toption device 'eth0'\n\tlist dns '1'\n\nconfig interface 'wan'\n"
	for _, line := range []string{
		"config interface 'br-ex'", "config interface eth0.100", "config 'my type' 'x'", "config", "config ",
	} {
		for apart, want := range map[bool]string{true: "br-lan", false: "eth0"} {
			p, err := parse("network", []byte(before+line+behind), apart)
			if err != nil || len(p.Sections) != 2 || len(p.Warnings) != 1 {
				t.Fatalf("%s: %+v, error %v", line, p, err)
			}
			if got, _ := p.Sections[0].Get("device"); got != want || len(p.Sections[1].Options) > 0 {
				t.Errorf("%s, apart %v: the device of lan is %q, want %q", line, apart, got, want)
			}
		}
		p, err := parse("network", []byte(line+behind), true)
		if err != nil || len(p.Sections) != 1 || len(p.Warnings) != 1 {
			t.Errorf("%s in front: %+v, error %v", line, p, err)
		}
	}
	const name = `the section name "eth0.100" has a character that UCI does not allow there: only letters, digits and _; the options of this section are left out`
	if p, err := parse("network", []byte("config interface eth0.100\n"), true); err != nil || p.Warnings[0].Text != name {
		t.Errorf("%q, error %v", p.Warnings, err)
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
