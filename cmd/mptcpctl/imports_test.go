// SPDX-License-Identifier: Apache-2.0

package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/mptcpctl/mptcpctl/"

// order is the direction of the data; a package imports only from its left.
var order = []string{"pkg/batch", "pkg/child", "pkg/file", "pkg/ubus", "pkg/uci", "pkg/config", "pkg/health", "pkg/probe", "pkg/netifd", "pkg/mptcp", "pkg/sockdiag", "pkg/plan", "pkg/snapshot", "pkg/explain", "pkg/kernel", "pkg/trial", "pkg/doctor", "pkg/reconcile", "cmd/mptcpctl"}

// imports maps each package of the tree to what its files import, tests left
// aside.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	all := make(map[string][]string)
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		for _, spec := range file.Imports {
			name, unquote := strconv.Unquote(spec.Path.Value)
			if unquote != nil {
				return unquote
			}
			all[dir] = append(all[dir], name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestDataGoesFromLeftToRight(t *testing.T) {
	t.Parallel()
	all := imports(t)
	for right, dir := range order {
		if len(all[dir]) == 0 {
			t.Errorf("%s: no such package", dir)
		}
		for _, name := range all[dir] {
			inside, ours := strings.CutPrefix(name, module)
			if left := slices.Index(order, inside); ours && (left < 0 || left >= right) {
				t.Errorf("%s imports %s", dir, inside)
			}
		}
	}
}

func TestNetlinkHasItsPlaces(t *testing.T) {
	t.Parallel()
	allowed := []string{"pkg/kernel", "pkg/mptcp", "pkg/sockdiag", "pkg/netlab", "pkg/netlab/strange"}
	for dir, names := range imports(t) {
		for _, name := range names {
			if strings.Contains(name, "netlink") && !slices.Contains(allowed, dir) {
				t.Errorf("%s imports %s", dir, name)
			}
		}
	}
}

// judges work out their result from their arguments alone.
var judges = []string{"pkg/config", "pkg/health", "pkg/plan", "pkg/explain", "pkg/doctor"}

func TestJudgesOnlyJudge(t *testing.T) {
	t.Parallel()
	acts := func(name string) bool {
		return slices.Contains([]string{"bufio", "context", "io", "log", "net", "os"}, name) ||
			strings.HasPrefix(name, "os/") || strings.HasPrefix(name, "golang.org/x/sys/") || strings.HasPrefix(name, "github.com/spf13/") ||
			strings.HasPrefix(name, "github.com/valyala/")
	}
	all := imports(t)
	for _, dir := range judges {
		for _, name := range all[dir] {
			if acts(name) {
				t.Errorf("%s imports %s", dir, name)
			}
		}
	}
	if !slices.ContainsFunc(all["pkg/kernel"], acts) || !slices.ContainsFunc(all["cmd/mptcpctl"], acts) {
		t.Error("the packages that act import nothing for it: what is looked for is wrong")
	}
}

// parsedFiles are the files of a package by their paths, tests left aside.
func parsedFiles(t *testing.T, dir string) map[string]*ast.File {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("..", "..", dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]*ast.File)
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		if all[name], err = parser.ParseFile(token.NewFileSet(), name, nil, 0); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// TestTheEngineHasNoOutput holds the engine apart from the command line: it returns
// what it has done, and the commands print it.
func TestTheEngineHasNoOutput(t *testing.T) {
	t.Parallel()
	prints := func(dir string) (all []string) {
		for name, parsed := range parsedFiles(t, dir) {
			ast.Inspect(parsed, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok {
					switch what := source(s.X) + "." + s.Sel.Name; what {
					case "fmt.Print", "fmt.Printf", "fmt.Println", "fmt.Fprint", "fmt.Fprintf", "fmt.Fprintln", "os.Stdout", "os.Stderr", "os.Exit", "os.Args":
						all = append(all, filepath.Base(name)+" has "+what)
					}
				}
				return true
			})
		}
		return all
	}
	if found := prints("pkg/reconcile"); len(found) > 0 {
		t.Errorf("the engine: %s", strings.Join(found, ", "))
	}
	if len(prints("cmd/mptcpctl")) == 0 {
		t.Error("the commands print nothing: what is looked for is wrong")
	}
	isOutput := func(name string) bool {
		return strings.HasPrefix(name, "github.com/spf13/") || name == "text/tabwriter"
	}
	all := imports(t)
	if slices.ContainsFunc(all["pkg/reconcile"], isOutput) || !slices.ContainsFunc(all["cmd/mptcpctl"], isOutput) {
		t.Errorf("the engine imports %v", all["pkg/reconcile"])
	}
}

func TestWhatIsTooLargeIsNotShipped(t *testing.T) {
	t.Parallel()
	all := imports(t)
	for _, dir := range order {
		for _, name := range all[dir] {
			if slices.Contains([]string{"encoding/json", "log/syslog", "net/http", "regexp", "testing", "text/template"}, name) ||
				strings.HasSuffix(name, "cobra/doc") || strings.Contains(name, "pkg/netlab") {
				t.Errorf("%s imports %s", dir, name)
			}
		}
	}
}
