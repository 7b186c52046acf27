// SPDX-License-Identifier: Apache-2.0

package uci

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func deltas(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/deltas/*.delta")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded deltas: %v", err)
	}
	inputs := make(map[string][]byte)
	for _, file := range files {
		inputs[strings.TrimSuffix(filepath.Base(file), ".delta")] = read(t, file)
	}
	return inputs
}

func basePackage(t testing.TB) *Package {
	t.Helper()
	p, err := Parse("network", read(t, "testdata/deltas/base.in"))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// skippedLines lists the lines of each delta that change nothing because they are
// wrong; the others have none.
func skippedLines() map[string][]int {
	return map[string][]int{
		"crlf":                        {1},
		"garbage_between":             {1, 4, 5, 6, 7},
		"list_add_to_section":         {1},
		"no_value":                    {1},
		"nul":                         {1},
		"other_package":               {1},
		"remove_list_item_behind_end": {3},
		"remove_section":              {2},
		"rename_bad":                  {1},
		"reorder_option":              {1},
		"set_bad_type":                {1},
		"set_control_character":       {1},
		"set_in_missing_section":      {1},
		"torn":                        {2},
		"torn_swallows":               {1},
		"trailing_text":               {1, 2, 3},
	}
}

func TestApplyDeltaChangesWhatLibuciChanges(t *testing.T) {
	skipped := skippedLines()
	for name, delta := range deltas(t) {
		t.Run(name, func(t *testing.T) {
			p := basePackage(t)
			var lines []int
			for _, w := range ApplyDelta(p, delta) {
				lines = append(lines, w.Line)
			}
			want := string(read(t, "testdata/deltas/"+name+".out"))
			if diff := cmp.Diff(want, p.String()); diff != "" {
				t.Errorf("export (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(skipped[name], lines); diff != "" {
				t.Errorf("lines with a warning (-want +got):\n%s", diff)
			}
		})
	}
}

func TestApplyDeltaExplainsWhatItSkips(t *testing.T) {
	for line, want := range map[string]string{
		"network.wan9.a='1'":   "line 1: no such section or option",
		"network.wan.a":        "line 1: a value is missing",
		"network.wan.a='1":     "line 1: the file ends inside an open quote",
		"firewall.wan.a='1'":   `line 1: this is about package "firewall", not network`,
		"network.wan.a.b='1'":  `line 1: "network.wan.a.b" is not PACKAGE.SECTION or PACKAGE.SECTION.OPTION`,
		"network.wan='a b'":    `line 1: the section type "a b" has a character that UCI does not allow there`,
		"network.w='a b'":      `line 1: the section type "a b" has a character that UCI does not allow there`,
		"@network.wan='a b'":   `line 1: the new name "a b" has a character that UCI does not allow there`,
		"^network.wan.proto=1": "line 1: only sections have a position",
		"~network.wan=1":       "line 1: only options can be lists",
		"network.wan.a=1 b":    "line 1: text after the end of the change",
		"-network.wan.dns=x":   `line 1: "x" is not the number of an item`,
		"network.wan.a=\x01":   `line 1: the value "\x01" has a control character`,
	} {
		var got []string
		for _, w := range ApplyDelta(basePackage(t), []byte(line)) {
			got = append(got, w.String())
		}
		if diff := cmp.Diff([]string{want}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", line, diff)
		}
	}
}
