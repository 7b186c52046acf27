// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/health"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
	"github.com/mptcpctl/mptcpctl/pkg/uci"
)

var byValue = cmp.Options{cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})}

// notKept are the fields that a document does not have, and why.
var notKept = map[string]string{
	"Snapshot.State.SubflowsAsked": "each plan asks by itself",
}

// fill gives every field below v a value that no other has and that is not zero;
// lists get two items.
func fill(v reflect.Value, path string, n *int) {
	*n++
	if notKept[path] != "" {
		return
	}
	switch value := v.Addr().Interface().(type) {
	case *netip.Addr:
		*value = netip.AddrFrom4([4]byte{81, 2, byte(*n >> 8), byte(*n)})
		return
	case *netip.Prefix:
		*value = netip.PrefixFrom(netip.AddrFrom4([4]byte{81, 3, byte(*n >> 8), byte(*n)}), 8+*n%24)
		return
	case *plan.Family:
		*value = plan.IPv6
		return
	case *plan.PathManager:
		*value = plan.PathManagerOther
		return
	case *health.Verdict:
		*value = health.Degraded
		return
	case *time.Duration:
		*value = time.Duration(*n)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), path+"."+v.Type().Field(i).Name, n)
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), path+"[]", n)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(v.Index(i), path+"[]", n)
		}
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"b": "2", "a": "1"}))
	case reflect.String:
		v.SetString(fmt.Sprintf("word %d", *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int:
		v.SetInt(int64(*n % 128))
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(*n%255 + 1))
	default:
		panic(path + " is of a kind that this test does not know")
	}
}

func TestNoFieldIsLost(t *testing.T) {
	t.Parallel()
	var s Snapshot
	n := 0
	fill(reflect.ValueOf(&s).Elem(), "Snapshot", &n)
	got, err := Decode(Encode(&s))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s, got, byValue); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestZeroIsKept(t *testing.T) {
	t.Parallel()
	want := Snapshot{File: "network", Config: "package network\n"}
	want.State.Rules = []plan.Rule{{Table: plan.Main}, {Suppress: -1, Table: 3}}
	got, err := Decode(Encode(&want))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, byValue); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhatCannotBePrintedIsReplaced(t *testing.T) {
	t.Parallel()
	s := Snapshot{File: "f", Config: "a\x00\x7f\xff\tb\n"}
	got, err := Decode(Encode(&s))
	if want := "a\ufffd\ufffd\ufffd\tb\n"; err != nil || got.Config != want {
		t.Errorf("got %q, %v, want %q", got.Config, err, want)
	}
	if !json.Valid(Encode(&s)) {
		t.Errorf("not JSON: %s", Encode(&s))
	}
}

// fixtures are documents from the laboratory.
func fixtures(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no fixtures", err)
	}
	all := make(map[string][]byte)
	for _, file := range files {
		if all[file], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func TestFixturesComeOutAsTheyWere(t *testing.T) {
	t.Parallel()
	for name, data := range fixtures(t) {
		s, err := Decode(data)
		if err != nil {
			t.Fatal(name, err)
		}
		data := strings.Replace(string(data), `{"version":1,`, `{"version":2,`, 1)
		if diff := cmp.Diff(data, string(Encode(&s))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// operations is the text of the plan of a snapshot.
func operations(s *Snapshot) (string, error) {
	pkg, err := uci.Parse("network", []byte(s.Config))
	if err != nil {
		return "", err
	}
	cfg, err := config.Parse(s.File, pkg)
	if err != nil {
		return "", err
	}
	in := plan.Input{Config: &cfg, Lines: plan.Resolve(&cfg, s.Interfaces), State: s.State, Netifd: s.Netifd, LastID: s.LastID}
	in.State.SubflowsAsked = true
	r := plan.Make(in)
	text := strings.Join(r.Warnings, "\n")
	for _, op := range r.Ops {
		text += fmt.Sprintf("%c %s # %s\n", op.Action, op.Command(), op.Comment())
	}
	return text, nil
}

func TestDecodeRefusesWhatIsWrong(t *testing.T) {
	t.Parallel()
	const head = `{"version":1,"config_file":"f","config":"c","state":`
	for document, want := range map[string]string{
		"":                         "no JSON document, or one that was cut short",
		"{}":                       "no snapshot: it has no version",
		"[]":                       "no snapshot: it has no version",
		`{"version":3}`:            "made by a newer mptcpctl: version 3, this one reads 2",
		`{"version":1.5}`:          "version: expected a number from 1 up",
		`{"version":0}`:            "version: expected a number from 1 up",
		`{"version":1,"state":{}}`: "state.path_manager: expected kernel or missing or other",
		`{"version":1}`:            "state: expected an object",
		head + `[]}`:               "state: expected an object",
		head + `{"devices":7}}`:    "state.devices: expected a list",
		head + `{"devices":[7]}}`:  "state.devices[0]: expected an object",
		head + `{"path_manager":"kernel","sysctls":[{"key":"a","value":1}]}}`:                                "state.sysctls[0].value: expected a string",
		head + `{"devices":[{},{"up":1}]}}`:                                                                  "state.devices[1].up: expected true or false",
		head + `{"devices":[{"index":-1}]}}`:                                                                 "state.devices[0].index: expected a number from 0 to 2147483647",
		head + `{"rules":[{"family":"ipx"}]}}`:                                                               "state.rules[0].family: expected ipv4 or ipv6",
		head + `{"rules":[{"family":"ipv4","src":"10.0.0.0"}]}}`:                                             "state.rules[0].src: expected a prefix",
		head + `{"routes":[{"family":"ipv4"}]}}`:                                                             "state.routes[0].dst: expected a prefix",
		head + `{"endpoints":[{"id":256}]}}`:                                                                 "state.endpoints[0].id: expected a number from 0 to 255",
		head + `{"endpoints":[{"address":"fe80::1%eth0"}]}}`:                                                 "state.endpoints[0].address: expected an address",
		`{"version":1,"config_file":"f","state":{"path_manager":"kernel"}}`:                                  "config_file or config: missing",
		`{"version":1,"config":["x"],"state":{"path_manager":"kernel"}}`:                                     "config: expected a string",
		`{"version":1,"interfaces":[{"addresses":[{"peer":"10.0.0.1"}]}],"state":{"path_manager":"kernel"}}`: "interfaces[0].addresses[0].address: expected a prefix",
	} {
		_, err := Decode([]byte(document))
		if got := fmt.Sprint(err); got != want {
			t.Errorf("%s\n got %s\nwant %s", document, got, want)
		}
	}
}

// Every beginning of a document is refused, and none lets the plan panic.
func TestCutShort(t *testing.T) {
	t.Parallel()
	data := bytes.TrimSpace(fixtures(t)["testdata/fresh.json"])
	for n := range data {
		if _, err := Decode(data[:n]); err == nil {
			t.Fatalf("the first %d bytes pass for a document", n)
		}
	}
}

// FuzzDecode: whatever can be read can be planned, and written again.
func FuzzDecode(f *testing.F) {
	for _, data := range fixtures(f) {
		f.Add(data)
	}
	f.Add([]byte(`{"version":1,"config_file":"f","config":"config interface 'wan'\n option multipath on\n option device eth1\n","state":{"path_manager":"other","rules":[{"family":"ipv6","src":"10.0.0.0/8","oif":"eth1","table":4294967295,"suppress_prefixlength":-1}],"routes":[{"family":"ipv6","dst":"10.0.0.0/8"}],"endpoints":[{"address":"::ffff:1.2.3.4","id":9}]}}`))
	f.Add([]byte(`{"version":1,"config_file":"f","config":"config interface 'w\u0000\u0001'\n","interfaces":[{"interface":"\u007f\ufffe"}],"state":{"path_manager":"kernel","sysctls":[{"key":"\u0000","value":"\u001f"}]}}`))
	f.Add([]byte(`{"version":1,"config_file":"f","config":"config interface 'w'\n","state":{"path_manager":"kernel","sysctls":[{"key":"a"},{"value":"1"}]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Decode(data)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %q", err)
			}
			return
		}
		once := Encode(&s)
		again, err := Decode(once)
		if err != nil {
			t.Fatal(err)
		}
		if twice := Encode(&again); !bytes.Equal(once, twice) {
			t.Errorf("changed on the way:\n%s\n%s", once, twice)
		}
		_, _ = operations(&s)
		if _, err := operations(&again); err != nil {
			return
		}
		if err := again.Redact(); err != nil {
			return
		}
		if _, err := operations(&again); err != nil {
			t.Errorf("the masked one cannot be planned: %v", err)
		}
	})
}
