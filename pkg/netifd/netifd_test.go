// SPDX-License-Identifier: Apache-2.0

package netifd

import (
	"bytes"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var compareAddrs = cmp.Options{
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
}

func recorded(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// dumpOf makes a dump of one recorded "network.interface.NAME status" reply.
func dumpOf(t *testing.T, file string) []byte {
	t.Helper()
	name, _, _ := strings.Cut(file, "-")
	status := bytes.TrimSpace(recorded(t, file))
	return []byte(`{"interface":[{"interface":"` + name + `",` + string(status[1:]) + `]}`)
}

func one(t *testing.T, dump []byte) Interface {
	t.Helper()
	all, err := Parse(dump)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 1 {
		t.Fatalf("got %d interfaces, want 1", len(all))
	}
	return all[0]
}

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }
func addr(s string) netip.Addr     { return netip.MustParseAddr(s) }

func TestParseRecordedDump(t *testing.T) {
	all, err := Parse(recorded(t, "dump-static-v6-dhcp-ip4table.json"))
	if err != nil {
		t.Fatal(err)
	}
	want := []Interface{
		{Name: "lan", Up: true, Proto: "static", L3Device: "lan0", Device: "lan0", Addresses: []Address{{Prefix: prefix("192.168.1.1/24")}}},
		{Name: "loopback", Up: true, Proto: "static", L3Device: "lo", Device: "lo", Addresses: []Address{{Prefix: prefix("127.0.0.1/8")}}},
		{
			Name: "wan1", Up: true, Proto: "static", L3Device: "eth1", Device: "eth1", Metric: 1,
			Addresses: []Address{{Prefix: prefix("10.0.1.2/24")}, {Prefix: prefix("fd00:1::2/64")}},
			Routes: []Route{
				{Target: prefix("::/0"), Nexthop: addr("fd00:1::1"), Metric: 1},
				{Target: prefix("0.0.0.0/0"), Nexthop: addr("10.0.1.1"), Metric: 1},
			},
			NameServers: []netip.Addr{addr("10.0.1.1")},
		},
		{
			Name: "wan2", Up: true, Proto: "dhcp", L3Device: "eth2", Device: "eth2", Metric: 2,
			Addresses:   []Address{{Prefix: prefix("10.0.2.101/24")}},
			Routes:      []Route{{Target: prefix("0.0.0.0/0"), Nexthop: addr("10.0.2.1"), Metric: 2, Source: prefix("10.0.2.101/32")}},
			NameServers: []netip.Addr{addr("10.0.2.1")},
		},
		{
			Name: "wan3", Up: true, Proto: "static", L3Device: "eth3", Device: "eth3", Metric: 3, IP4Table: 103, IP6Table: 103,
			Addresses: []Address{{Prefix: prefix("10.0.3.2/24")}, {Prefix: prefix("10.0.3.3/24")}, {Prefix: prefix("fd00:3::2/64")}},
			Routes: []Route{
				{Target: prefix("::/0"), Nexthop: addr("fd00:3::1"), Metric: 3},
				{Target: prefix("0.0.0.0/0"), Nexthop: addr("10.0.3.1"), Metric: 3},
			},
		},
	}
	if diff := cmp.Diff(want, all, compareAddrs); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestParseRecordedStatus(t *testing.T) {
	static2 := Interface{
		Name: "wan2", Up: true, Proto: "static", L3Device: "eth2", Device: "eth2", Metric: 2,
		Addresses: []Address{{Prefix: prefix("10.0.2.2/24")}},
		Routes:    []Route{{Target: prefix("0.0.0.0/0"), Nexthop: addr("10.0.2.1"), Metric: 2}},
	}
	for _, tt := range []struct {
		file string
		want Interface
	}{
		{"wan2-status-static.json", static2},
		{"wan2-status-link-lost.json", static2},
		{"wan2-status-admin-down.json", Interface{Name: "wan2", Proto: "static", Device: "eth2"}},
		{"wan2-status-dhcp-link-lost.json", Interface{Name: "wan2", Proto: "dhcp", Device: "eth2"}},
		{"wan2-status-dhcp-expired.json", Interface{Name: "wan2", Proto: "dhcp", Device: "eth2"}},
		{"wan1-status-static-forcelink0-link-lost.json", Interface{Name: "wan1", Proto: "static", Device: "eth1"}},
		{"wan3-status-device-gone.json", Interface{Name: "wan3", Proto: "static", Device: "eth3"}},
		{"wan2-status-dhcp-defaultroute0.json", Interface{
			Name: "wan2", Up: true, Proto: "dhcp", L3Device: "eth2", Device: "eth2", Metric: 2,
			Addresses:   []Address{{Prefix: prefix("10.0.2.151/24")}},
			Inactive:    []Route{{Target: prefix("0.0.0.0/0"), Nexthop: addr("10.0.2.254"), Metric: 2, Source: prefix("10.0.2.151/32")}},
			NameServers: []netip.Addr{addr("10.0.2.9")},
		}},
	} {
		t.Run(tt.file, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, one(t, dumpOf(t, tt.file)), compareAddrs); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestEveryRecordedReplyParses(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) < 19 {
		t.Fatalf("%d recorded replies, %v", len(files), err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		data := recorded(t, name)
		if !strings.HasPrefix(name, "dump-") {
			data = dumpOf(t, name)
		}
		if _, err := Parse(data); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRoutesAndPrefixesOfALine(t *testing.T) {
	got := one(t, []byte(`{"interface":[{"interface":"wan","up":true,"l3_device":"pppoe-wan","device":"eth0","metric":10,
		"ipv4-address":[{"address":"100.64.1.7","mask":32,"ptpaddress":"100.64.0.1"}],
		"ipv6-prefix":[{"address":"2001:db8:5::","mask":56}],
		"route":[{"target":"0.0.0.0","mask":0,"nexthop":"0.0.0.0","metric":5},
			{"target":"10.9.0.0","mask":16,"nexthop":"100.64.0.1","table":7},
			{"target":"10.8.0.0","mask":16,"nexthop":"0.0.0.0","type":7},
			{"target":"10.7.0.0","mask":16,"nexthop":"100.64.0.1","mtu":1400,"source":"100.64.1.7/32"},
			{"target":"::","mask":0,"nexthop":"fe80::1","source":"2001:db8:5::/56"},
			{"target":"::","mask":0,"nexthop":"fe80::1","source":"::/0"}]}]}`))
	want := Interface{
		Name: "wan", Up: true, L3Device: "pppoe-wan", Device: "eth0", Metric: 10,
		Addresses: []Address{{Prefix: prefix("100.64.1.7/32"), Peer: addr("100.64.0.1")}},
		Prefixes:  []netip.Prefix{prefix("2001:db8:5::/56")},
		Routes: []Route{
			{Target: prefix("0.0.0.0/0"), Metric: 5},
			{Target: prefix("10.9.0.0/16"), Nexthop: addr("100.64.0.1"), Metric: 10, Table: 7},
			{Target: prefix("10.8.0.0/16"), Metric: 10, Type: 7},
			{Target: prefix("10.7.0.0/16"), Nexthop: addr("100.64.0.1"), Metric: 10, MTU: 1400, Source: prefix("100.64.1.7/32")},
			{Target: prefix("::/0"), Nexthop: addr("fe80::1"), Metric: 10, Source: prefix("2001:db8:5::/56")},
			{Target: prefix("::/0"), Nexthop: addr("fe80::1"), Metric: 10},
		},
	}
	if diff := cmp.Diff(want, got, compareAddrs); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestGarbageIsAnError(t *testing.T) {
	for _, reply := range []string{
		"", "Command failed: Not found", "{", "[]", "{}", `{"interface":{}}`, `{"interface":[{}]}`, "\x00\xff",
		`{"interface":[{"interface":"wan","ipv4-address":[{"address":"10.0.0.300","mask":24}]}]}`,
		`{"interface":[{"interface":"wan","ipv4-address":[{"address":"10.0.0.3","mask":33}]}]}`,
		`{"interface":[{"interface":"wan","route":[{"target":"0.0.0.0","mask":0}]}]}`,
		`{"interface":[{"interface":"wan","route":[{"target":"0.0.0.0","mask":0,"nexthop":"0.0.0.0","source":"10.0.0.1"}]}]}`,
		strings.Repeat("[", 10000),
	} {
		if _, err := Parse([]byte(reply)); !errors.Is(err, ErrGarbage) {
			t.Errorf("Parse(%.40q) = %v, want ErrGarbage", reply, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/dump-*.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, reply []byte) {
		all, err := Parse(reply)
		if err != nil {
			return
		}
		for _, i := range all {
			if i.Name == "" {
				t.Error("an interface without a name")
			}
			for _, a := range i.Addresses {
				if !a.Prefix.IsValid() {
					t.Errorf("%s: address %v", i.Name, a)
				}
			}
			for _, r := range append(i.Routes, i.Inactive...) {
				if !r.Target.IsValid() || r.Target != r.Target.Masked() || r.Nexthop.IsValid() && r.Nexthop.IsUnspecified() {
					t.Errorf("%s: route %v", i.Name, r)
				}
			}
		}
	})
}
