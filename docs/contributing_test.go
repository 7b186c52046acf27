// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What CONTRIBUTING.md names: files of the tree, by their path or their name, and tests.
var (
	namedFile = regexp.MustCompile(`[a-z0-9_/*]+\.(?:go|txtar)\b`)
	namedTest = regexp.MustCompile(`\bTest[A-Z]\w+`)
)

func TestWhatContributingNamesExists(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	var tests strings.Builder
	err = filepath.WalkDir("..", func(name string, d fs.DirEntry, err error) error {
		if name == "../dist" {
			return fs.SkipDir // whole systems can be in it
		}
		if err != nil || d.IsDir() {
			return err
		}
		files = append(files, filepath.ToSlash(strings.TrimPrefix(name, "../")))
		if strings.HasSuffix(name, "_test.go") {
			source, err := os.ReadFile(name)
			tests.Write(source)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	exists := func(pattern string) bool {
		for _, file := range files {
			if !strings.Contains(pattern, "/") {
				file = path.Base(file)
			}
			if matches, _ := path.Match(pattern, file); matches || strings.HasSuffix(file, "/"+pattern) {
				return true
			}
		}
		return false
	}
	if exists("no_such_file.go") || !exists("exit.go") || !exists("pkg/plan/make.go") {
		t.Fatal("files are not looked up as they should be")
	}
	named := namedFile.FindAllString(strings.ReplaceAll(string(text), "vuln.go.dev", ""), -1)
	for _, name := range named {
		if !exists(name) {
			t.Errorf("there is no %s", name)
		}
	}
	asked := namedTest.FindAllString(string(text), -1)
	for _, name := range asked {
		if !strings.Contains(tests.String(), "func "+name+"(") {
			t.Errorf("there is no %s", name)
		}
	}
	if len(named) < 40 || len(asked) < 10 {
		t.Errorf("%d files and %d tests are named: what is looked for is wrong", len(named), len(asked))
	}
}
