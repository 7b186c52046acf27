// SPDX-License-Identifier: Apache-2.0

//go:build browser

package luci

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
	"github.com/mptcpctl/mptcpctl/pkg/uci"
)

// Logins, by the id of their session.
const (
	administrator = "00000000000000000000000000000001"
	reader        = "00000000000000000000000000000002"
	stranger      = "00000000000000000000000000000003"
)

// Errors of JSON-RPC and states of ubus (ubus.c of uhttpd, ubusmsg.h of ubus).
const (
	noObject = -32000
	denied   = -32002

	ubusOK       = 0
	ubusInvalid  = 2
	ubusNoMethod = 3
	ubusTimeout  = 7
)

// router is a lab whose router has a web server, with LuCI's files, that asks
// mptcpctl as rpcd does.
type router struct {
	*testing.T
	*netlab.Lab
	*httptest.Server
	program string
	rights  map[string]rights
	spent   atomic.Int64 // processor time of the programs so far, in ns

	sync.Mutex
	fault string // "missing", "broken", "old" or "hangs"; empty: none
	calls []string
	// edit changes an answer of mptcpctl before it is sent; nil: it is as it is.
	edit func(method string, answer map[string]any)
	// count hears of a call that begins, 1, and ends, -1; nil: nobody does.
	count func(int)
}

// rights are those of a group of the access list.
type rights struct {
	Ubus map[string][]string
	UCI  []string
}

func newRouter(t *testing.T, config netlab.Config) *router {
	lab, err := netlab.New(config)
	r := &router{T: t, Lab: lab, program: os.Getenv(programVariable), rights: readRights(t)}
	r.must(err)
	t.Cleanup(func() { r.must(lab.Close()) })
	self, err := os.Executable()
	r.must(err)
	r.must(lab.InstallTools(self))
	r.must(lab.WriteConfig())
	if text, err := r.mptcpctl("", "apply"); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	r.Server = httptest.NewServer(r.files())
	t.Cleanup(r.Server.Close)
	return r
}

func (r *router) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *router) mptcpctl(input string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	args = append(args, "--config-dir", r.ConfigDir(), "--state-dir", r.StateDir(), "--staged-dir", r.StagedDir(),
		"--ubus-socket", filepath.Join(r.Dir, "no-bus"), "--lock", filepath.Join(r.LockDir(), "lock"), "--syslog-socket", "/nonexistent")
	cmd := r.Command(ctx, r.program, args...)
	return r.output(cmd, input)
}

func (r *router) output(cmd *exec.Cmd, input string) (string, error) {
	var out bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &out, io.Discard
	cmd.WaitDelay = 10 * time.Second
	err := r.Router.Run(cmd)
	if cmd.ProcessState != nil {
		r.spent.Add(int64(cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()))
	}
	return out.String(), err
}

// deliver lets netifd's events reach mptcpctl.
func (r *router) deliver(events []netlab.Event, err error) {
	r.Helper()
	r.must(err)
	for range events {
		if text, err := r.mptcpctl("", "apply"); err != nil {
			r.Fatalf("%v\n%s", err, text)
		}
	}
}

// readRights reads the access list of the page.
func readRights(t *testing.T) map[string]rights {
	text, err := os.ReadFile(filepath.Join(app, "root/usr/share/rpcd/acl.d/luci-app-mptcpctl.json"))
	if err != nil {
		t.Fatal(err)
	}
	var lists map[string]struct{ Read, Write rights }
	if err := json.Unmarshal(text, &lists); err != nil {
		t.Fatal(err)
	}
	list := lists["luci-app-mptcpctl"]
	return map[string]rights{"read": list.Read, "write": list.Write}
}

// may reports whether a session may call a method. LuCI's own access list lets every
// login do what a page needs besides (luci-base.json).
func (r *router) may(session, object, method string) bool {
	has := func(group string) bool { return slices.Contains(r.rights[group].Ubus[object], method) }
	switch {
	case object != "mptcpctl":
		return true
	case session == administrator:
		return has("read") || has("write")
	}
	return session == reader && has("read")
}

// page is what LuCI's header.ut makes of the menu's entry, as far as a view needs it.
const page = `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>LuCI</title><link rel="stylesheet" href="/luci-static/theme/cascade.css"><link rel="icon" href="data:,">
<script src="/luci-static/resources/cbi.js"></script>
<script src="/translations.js"></script>
<script src="/luci-static/resources/luci.js"></script>
<script>
L = new LuCI({ media: '/luci-static/theme', resource: '/luci-static/resources', scriptname: '/cgi-bin/luci', pathinfo: '', documentroot: '/www',
	requestpath: [ 'admin', 'status', 'mptcpctl' ], dispatchpath: [ 'admin', 'status', 'mptcpctl' ], pollinterval: 5, ubuspath: '/ubus/',
	sessionid: '%s', token: '1', nodespec: { satisfied: true, readonly: %v }, rpctimeout: 3,
	apply_rollback: 90, apply_holdoff: 1, apply_timeout: 5, apply_display: 1.5 });
</script></head>
<body><header><div id="indicators"></div></header><div id="maincontent" class="container"><div id="view"></div></div>
<script>L.require('ui').then((ui) => ui.instantiateView('mptcpctl/%s'))</script>
</body></html>`

func (r *router) files() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/cgi-bin/luci/{session}/{view}", func(w http.ResponseWriter, q *http.Request) {
		session := q.PathValue("session")
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, page, session, session != administrator, q.PathValue("view"))
	})
	mux.HandleFunc("/translations.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = io.WriteString(w, "window.luciNames = ")
		_ = json.NewEncoder(w).Encode(luciNames(r.T))
	})
	own := http.Dir(filepath.Join(app, "htdocs/luci-static/resources"))
	mux.HandleFunc("/luci-static/resources/", func(w http.ResponseWriter, q *http.Request) {
		name := strings.TrimPrefix(q.URL.Path, "/luci-static/resources")
		for _, dir := range []http.Dir{own, http.Dir(resources())} {
			if f, err := dir.Open(name); err == nil {
				defer f.Close()
				w.Header().Set("Content-Type", "text/javascript")
				_, _ = io.Copy(w, f)
				return
			}
		}
		http.NotFound(w, q)
	})
	mux.Handle("/luci-static/theme/", http.StripPrefix("/luci-static/theme/", http.FileServer(http.Dir(theme()))))
	mux.HandleFunc("/ubus/", r.ubus)
	return mux
}

// resources are LuCI's modules: those of a checkout of LuCI where LUCI names one, else the
// runtime of this test.
func resources() string {
	if luci := os.Getenv("LUCI"); luci != "" {
		return filepath.Join(luci, "modules/luci-base/htdocs/luci-static/resources")
	}
	return "testdata/runtime"
}

func theme() string {
	if luci := os.Getenv("LUCI"); luci != "" {
		return filepath.Join(luci, "themes/luci-theme-bootstrap/htdocs/luci-static/bootstrap")
	}
	return "testdata/runtime"
}

// rpcCall is a call of JSON-RPC.
type rpcCall struct {
	ID     any               `json:"id"`
	Method string            `json:"method"`
	Params []json.RawMessage `json:"params"`
}

// ubus answers as uhttpd-mod-ubus does, a list of calls by a list.
func (r *router) ubus(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(io.LimitReader(q.Body, 1<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	var one rpcCall
	var many []rpcCall
	if json.Unmarshal(body, &many) == nil {
		answers := []any{}
		for _, c := range many {
			answers = append(answers, r.answer(c))
		}
		_ = json.NewEncoder(w).Encode(answers)
		return
	}
	if err := json.Unmarshal(body, &one); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	_ = json.NewEncoder(w).Encode(r.answer(one))
}

func (r *router) answer(c rpcCall) map[string]any {
	answer := map[string]any{"jsonrpc": "2.0", "id": c.ID}
	if c.Method == "list" {
		answer["result"] = []string{"mptcpctl", "uci"}
		return answer
	}
	var session, object, method string
	var args map[string]any
	for i, into := range []any{&session, &object, &method, &args} {
		if i >= len(c.Params) || json.Unmarshal(c.Params[i], into) != nil {
			answer["error"] = map[string]any{"code": -32600, "message": "Invalid request"}
			return answer
		}
	}
	code, result := r.call(session, object, method, args)
	switch {
	case code == denied:
		answer["error"] = map[string]any{"code": code, "message": "Access denied"}
	case code < 0:
		answer["error"] = map[string]any{"code": code, "message": "Object not found"}
	case result == nil:
		answer["result"] = []any{code}
	default:
		answer["result"] = []any{code, result}
	}
	return answer
}

func (r *router) call(session, object, method string, args map[string]any) (int, any) {
	if !r.may(session, object, method) {
		return denied, nil
	}
	switch object {
	case "mptcpctl":
		return r.rpcd(session, method, args)
	case "uci":
		return r.uci(session, method, args)
	case "session":
		return ubusOK, map[string]any{"access": session != reader}
	case "luci":
		return ubusOK, map[string]any{}
	}
	return noObject, nil
}

// rpcd runs the plugin.
func (r *router) rpcd(session, method string, args map[string]any) (int, any) {
	r.Lock()
	r.calls = append(r.calls, method)
	fault, edit, count := r.fault, r.edit, r.count
	r.Unlock()
	if count != nil {
		count(1)
		defer count(-1)
	}
	switch fault {
	case "missing":
		return noObject, nil
	case "broken":
		return ubusInvalid, nil
	case "old":
		return ubusNoMethod, nil
	case "hangs":
		time.Sleep(4 * time.Second)
		return ubusTimeout, nil
	}
	args["ubus_rpc_session"] = session
	input, err := json.Marshal(args)
	if err != nil {
		return ubusInvalid, nil
	}
	text, _ := r.mptcpctl(string(input), "rpcd", "call", method)
	var answer map[string]any
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		return ubusInvalid, nil
	}
	if edit != nil {
		edit(method, answer)
	}
	return ubusOK, answer
}

// misbehave lets mptcpctl misbehave from now on.
func (r *router) misbehave(how string) {
	r.Lock()
	defer r.Unlock()
	r.fault = how
}

// uci answers as rpcd's object of that name, for the package network.
func (r *router) uci(session, method string, args map[string]any) (int, any) {
	section, _ := args["section"].(string)
	run := func(words ...string) (int, any) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if text, err := r.output(r.Command(ctx, "uci", words...), ""); err != nil {
			return ubusInvalid, map[string]any{"error": text}
		}
		return ubusOK, nil
	}
	if method != "get" && method != "changes" && session != administrator {
		return denied, nil
	}
	switch method {
	case "get":
		text, err := os.ReadFile(filepath.Join(r.ConfigDir(), "network"))
		if err != nil {
			return ubusInvalid, nil
		}
		return ubusOK, map[string]any{"values": sections(text)}
	case "changes":
		return ubusOK, map[string]any{"changes": map[string]any{}}
	case "set":
		values, _ := args["values"].(map[string]any)
		for option, value := range values {
			if code, answer := run("set", fmt.Sprintf("network.%s.%s=%v", section, option, value)); code != ubusOK {
				return code, answer
			}
		}
		return ubusOK, nil
	case "delete":
		options, _ := args["options"].([]any)
		for _, option := range options {
			if code, answer := run("delete", fmt.Sprintf("network.%s.%v", section, option)); code != ubusOK {
				return code, answer
			}
		}
		return ubusOK, nil
	case "apply":
		if code, answer := run("commit", "network"); code != ubusOK {
			return code, answer
		}
		if _, err := r.mptcpctl("", "apply"); err != nil {
			return ubusInvalid, nil
		}
	}
	return ubusOK, nil
}

// sections are those of a configuration as "uci get" has them.
func sections(text []byte) map[string]any {
	values := make(map[string]any)
	all, err := uci.Parse("network", text)
	if err != nil {
		return values
	}
	for i, s := range all.Sections {
		section := map[string]any{".type": s.Type, ".name": s.Name, ".index": i, ".anonymous": s.Anonymous}
		for _, o := range s.Options {
			if section[o.Name] = o.Values[0]; o.List {
				section[o.Name] = o.Values
			}
		}
		values[s.Name] = section
	}
	return values
}
