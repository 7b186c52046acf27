// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/uci"
)

// optionsRead are the names of the options that package config asks for: what
// its sources compare and look up.
func optionsRead(t *testing.T) []string {
	t.Helper()
	names := make(map[string]bool)
	files, err := filepath.Glob("../config/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr: // s.Get("x"), tableNumber(s, "x"), p.boolean(s, "x", ...)
				for _, arg := range n.Args[:min(2, len(n.Args))] {
					note(names, arg)
				}
			case *ast.ValueSpec: // OptionMultipath = "multipath"
				for i, name := range n.Names {
					if strings.HasPrefix(strings.ToLower(name.Name), "option") && i < len(n.Values) {
						note(names, n.Values[i])
					}
				}
			case *ast.RangeStmt: // for _, option := range []string{"device", "ifname"}
				if list, ok := n.X.(*ast.CompositeLit); ok {
					for _, item := range list.Elts {
						note(names, item)
					}
				}
			}
			return true
		})
	}
	return slices.Sorted(maps.Keys(names))
}

func note(names map[string]bool, e ast.Expr) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return
	}
	word, err := strconv.Unquote(lit.Value)
	if err == nil && word != "" && strings.Trim(word, "abcdefghijklmnopqrstuvwxyz0123456789_") == "" {
		names[word] = true
	}
}

// That those of the table are read is for the tests of package config.
func TestEveryOptionThatIsReadIsKept(t *testing.T) {
	t.Parallel()
	var all []string
	for kind := range netifds {
		names, _ := kept(kind)
		all = append(all, names...)
	}
	read := optionsRead(t)
	for _, name := range read {
		if !slices.Contains(all, name) {
			t.Errorf("package config reads %q, which is not kept", name)
		}
	}
	for _, name := range strings.Fields(strings.Join(slices.Collect(maps.Values(netifds)), " ")) {
		if !slices.Contains(read, name) {
			t.Errorf("%q is kept, and package config does not read it", name)
		}
	}
}

const everything = `
config interface 'loopback'
	option device 'lo'
config globals
	option multipath 'bad'
config banner 'globals'
	option multipath 'enable'
	option ula_prefix 'fd12::/48'
	option mptcp_subflows '5'
	option mptcp_path_manager 'fullmesh'
	option congestion 'bbr'
	option packet_steering '1'
config device
	option name 'br-lan'
	option macaddr '02:11:22:33:44:55'
	list ports 'lan1'
config interface 'wan'
	option proto 'pppoe'
	option device 'dsl0'
	option username 'someone@provider'
	option password 'it''s secret'
	option multipath 'master'
	option macaddr '02:11:22:33:44:66'
	option ip4table 'wan'
	option gateway '81.2.69.1'
config wireguard_vpn
	option private_key 'PRIVATE'
	list allowed_ips '0.0.0.0/0'
config interface
	option ifname 'wwan0 wwan1'
	option pincode '1234'
	option apn 'internet'
	option multipath_table '77'
	list multipath 'on'
config route
	option interface 'wan'
	option table '4'
	option target '0.0.0.0'
	option netmask '0.0.0.0'
config route6 'six'
	option table '9'
	option disabled '1'
`

func TestKeepKeepsWhatIsReadAndNothingElse(t *testing.T) {
	t.Parallel()
	pkg, err := uci.Parse("network", []byte(everything))
	if err != nil {
		t.Fatal(err)
	}
	text := Keep(pkg)
	part, err := uci.Parse("network", []byte(text))
	if err != nil || len(part.Warnings) > 0 {
		t.Fatal(err, part.Warnings)
	}
	want, err := config.Parse("network", pkg)
	if err != nil {
		t.Fatal(err)
	}
	got, err := config.Parse("network", part)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, byValue); diff != "" {
		t.Errorf("(-whole +kept):\n%s", diff)
	}
	for _, secret := range []string{"someone", "secret", "02:11", "PRIVATE", "1234", "internet", "ula_prefix", "packet_steering", "ports"} {
		if strings.Contains(text, secret) {
			t.Errorf("%s is still there:\n%s", secret, text)
		}
	}
	if again := Keep(part); again != text {
		t.Errorf("kept twice, it is another text:\n%s", again)
	}
	if _, err := os.Stat("testdata"); err != nil {
		t.Error(err)
	}
}
