// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mptcpctl/mptcpctl/pkg/sockdiag"
)

// crowded is more connections than LuCI can be shown at once.
const crowded = 20_000

func TestArgumentsOfRpcdAreStrict(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		input string
		want  pageOf
		err   string
	}{
		{`{}`, pageOf{100, 0}, ""},
		{" {\n} \n", pageOf{100, 0}, ""},
		{`{"limit":1}`, pageOf{1, 0}, ""},
		{`{"limit": 500, "offset": 2147483647}`, pageOf{500, math.MaxInt32}, ""},
		{`{"offset":20,"ubus_rpc_session":"b2a3"}`, pageOf{100, 20}, ""},
		{``, pageOf{}, "the arguments are no JSON object"},
		{`[]`, pageOf{}, "the arguments are no JSON object"},
		{`{`, pageOf{}, "the arguments are no JSON object"},
		{`{} {}`, pageOf{}, "the arguments are no JSON object"},
		{`null`, pageOf{}, "the arguments are no JSON object"},
		{`{"limit":0}`, pageOf{}, `the argument "limit" is a number from 1 to 500`},
		{`{"limit":501}`, pageOf{}, `the argument "limit" is a number from 1 to 500`},
		{`{"limit":-1}`, pageOf{}, `the argument "limit" is a number from 1 to 500`},
		{`{"limit":10.0}`, pageOf{}, `the argument "limit" is a number from 1 to 500`},
		{`{"limit":1e1}`, pageOf{}, `the argument "limit" is a number from 1 to 500`},
		{`{"limit":010}`, pageOf{}, `the argument "limit" is a number from 1 to 500`},
		{`{"limit":"10"}`, pageOf{}, `the argument "limit" is a number from 1 to 500`},
		{`{"limit":null}`, pageOf{}, `the argument "limit" is a number from 1 to 500`},
		{`{"limit":nan}`, pageOf{}, `the argument "limit" is a number from 1 to 500`},
		{`{"limit":99999999999999999999}`, pageOf{}, `the argument "limit" is a number from 1 to 500`},
		{`{"offset":-1}`, pageOf{}, `the argument "offset" is a number from 0 to 2147483647`},
		{`{"offset":2147483648}`, pageOf{}, `the argument "offset" is a number from 0 to 2147483647`},
		{`{"limit":1,"limit":1}`, pageOf{}, `the argument "limit" is given twice`},
		{`{"Limit":1}`, pageOf{}, `unknown argument "Limit"`},
		{`{"\u001b":1}`, pageOf{}, `unknown argument "\x1b"`},
		{`{"limit":1` + strings.Repeat(" ", maxInput) + `}`, pageOf{}, "more than 4096 bytes of arguments"},
	} {
		input, err := readRpcdInput(strings.NewReader(test.input), `"limit":32,"offset":32`)
		got := input.pageOf
		if test.err != "" {
			got = pageOf{}
		}
		if text := fmt.Sprint(err); got != test.want || test.err == "" && err != nil || test.err != "" && text != test.err {
			t.Errorf("%.60q: %v, error %v, want %v, %q", test.input, got, err, test.want, test.err)
		}
	}
	for _, input := range []string{`{"limit":1}`, `{"offset":0}`} {
		if _, err := readRpcdInput(strings.NewReader(input), ""); err == nil || !strings.HasPrefix(err.Error(), "unknown argument") {
			t.Errorf("%s of a method without arguments: error %v", input, err)
		}
	}
}

func TestArgumentsOfChangesAreStrict(t *testing.T) {
	t.Parallel()
	const arguments = `"id":"","interface":"","mode":"","save":true,"yes":true,"host":""`
	none := pageOf{limit: defaultLimit}
	for _, test := range []struct {
		input string
		want  rpcdInput
		err   string
	}{
		{`{"interface":"wan2","mode":"on","save":true}`, rpcdInput{pageOf: none, name: "wan2", mode: "on", save: true}, ""},
		{`{"interface":"w\u0061n","id":"pending","yes":false}`, rpcdInput{pageOf: none, name: "wan", id: "pending"}, ""},
		{`{"interface":"--save;reboot"}`, rpcdInput{pageOf: none, name: "--save;reboot"}, ""},
		{`{"host":"-x"}`, rpcdInput{pageOf: none, args: []string{"-x"}}, ""},
		{`{"host":7}`, rpcdInput{}, `the argument "host" is a string`},
		{`{"interface":1}`, rpcdInput{}, `the argument "interface" is a string`},
		{`{"mode":null}`, rpcdInput{}, `the argument "mode" is a string`},
		{`{"id":["pending"]}`, rpcdInput{}, `the argument "id" is a string`},
		{`{"save":1}`, rpcdInput{}, `the argument "save" is true or false`},
		{`{"yes":"true"}`, rpcdInput{}, `the argument "yes" is true or false`},
		{`{"yes":true,"yes":true}`, rpcdInput{}, `the argument "yes" is given twice`},
		{`{"limit":1}`, rpcdInput{}, `unknown argument "limit"`},
		{`{"id\":\"\",\"interface":""}`, rpcdInput{}, `unknown argument "id\":\"\",\"interface"`},
		{`{"":""}`, rpcdInput{}, `unknown argument ""`},
	} {
		got, err := readRpcdInput(strings.NewReader(test.input), arguments)
		if test.err != "" && (err == nil || err.Error() != test.err) || test.err == "" && (err != nil || cmp.Diff(test.want, got, cmp.AllowUnexported(rpcdInput{}, pageOf{})) != "") {
			t.Errorf("%s: %+v, error %v, want %+v, %q", test.input, got, err, test.want, test.err)
		}
	}
}

func TestWhichFindingsCanBeMended(t *testing.T) {
	t.Parallel()
	for commands, want := range map[string]bool{
		"mptcpctl apply":                              true,
		"mptcpctl iface wan2 heal":                    true,
		"mptcpctl iface wan2 --reset":                 true,
		"mptcpctl iface wan2 --reset\nmptcpctl apply": true,
		"":                                  false,
		"mptcpctl iface wan1 master --save": false,
		"mptcpctl apply --lock /x":          false,
		"mptcpctl explain 192.0.2.1":        false,
		"ip mptcp endpoint delete id 3\nmptcpctl apply":  false,
		"# write it into the file":                       false,
		"iface wan2 heal":                                false,
		"uci set network.wan2.x='mptcpctl iface a heal'": false,
	} {
		if got := mendable(strings.Split(commands, "\n")); got != want {
			t.Errorf("%q: %v, want %v", commands, got, want)
		}
	}
	if mendable(nil) {
		t.Error("a finding without commands can be mended")
	}
}

// TestAChangeThatSaysMuchIsDone has every line of a long output counted as said.
func TestAChangeThatSaysMuchIsDone(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	o := &options{streams: streams{in: strings.NewReader("{}"), out: &out}}
	long := strings.Repeat("\x01", 1<<20)
	said := telling(func(o *options, _ context.Context, _ rpcdInput) error {
		o.warn([]string{long, "the last"})
		return errors.Join(o.printf("first\n%s\n", long), errors.New(long))
	})
	err := o.callRpcd(t.Context(), rpcdMethod{"set", "", said})
	var answer struct{ Output, Warnings []string }
	if fault := json.Unmarshal(out.Bytes(), &answer); fault != nil || err == nil || out.Len() > maxAnswer {
		t.Fatalf("%d bytes, %v, %v", out.Len(), fault, err)
	}
	if n := len(answer.Output); n != 3 || answer.Output[0] != "first" || answer.Output[2] != "..." || len(answer.Warnings) != 2 || answer.Warnings[1] != "the last" {
		t.Errorf("%.200q", answer)
	}
}

// onePage is an answer of connections.
type onePage struct {
	Connections   []shownConnection `json:"connections"`
	Total         int               `json:"total"`
	Truncated     bool              `json:"truncated"`
	SubflowsKnown bool              `json:"subflows_known"`
}

type shownConnection struct {
	Token json.RawMessage `json:"token"`
}

// readPage asserts that an answer is as short as it must be, and says the truth about
// what is behind it.
func readPage(t *testing.T, p pageOf, answer []byte) onePage {
	t.Helper()
	var page onePage
	if err := json.Unmarshal(answer, &page); err != nil {
		t.Fatalf("%+v: %v in %.200s", p, err, answer)
	}
	n, left := len(page.Connections), max(crowded-p.offset, 0)
	if len(answer) > 256_000 || n > p.limit || left > 0 && n == 0 || page.Total != crowded || !page.SubflowsKnown || page.Truncated != (n < left) {
		t.Fatalf("%+v: %d bytes with %d of %d connections, truncated: %v, subflows known: %v", p, len(answer), n, page.Total, page.Truncated, page.SubflowsKnown)
	}
	return page
}

// TestEveryPageIsBounded writes connections with as many subflows as there are
// lines in the largest setups, or as the kernel allows, and the longest values.
func TestEveryPageIsBounded(t *testing.T) {
	t.Parallel()
	for _, subflows := range []int{1, 8, 255} {
		list := &connectionList{options: &options{}, connections: crowded, subflows: crowded * subflows}
		list.names.devices = map[int]string{7: "\xff\x01-a-device-of-15"[:15]}
		c := longConnection(subflows)
		ask := func(p pageOf) onePage {
			page := newConnectionPage(list, p)
			for i := range crowded {
				c.Token = uint32(i)
				if err := page.add(&c); err != nil {
					t.Fatal(err)
				}
			}
			return readPage(t, p, page.end())
		}
		for _, limit := range []int{1, defaultLimit, maxLimit} {
			for _, offset := range []int{0, 1, crowded / 2, crowded - 1, crowded, crowded + 1, maxOffset} {
				ask(pageOf{limit, offset})
			}
		}
		if subflows > 1 {
			continue
		}
		seen := make(map[string]bool)
		for p := (pageOf{limit: maxLimit}); ; {
			page := ask(p)
			for _, c := range page.Connections {
				seen[string(c.Token)] = true
			}
			if p.offset += len(page.Connections); !page.Truncated {
				break
			}
		}
		if len(seen) != crowded {
			t.Errorf("%d subflows: %d connections on all pages, want %d", subflows, len(seen), crowded)
		}
	}
}

func longConnection(subflows int) sockdiag.Connection {
	local := netip.AddrPortFrom(netip.MustParseAddr("2001:db8:1111:2222:3333:4444:5555:6666"), 54321)
	remote := netip.AddrPortFrom(netip.MustParseAddr("2001:db8:7777:8888:9999:aaaa:bbbb:cccc"), 54321)
	s := sockdiag.Subflow{
		Local: local, Remote: remote, State: sockdiag.Established, Flags: math.MaxUint32, IfIndex: 7, Token: math.MaxUint32, LocalID: 255, RemoteID: 255,
		TCP: sockdiag.TCPInfo{
			RTT: time.Hour, Cwnd: math.MaxUint32, Retrans: math.MaxUint32, BytesSent: math.MaxUint64, BytesReceived: math.MaxUint64, DeliveryRate: math.MaxUint64,
		},
	}
	c := sockdiag.Connection{Local: local, Remote: remote, State: sockdiag.Established}
	for range subflows {
		c.Subflows = append(c.Subflows, s)
	}
	return c
}

// TestPagesOfACrowd asks the kernel for as many real connections.
func TestPagesOfACrowd(t *testing.T) {
	t.Parallel()
	lab := newWatchLab(t)
	crowd, err := lab.NewCrowd(context.Background(), crowded-1) // newWatchLab has opened one
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := crowd.Close(); err != nil {
			t.Error(err)
		}
	}()
	ask := func(p pageOf, input string) onePage {
		t.Helper()
		var out, problems bytes.Buffer
		cmd := programIn(lab, "rpcd", "call", "connections")
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &out, &problems
		if err := lab.Router.Run(cmd); err != nil {
			t.Fatalf("%v\n%s%s", err, &problems, &out)
		}
		return readPage(t, p, out.Bytes())
	}
	if page := ask(pageOf{limit: defaultLimit}, "{}"); len(page.Connections) != defaultLimit {
		t.Errorf("without a limit: %d connections", len(page.Connections))
	}
	first := ask(pageOf{limit: maxLimit}, `{"limit":500}`)
	n := len(first.Connections)
	if n == maxLimit {
		t.Errorf("%d connections: the page was not cut for its length", n)
	}
	second := ask(pageOf{maxLimit, n}, fmt.Sprintf(`{"limit":500,"offset":%d}`, n))
	for _, c := range second.Connections {
		if slices.ContainsFunc(first.Connections, func(other shownConnection) bool { return bytes.Equal(c.Token, other.Token) }) {
			t.Errorf("%s is on the first page and on the second", c.Token)
		}
	}
	ask(pageOf{maxLimit, crowded - 10}, fmt.Sprintf(`{"limit":500,"offset":%d}`, crowded-10))
}

func TestAnAnswerThatIsTooLongIsAnError(t *testing.T) {
	t.Parallel()
	call := func(size int) string {
		var out bytes.Buffer
		o := &options{streams: streams{in: strings.NewReader("{}"), out: &out}}
		err := o.callRpcd(t.Context(), rpcdMethod{name: "status", print: func(_ context.Context, o *options, _ rpcdInput) error {
			// A bad value in each of many sections.
			return errors.Join(o.printf("%s\n", `{"a":"`+strings.Repeat("a", size)+`"}`), &exitError{exitConfig, errors.New(strings.Repeat("\x01", 1<<20))})
		}})
		if n := out.Len(); n > maxAnswer || !json.Valid(out.Bytes()) || err == nil || err.Error() != "" {
			t.Errorf("%d bytes, error %v: %.200s", n, err, &out)
		}
		return out.String()
	}
	if got := call(maxDocument - 9); !strings.HasPrefix(got, `{"a":"aaa`) || !strings.HasSuffix(got, `...","exit_code":3}`+"\n") {
		t.Errorf("an answer that just fits: %.80s", got)
	}
	const want = `{"error":"status: the answer has more than 256 kB: ask by mptcpctl status --json","exit_code":1}` + "\n"
	if got := call(maxDocument - 8); got != want {
		t.Errorf("a longer one: %.200s", got)
	}
}

// TestReadersMayOnlyRead compares the access lists with the methods: who may read has
// none that changes anything, and every method is in one of the two groups.
func TestReadersMayOnlyRead(t *testing.T) {
	t.Parallel()
	want := map[string][]string{"read": {"status", "connections", "plan", "doctor"}, "write": {"set", "reset", "heal", "mend", "test"}}
	var all []string
	for _, m := range rpcdMethods() {
		all = append(all, m.name)
	}
	if methods := slices.Concat(want["read"], want["write"]); !slices.Equal(all, methods) {
		t.Errorf("the methods are %q, want %q", all, methods)
	}
	for name, file := range map[string]string{
		"mptcpctl":          "../../openwrt/files/usr/share/rpcd/acl.d/mptcpctl.json",
		"luci-app-mptcpctl": "../../openwrt/luci-app-mptcpctl/root/usr/share/rpcd/acl.d/luci-app-mptcpctl.json",
	} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var lists map[string]map[string]json.RawMessage
		if err := json.Unmarshal(text, &lists); err != nil {
			t.Fatal(err)
		}
		for group, methods := range want {
			var rights struct{ Ubus map[string][]string }
			if err := json.Unmarshal(lists[name][group], &rights); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(map[string][]string{"mptcpctl": methods}, rights.Ubus); diff != "" {
				t.Errorf("%s, %s (-want +got):\n%s", file, group, diff)
			}
		}
	}
}
