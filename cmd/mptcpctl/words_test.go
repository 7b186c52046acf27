// SPDX-License-Identifier: Apache-2.0

package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// odd are words that a manual would not have, for which there are plain ones: again,
// until, peer, foreign, managed, stalls, is.
var odd = regexp.MustCompile(`(?i)\b(anew|till|far ends?|(of|is|are) ours|somebody|nobody|everybody|hangs?|others'|stands?|standing|make everything true|nothing is to do)\b`)

// fine are uses of them that are plain English, and names in quotes, such as keys of
// JSON.
var fine = regexp.MustCompile(`(?i)\b(stand-ins?|stands? (in )?for|stands? in|hang-?up)\b|"[a-z_]+"`)

// written are the directories whose comments and messages are held to that.
var written = []string{"../../pkg", ".", "../mptcplab"}

func TestWhatIsWrittenIsPlainEnglish(t *testing.T) {
	t.Parallel()
	files := 0
	for _, dir := range written {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			files++
			for at, text := range texts(t, path) {
				if found := odd.FindString(fine.ReplaceAllString(text, "")); found != "" {
					t.Errorf("%s: %q in %q", at, found, text)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if files < 50 {
		t.Errorf("%d files were read", files)
	}
}

// texts are the comments of a file, and its strings of more than one word, by where
// they are: a single one is a name, such as a key of JSON.
func texts(t *testing.T, path string) map[token.Position]string {
	t.Helper()
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[token.Position]string)
	for _, group := range file.Comments {
		// A phrase may be on two lines.
		all[fset.Position(group.Pos())] = strings.Join(strings.Fields(strings.ReplaceAll(group.Text(), "\n", " ")), " ")
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if text, err := strconv.Unquote(lit.Value); err == nil && strings.ContainsAny(strings.TrimSpace(text), " \n") {
				all[fset.Position(lit.Pos())] = text
			}
		}
		return true
	})
	return all
}

func TestOddWordsAreFound(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a rule of ours stands before it":           "of ours",
		"counts anew, till the far end hangs":       "anew",
		"what Nobody knows":                         "Nobody",
		"the stand-in for ubus stands for netifd's": "",
		"until the peer stalls, and again":          "",
		`the key "anew", and a hang-up`:             "",
	} {
		if got := odd.FindString(fine.ReplaceAllString(text, "")); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
