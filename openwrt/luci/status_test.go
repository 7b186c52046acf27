// SPDX-License-Identifier: Apache-2.0

//go:build browser

package luci

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

func twoLines() netlab.Config {
	return netlab.Config{Lines: []netlab.LineConfig{{Multipath: "master"}, {Multipath: "on"}}}
}

// card is the part of the page with a line.
func card(name string) string {
	return `Array.from(document.querySelectorAll('#mptcpctl-lines .cbi-section')).find((s) => s.querySelector('h3').textContent == '` + name + `')`
}

func TestALineThatIsPulledIsSeen(t *testing.T) {
	r := newRouter(t, twoLines())
	page := r.open(administrator, "status", 1280, 1000)
	page.await(card("wan2") + "?.innerText.includes('usable')")
	page.await(card("wan1") + "?.innerText.includes('10.0.1.2/24 via 10.0.1.1')")
	r.deliver(r.AdminDown("wan2"))
	start := time.Now()
	page.await("!" + card("wan2") + ".innerText.includes('usable')")
	t.Logf("seen after %v", time.Since(start).Round(10*time.Millisecond))
	page.await(card("wan1") + ".innerText.includes('usable')")
	r.deliver(r.AdminUp("wan2"))
	page.await(card("wan2") + ".innerText.includes('usable')")
	if wrong := page.faults(); wrong != "" {
		t.Error(wrong)
	}
}

func TestAModeIsSetAndTheKernelHasIt(t *testing.T) {
	r := newRouter(t, twoLines())
	page := r.open(administrator, "status", 1280, 1000)
	page.await(card("wan2") + "?.querySelector('select')")
	choose := func(mode string) {
		page.is(card("wan2") + ".querySelector('select').value = '" + mode + "'")
	}
	endpoints := func() string {
		out, err := r.Router.Output(t.Context(), "ip", "mptcp", "endpoint")
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	choose("backup")
	page.press("#mptcpctl-lines .cbi-section:nth-child(2)", "Set until reboot")
	page.await(card("wan2") + ".innerText.includes('backup until reboot; saved: on')")
	if got := endpoints(); !strings.Contains(got, "10.0.2.2") || !strings.Contains(got, "backup") {
		t.Errorf("the kernel has:\n%s", got)
	}
	page.press("#mptcpctl-lines .cbi-section:nth-child(2)", "Back to the saved mode")
	page.await("!" + card("wan2") + ".innerText.includes('until reboot; saved')")
	if got := endpoints(); strings.Contains(got, "backup") {
		t.Errorf("the kernel has:\n%s", got)
	}
	if wrong := page.faults(); wrong != "" {
		t.Error(wrong)
	}
}

// TestAServerIsTested asks for one that is there, and for one that is not.
func TestAServerIsTested(t *testing.T) {
	r := newRouter(t, twoLines())
	server, err := r.Serve(t.Context())
	r.must(err)
	defer func() { r.must(server.Close()) }()
	page := r.open(administrator, "status", 1280, 1000)
	page.await(card("wan2") + "?.innerText.includes('usable')")
	test := func(host string) {
		page.await("document.querySelector('#mptcpctl-host')")
		page.is("document.querySelector('#mptcpctl-host').value = " + strconv.Quote(host))
		page.press(".cbi-section", "Test")
	}
	test(netlab.Addr4.String())
	page.says("MPTCP works over wan1 and wan2")
	test("<b>none</b>")
	page.await("document.querySelector('#mptcpctl-test .alert-message.warning')?.innerText.includes('<b>none</b>')")
	if wrong := page.faults(); wrong != "" {
		t.Error(wrong)
	}
}

// TestAVerdictIsShown gives a line one that has nothing to do with its state.
func TestAVerdictIsShown(t *testing.T) {
	r := newRouter(t, twoLines())
	r.edit = func(method string, answer map[string]any) {
		if lines, ok := answer["interfaces"].([]any); ok && method == "status" {
			line, _ := lines[1].(map[string]any)
			use, _ := line["ipv4"].(map[string]any)
			use["health"] = map[string]any{"verdict": "dead", "since": time.Now().Unix(), "reason": "<i>nothing</i> answers", "source": "probes"}
		}
	}
	page := r.open(administrator, "status", 1280, 1000)
	page.await(card("wan2") + "?.innerText.includes('health: dead since ') && " + card("wan2") + ".innerText.includes(': <i>nothing</i> answers')")
	if page.is(card("wan1") + ".innerText.includes('health')") {
		t.Error("wan1 has a verdict")
	}
	if wrong := page.faults(); wrong != "" {
		t.Error(wrong)
	}
}

// TestFaultsAreSaidAndTheRestStays lets mptcpctl or rpcd fail in each way, and come back.
func TestFaultsAreSaidAndTheRestStays(t *testing.T) {
	r := newRouter(t, twoLines())
	page := r.open(administrator, "status", 1280, 1000)
	page.await(card("wan2") + "?.innerText.includes('usable')")
	for fault, words := range map[string]string{
		"missing": "rpcd does not know mptcpctl",
		"broken":  "mptcpctl gave no answer that can be read",
		"old":     "This mptcpctl is too old for this page",
		"hangs":   "No answer from the router: XHR request timed out",
	} {
		r.misbehave(fault)
		page.says(words)
		if !page.is(card("wan1") + "?.innerText.includes('10.0.1.2')") {
			t.Errorf("%s: the line is gone", fault)
		}
		r.misbehave("")
		page.await("!document.getElementById('mptcpctl-problems').innerText")
	}
	config := filepath.Join(r.ConfigDir(), "network")
	text, err := os.ReadFile(config)
	r.must(err)
	r.must(os.WriteFile(config, bytes.Replace(text, []byte("'on'"), []byte("'no<b>t'"), 1), 0o600))
	page.says("option multipath 'no<b>t': expected off")
	page.await(card("wan1") + "?.innerText.includes('usable') && " + card("wan2") + "?.innerText.includes('bad value')")
	r.must(os.WriteFile(config, text, 0o600))
	page.await(card("wan2") + "?.innerText.includes('usable')")
	if wrong := page.faults(); wrong != "" {
		t.Error(wrong)
	}
}

// TestAPageHasOneCallUnderWay counts the calls of a page while each takes its time.
func TestAPageHasOneCallUnderWay(t *testing.T) {
	r := newRouter(t, twoLines())
	now, most := 0, 0
	r.count = func(change int) {
		r.Lock()
		defer r.Unlock()
		now += change
		most = max(most, now)
	}
	page := r.open(administrator, "status", 1280, 1000)
	page.await(card("wan2") + "?.querySelector('select')")
	for range 30 {
		page.is("L.Poll ? L.Poll.step() : 0 || document.querySelector('#mptcpctl-search').dispatchEvent(new Event('change'))")
	}
	page.press("#mptcpctl-lines .cbi-section:nth-child(2)", "Heal")
	page.says("nothing to heal")
	r.Lock()
	defer r.Unlock()
	if most != 1 || len(r.calls) < 3 {
		t.Errorf("%d calls at once, of %d", most, len(r.calls))
	}
}

// TestNamesStayText puts what would be HTML, or a name of JavaScript's own, into every
// text of an answer.
func TestNamesStayText(t *testing.T) {
	r := newRouter(t, twoLines())
	r.carry()
	for _, hostile := range []string{`<img src=x onerror="window.hurt=1">`, `</script><script>window.hurt=1</script>`, `__proto__`, `%s%d%m`, `"><svg onload=window.hurt=1>`} {
		r.edit = func(_ string, answer map[string]any) { poison(answer, hostile) }
		page := r.open(administrator, "status", 1280, 1000)
		page.says(hostile)
		page.await("document.querySelectorAll('#mptcpctl-list .ifacebadge').length > 0 && document.querySelectorAll('#mptcpctl-graph .ifacebadge').length > 0")
		page.press("#mptcpctl-lines .cbi-section", "Set until reboot")
		page.await("document.querySelector('#maincontent > .alert-message')")
		if page.is("window.hurt || document.querySelector('#maincontent img, #view svg[onload], #maincontent script')") {
			t.Errorf("%s has become a part of the page", hostile)
		}
		if wrong := page.faults(); wrong != "" {
			t.Errorf("%s: %s", hostile, wrong)
		}
	}
	// What the pages must not do would be seen.
	page := r.open(administrator, "status", 1280, 1000)
	page.await(card("wan1") + " || document.querySelector('#view h2')")
	page.is(`L.require('dom').then((dom) => dom.content(document.getElementById('view'), '<img src=x onerror="window.hurt=1">'))`)
	page.await("window.hurt")
}

// TestTheRuntimeRefusesOtherNames asks it for what LuCI does not have.
func TestTheRuntimeRefusesOtherNames(t *testing.T) {
	page := newRouter(t, twoLines()).open(administrator, "network", 1280, 1000)
	page.await("document.querySelectorAll('#view select').length > 7")
	for expression, refused := range map[string]bool{
		"L.hasViewPermission()":                             false,
		"L.hasViewPermissions()":                            true,
		"new form.Map('network', '').section":               false,
		"new form.Map('network', '').sections":              true,
		"new form.Value(null, 'x').placeholder = ''":        false,
		"new form.Value(null, 'x').placehodler = ''":        true,
		"new form.GridSection(null, 'x').nodescription = 1": true,
		"form.Mapp":                         true,
		"rpc.declare({ objekt: 'uci' })":    true,
		"poll.add(() => {}, 5)":             false,
		"poll.append(() => {}, 5)":          true,
		"ui.addNotification(null, 'x')":     false,
		"ui.addNotifications(null, 'x')":    true,
		"L.require('iu').then(() => 1)":     true,
		"L.require('ui').then(() => 1)":     false,
		"uci.get('network', 'globals')":     false,
		"uci.fetch('network')":              true,
		"dom.content(E('p'), [ 'x' ])":      false,
		"dom.contents(E('p'), [ 'x' ])":     true,
		"view.extend({})":                   false,
		"view.extends({})":                  true,
		"baseclass.extend({})":              false,
		"baseclass.extnd({})":               true,
		"new form.ListValue(null, 'x').val": true,
	} {
		if os.Getenv("LUCI") != "" {
			continue // LuCI itself does not refuse a misspelt field.
		}
		got := evaluated[bool](page, "(async () => { const [ form, rpc, poll, ui, uci, dom, view, baseclass ] = await Promise.all([ 'form', 'rpc', 'poll', 'ui', 'uci', 'dom', 'view', 'baseclass' ].map((n) => L.require(n)));"+
			" try { await ("+expression+"); return false } catch (e) { return true } })()")
		if got != refused {
			t.Errorf("%s: refused %v", expression, got)
		}
	}
}

// poison puts a text in the place of every name, sentence and address.
func poison(v any, text string) {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			if _, is := value.(string); is && key != "mode" && key != "path_manager" && key != "severity" {
				v[key] = text
			} else {
				poison(value, text)
			}
		}
	case []any:
		for i, value := range v {
			if _, is := value.(string); is {
				v[i] = text
			} else {
				poison(value, text)
			}
		}
	}
}

// TestReadersHaveNoButtons compares what three logins see.
func TestReadersHaveNoButtons(t *testing.T) {
	r := newRouter(t, twoLines())
	if out, err := r.mptcpctl("", "iface", "wan2", "off"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	const buttons = "document.querySelectorAll('#mptcpctl-lines button, #mptcpctl-lines select, #mptcpctl-findings button').length"
	page := r.open(administrator, "status", 1280, 1000)
	page.await(card("wan2") + "?.innerText.includes('switched off at run time')")
	if n := evaluated[int](page, buttons); n < 11 {
		t.Errorf("the administrator has %d buttons", n)
	}
	page = r.open(reader, "status", 1280, 1000)
	page.await(card("wan2") + "?.innerText.includes('switched off at run time')")
	if n := evaluated[int](page, buttons); n != 0 {
		t.Errorf("a reader has %d buttons", n)
	}
	var answer map[string]any
	call := evaluated[string](page, `(() => { const x = new XMLHttpRequest(); x.open('POST', '/ubus/', false);
		x.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'call', params: [ '`+reader+`', 'mptcpctl', 'reset', { interface: 'wan2' } ] })); return x.responseText })()`)
	r.must(json.Unmarshal([]byte(call), &answer))
	if answer["error"] == nil {
		t.Errorf("a reader may change something: %s", call)
	}
	r.open(stranger, "status", 1280, 1000).says("Access denied")

	page = r.open(administrator, "status", 1280, 1000)
	page.press("#mptcpctl-lines .cbi-section:nth-child(2)", "Mend")
	page.await(card("wan2") + "?.innerText.includes('usable')")
}

// TestACrowdOfConnections shows a page of them and finds one.
func TestACrowdOfConnections(t *testing.T) {
	r := newRouter(t, twoLines())
	const many = 10_000
	crowd, err := r.NewCrowd(t.Context(), many)
	r.must(err)
	defer func() { r.must(crowd.Close()) }()
	page := r.open(administrator, "status", 1280, 1000)
	page.says("Connections: 10000")
	rows := "document.querySelectorAll('#mptcpctl-list tr').length"
	if n := evaluated[int](page, rows); n != 26 {
		t.Errorf("%d rows", n)
	}
	first := evaluated[string](page, "document.querySelector('#mptcpctl-list td').innerText")
	page.press("#mptcpctl-pager", "Next")
	page.await("document.querySelector('#mptcpctl-list td').innerText != " + strconv.Quote(first))
	text, err := r.mptcpctl(`{"limit":1,"offset":9990}`, "rpcd", "call", "connections")
	r.must(err)
	var answer struct {
		Connections []struct {
			Port int `json:"local_port"`
		}
	}
	r.must(json.Unmarshal([]byte(text), &answer))
	port := ":" + strconv.Itoa(answer.Connections[0].Port)
	page.is("(() => { const i = document.querySelector('#mptcpctl-search'); i.value = '" + port + "'; i.dispatchEvent(new Event('change')) })()")
	page.await("document.querySelector('#mptcpctl-list td')?.innerText.includes('" + port + "')")
	if wrong := page.faults(); wrong != "" {
		t.Error(wrong)
	}
}
