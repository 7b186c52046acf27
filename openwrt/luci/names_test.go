// SPDX-License-Identifier: Apache-2.0

package luci

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tdewolff/parse/v2"
	"github.com/tdewolff/parse/v2/js"
)

// luciNames reads which names LuCI's modules have.
func luciNames(t *testing.T) map[string][]string {
	text, err := os.ReadFile("testdata/names.txt")
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string][]string)
	module := ""
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		switch {
		case len(words) == 0, words[0] == "#":
		case line[0] != '\t':
			module = words[0]
		default:
			all[module] = append(all[module], words...)
		}
	}
	if len(all) < 15 || !slices.Contains(all["ui"], "showModal") || slices.Contains(all["ui"], "showmodal") {
		t.Fatalf("the list has %d modules", len(all))
	}
	return all
}

// scripts are those of the page, by their path below LuCI's resources.
func scripts(t *testing.T) map[string]string {
	root := filepath.Join(app, "htdocs/luci-static/resources")
	all := make(map[string]string)
	for _, pattern := range []string{"*/*.js", "view/*/*.js"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			all[strings.TrimPrefix(file, root+"/")] = string(text)
		}
	}
	if len(all) != 5 {
		t.Fatalf("%d scripts", len(all))
	}
	return all
}

func TestThePagesUseOnlyWhatLuCIHas(t *testing.T) {
	t.Parallel()
	names, all := luciNames(t), scripts(t)
	uses := 0
	for name, text := range all {
		c := check(names, all, text)
		uses += c.uses
		for _, problem := range c.problems {
			t.Errorf("%s: %s", name, problem)
		}
	}
	if uses < 50 {
		t.Errorf("%d names of LuCI were looked up", uses)
	}
	for script, want := range map[string]string{
		"'require iu'; return 1":                                      "there is no module iu",
		"'require ui'; return ui.showmodal('', [])":                   "ui has no showmodal",
		"'require ui as dialog'; return dialog.showmodal('', [])":     "ui has no showmodal",
		"'require form'; return { a() { return new form.Mapp('') } }": "form has no Mapp",
		"return L.hasViewPermissions()":                               "L has no hasViewPermissions",
		"'require mptcpctl.nothing'; return 1":                        "there is no module mptcpctl.nothing",
		"return E('p', {}, finding.text)":                             "E: the children of an element are a list, or they are HTML",
		"return E('p', finding.text)":                                 "E: the children of an element are a list, or they are HTML",
		"return E('<p>' + text)":                                      "E: the name of an element is a word",
		"'require dom'; return dom.content(node, text)":               "content: the children of an element are a list, or they are HTML",
		"'require ui'; return ui.showModal(name, [])":                 "showModal: the title is HTML: only a word of the page's own",
		"return node.innerHTML = text":                                "innerHTML",
		"return E('p', { 'style': 'color: red' }, [])":                "style",
		"return 1 +": "unexpected",
		"'require ui'; return ui.addNotification(null, E('p', {}, [ text ]))": "",
	} {
		problems := strings.Join(check(names, all, script).problems, "\n")
		if want == "" && problems != "" || !strings.Contains(problems, want) {
			t.Errorf("%s: %q, want %q", script, problems, want)
		}
	}
}

// checker looks at one script.
type checker struct {
	names    map[string][]string
	modules  map[string]string // by the name in the script
	uses     int
	problems []string
}

var required = regexp.MustCompile(`'require ([\w.]+)(?: as (\w+))?';`)

func check(names map[string][]string, all map[string]string, text string) *checker {
	c := &checker{names: names, modules: map[string]string{"L": "L"}}
	for _, match := range required.FindAllStringSubmatch(text, -1) {
		module, as := match[1], match[2]
		if as == "" {
			as = strings.ReplaceAll(module, ".", "_")
		}
		if _, own := all[strings.ReplaceAll(module, ".", "/")+".js"]; names[module] == nil && !own {
			c.problem("there is no module %s", module)
		}
		c.modules[as] = module
		c.uses++
	}
	// LuCI makes a function of it too (require in luci.js).
	ast, err := js.Parse(parse.NewInputString("(function() {"+text+"\n})"), js.Options{})
	if err != nil {
		c.problem("%v", err)
		return c
	}
	js.Walk(c, ast)
	return c
}

func (c *checker) problem(format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf(format, args...))
}

// Enter looks at one node of the syntax.
func (c *checker) Enter(n js.INode) js.IVisitor {
	switch n := n.(type) {
	case *js.DotExpr:
		name := n.Y.String()
		if v, ok := n.X.(*js.Var); ok {
			c.member(string(v.Name()), name)
		}
		if slices.Contains([]string{"innerHTML", "outerHTML", "insertAdjacentHTML", "rawhtml"}, name) {
			c.problem("%s", name)
		}
	case *js.CallExpr:
		c.call(n)
	case *js.Property:
		if n.Name != nil && slices.Contains([]string{"style", "bgcolor"}, strings.Trim(n.Name.String(), "'")) {
			c.problem("%s: a theme decides about looks", n.Name)
		}
	}
	return c
}

// Exit is nothing's.
func (c *checker) Exit(js.INode) {}

func (c *checker) member(variable, name string) {
	module := c.modules[variable]
	if list := c.names[module]; list != nil {
		c.uses++
		if !slices.Contains(list, name) {
			c.problem("%s has no %s", module, name)
		}
	}
}

// call sees that nothing is taken for HTML (append and create in luci.js): not what is
// shown, nor a title that has a name in it.
func (c *checker) call(n *js.CallExpr) {
	name := n.X.String()
	if dot, ok := n.X.(*js.DotExpr); ok {
		name = dot.Y.String()
	}
	args := n.Args.List
	children := -1
	switch {
	case name == "E" && len(args) > 0:
		if !literal(args[0].Value) {
			c.problem("E: the name of an element is a word")
		}
		children = len(args) - 1
		if _, attributes := args[children].Value.(*js.ObjectExpr); attributes {
			children = -1
		}
	case (name == "content" || name == "append") && len(args) == 2:
		children = 1
	case (name == "showModal" || name == "addNotification") && len(args) > 0:
		if v, ok := args[0].Value.(*js.CallExpr); args[0].Value.String() != "null" && (!ok || v.X.String() != "_") {
			c.problem("%s: the title is HTML: only a word of the page's own", name)
		}
	}
	if children > 0 && !isList(args[children].Value) {
		c.problem("%s: the children of an element are a list, or they are HTML: %s", name, args[children].Value)
	}
}

func literal(e js.IExpr) bool {
	l, ok := e.(*js.LiteralExpr)
	return ok && regexp.MustCompile(`^'[a-z0-9]+'$`).Match(l.Data)
}

// isList reports whether an expression is one, by what it looks like: the names of
// variables that hold lists are agreed on.
func isList(e js.IExpr) bool {
	switch e := e.(type) {
	case *js.ArrayExpr:
		return true
	case *js.Var:
		return slices.Contains([]string{"children", "rows", "general", "problems"}, string(e.Name()))
	case *js.CondExpr:
		return isList(e.X) && isList(e.Y)
	case *js.BinaryExpr:
		return e.Op == js.OrToken && isList(e.Y)
	case *js.CallExpr:
		if dot, ok := e.X.(*js.DotExpr); ok {
			return slices.Contains([]string{"map", "concat", "actionsOf"}, dot.Y.String())
		}
	}
	return false
}
