// SPDX-License-Identifier: Apache-2.0

package luci

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tdewolff/parse/v2"
	"github.com/tdewolff/parse/v2/js"
)

const template = app + "/po/templates/mptcpctl.pot"

// texts are those of the pages and of the menu, and where they stand.
func texts(t *testing.T) map[string]string {
	all := make(map[string]string)
	for name, text := range scripts(t) {
		ast, err := js.Parse(parse.NewInputString("(function() {"+text+"\n})"), js.Options{})
		if err != nil {
			t.Fatal(err)
		}
		js.Walk(&collector{t, "htdocs/luci-static/resources/" + name, all}, ast)
	}
	const menu = "root/usr/share/luci/menu.d/luci-app-mptcpctl.json"
	text, err := os.ReadFile(filepath.Join(app, menu))
	if err != nil {
		t.Fatal(err)
	}
	var entries map[string]struct{ Title string }
	if err := json.Unmarshal(text, &entries); err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if all[e.Title] == "" {
			all[e.Title] = menu
		}
	}
	return all
}

// collector notes what is translated: the word of each call of _.
type collector struct {
	*testing.T
	file string
	all  map[string]string
}

func (c *collector) Enter(n js.INode) js.IVisitor {
	call, ok := n.(*js.CallExpr)
	if !ok || call.X.String() != "_" {
		return c
	}
	word, ok := call.Args.List[0].Value.(*js.LiteralExpr)
	if !ok || len(call.Args.List) != 1 {
		c.Errorf("%s: %s is not a text", c.file, call)
		return c
	}
	text := strings.NewReplacer(`\'`, `'`, `\n`, "\n").Replace(string(word.Data[1 : len(word.Data)-1]))
	if first := c.all[text]; first == "" || c.file < first {
		c.all[text] = c.file
	}
	return c
}

func (c *collector) Exit(js.INode) {}

// TestTheTemplateHasEveryText compares the template for translators with the scripts. With
// UPDATE_DOCS in the environment it writes it.
func TestTheTemplateHasEveryText(t *testing.T) {
	all := texts(t)
	var b strings.Builder
	b.WriteString("# SPDX-License-Identifier: Apache-2.0\nmsgid \"\"\nmsgstr \"Content-Type: text/plain; charset=UTF-8\"\n")
	for _, text := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&b, "\n#: applications/luci-app-mptcpctl/%s\nmsgid %s\nmsgstr \"\"\n", all[text], strconv.Quote(text))
	}
	if os.Getenv("UPDATE_DOCS") != "" {
		if err := os.WriteFile(template, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(template)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b.String(), string(got)); diff != "" {
		t.Errorf("UPDATE_DOCS=1 go test ./openwrt/luci would change %s (-want +got):\n%s", template, diff)
	}
}

var (
	message  = regexp.MustCompile(`(?m)^msgid ("(?:[^"\\]|\\.)*")\nmsgstr ("(?:[^"\\]|\\.)*")$`)
	verb     = regexp.MustCompile(`%\d*(?:\.\d+)?[sdfmh]`)
	minWords = 100
)

// TestTranslationsAreWhole: each language has every text, with the same values in the
// same order, and nothing that HTML could be made of.
func TestTranslationsAreWhole(t *testing.T) {
	all := texts(t)
	files, err := filepath.Glob(app + "/po/*/mptcpctl.po")
	if err != nil || len(files) != 2 {
		t.Fatalf("%v: %q", err, files)
	}
	for _, file := range files {
		for _, problem := range translation(t, file, all) {
			t.Errorf("%s: %s", file, problem)
		}
	}
	if len(all) < minWords {
		t.Errorf("%d texts", len(all))
	}
	wrong := filepath.Join(t.TempDir(), "wrong.po")
	if err := os.WriteFile(wrong, []byte("msgid \"Data of %d seconds ago.\"\nmsgstr \"<b>%s</b>\"\n\nmsgid \"gone\"\nmsgstr \"weg\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if problems := translation(t, wrong, all); len(problems) != len(all)+2 {
		t.Errorf("%d problems of a wrong one, of %d texts", len(problems), len(all))
	}
}

func translation(t *testing.T, file string, all map[string]string) (problems []string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	there := make(map[string]bool)
	for _, match := range message.FindAllStringSubmatch(string(text), -1) {
		id, idErr := strconv.Unquote(match[1])
		words, err := strconv.Unquote(match[2])
		switch {
		case idErr != nil || err != nil:
			problems = append(problems, match[0])
		case id == "":
			continue
		case all[id] == "":
			problems = append(problems, "nothing says "+id)
			continue
		case words == "":
			continue
		case !slices.Equal(verb.FindAllString(id, -1), verb.FindAllString(words, -1)):
			problems = append(problems, "other values: "+words)
		}
		if strings.ContainsAny(words, "<>&") && !strings.ContainsAny(id, "<>&") {
			problems = append(problems, "HTML: "+words)
		}
		there[id] = true
	}
	for id := range all {
		if !there[id] {
			problems = append(problems, "not translated: "+id)
		}
	}
	return problems
}
