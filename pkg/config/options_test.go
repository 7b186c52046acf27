// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"go/ast"
	goparser "go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// with is a configuration with one option set, in a section of its type and name.
func with(o Option, value string) string {
	return "config " + o.Section + " '" + o.Section + "'\n option " + o.Name + " '" + value + "'\nconfig interface 'lan'\n"
}

// valueOf is a value of an option that differs from its default.
func valueOf(o Option) string {
	for _, word := range o.Words {
		if word != o.Default && slices.Contains(trueWords, o.Default) == slices.Contains(falseWords, word) {
			return word
		}
	}
	if o.Name == optionCheckHost {
		return "ping:192.0.2.1"
	}
	return "7"
}

// Every option of the table makes a difference, and an unset one is its default.
func TestEveryOptionOfTheTableIsRead(t *testing.T) {
	for _, o := range Options() {
		empty, set := mustParse(t, with(o, "")), mustParse(t, with(o, valueOf(o)))
		if len(set.Problems)+len(set.Warnings) > 0 {
			t.Errorf("%s of %s: '%s' is not accepted: %v %q", o.Name, o.Section, valueOf(o), set.Problems, set.Warnings)
		}
		if cmp.Diff(empty.Globals, set.Globals) == "" && empty.Interfaces[0].Mode == set.Interfaces[0].Mode && empty.Interfaces[0].Table == set.Interfaces[0].Table &&
			cmp.Diff(empty.Interfaces[0].Check, set.Interfaces[0].Check, cmpopts.EquateComparable(Target{})) == "" {
			t.Errorf("%s of %s: '%s' changes nothing", o.Name, o.Section, valueOf(o))
		}
		for _, word := range o.Words {
			if cfg := mustParse(t, with(o, word)); len(cfg.Problems)+len(cfg.Warnings) > 0 {
				t.Errorf("%s of %s: '%s' is not accepted", o.Name, o.Section, word)
			}
		}
	}
}

// What is said about a bad value is what the table says. The kernel judges the
// values of settings.
func TestABadValueIsToldByTheTable(t *testing.T) {
	told := 0
	for _, o := range Options() {
		cfg, err := parse(t, with(o, "nonsense"))
		var problem Problem
		if !errors.As(err, &problem) && len(cfg.Problems) == 1 {
			problem = cfg.Problems[0]
		}
		text := problem.Accepted
		if len(cfg.Warnings) == 1 {
			text = cfg.Warnings[0]
		}
		switch {
		case o.Sysctl != "":
			if text != "" {
				t.Errorf("%s: %q", o.Name, text)
			}
		default:
			told++
			if !strings.Contains(text, o.Accepted()) {
				t.Errorf("%s of %s: %q, want %q", o.Name, o.Section, text, o.Accepted())
			}
		}
	}
	if told != 15 {
		t.Errorf("%d options are judged by the table alone", told)
	}
}

// Every name in the sources that looks like one of our options is in the table.
func TestEveryOptionThatIsReadIsInTheTable(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := goparser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			word, err := strconv.Unquote(lit.Value)
			if err != nil || !looksOurs(word) || slices.Contains(prefixes[1:], word) {
				return true
			}
			seen++
			if !slices.ContainsFunc(options, func(o Option) bool { return o.Name == word }) {
				t.Errorf("%s: %q is not in the table", file, word)
			}
			return true
		})
	}
	if seen < len(options) {
		t.Errorf("%d names found", seen)
	}
}

func TestTheTableIsWhole(t *testing.T) {
	seen := make(map[string]bool)
	for _, o := range Options() {
		if seen[o.Section+"."+o.Name] || o.Accepted() == "" || o.Default == "" || (o.Words == nil) == (o.Values == "") {
			t.Errorf("%+v", o)
		}
		if first := rune(o.Meaning[0]); !unicode.IsUpper(first) || strings.Index(o.Meaning, ".") != len(o.Meaning)-1 {
			t.Errorf("%s: %q is not one sentence", o.Name, o.Meaning)
		}
		seen[o.Section+"."+o.Name] = true
	}
	for name, want := range map[string]bool{"multipath": true, "mptcp_shceduler": true, "multipath_tabel": true, "congestion": true, "metric": false, "mptcpd_enable": false} {
		if looksOurs(name) != want {
			t.Errorf("%s: ours %v, want %v", name, looksOurs(name), want)
		}
	}
}

// looksOurs reports whether a name is one of our options, or looks like one.
func looksOurs(name string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) }) ||
		slices.ContainsFunc(options, func(o Option) bool { return o.Name == name })
}

// prefixes are how the names of our options begin; congestion, which is older
// than mptcpctl, has neither.
var prefixes = []string{"multipath", "mptcp_"}
