// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/netifd"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// testLine makes an interface: its name, the option device, the device that carries
// the addresses, the mode, and the addresses.
func testLine(name, option, device string, mode config.Mode, addresses ...string) *plan.Line {
	l := &plan.Line{Interface: config.Interface{Name: name, Device: option, Mode: mode, Own: mode != config.Off}, Device: device}
	for _, a := range addresses {
		l.Netifd.Addresses = append(l.Netifd.Addresses, netifd.Address{Prefix: netip.MustParsePrefix(a)})
	}
	return l
}

func TestWhatAWordMeans(t *testing.T) {
	t.Parallel()
	follows := func(l *plan.Line, from string) *plan.Line {
		l.Own, l.From = false, from
		return l
	}
	lines := []*plan.Line{
		testLine("lan", "br-lan", "br-lan", config.Off, "192.168.1.1/24"),
		testLine("wan", "eth1", "pppoe-wan", config.Master, "203.0.113.7/32"),
		follows(testLine("wan_6", "", "pppoe-wan", config.Master, "2001:db8::7/64"), "wan"),
		testLine("page", "eth1", "eth1", config.Off, "192.168.100.2/24"),
		testLine("cable", "eth2", "eth2", config.On, "10.0.2.2/24"),
		follows(testLine("cable6", "eth2", "eth2", config.On, "2001:db8:2::2/64"), "cable"),
		testLine("lte1", "eth3", "eth3", config.On, "10.0.3.2/24"),
		testLine("lte2", "eth3", "eth3", config.Backup, "10.0.3.3/24"),
		testLine("eth3.7", "eth4", "eth4", config.Signal),
		testLine("eth5", "eth6", "eth6", config.On),
		testLine("late", "eth5", "eth5", config.On),
		testLine("ether", "eth7", "", config.On),
		testLine("guest", "eth8", "eth8", config.Off),
	}
	for word, want := range map[string]string{
		"wan":       "wan",
		"lan":       "lan",
		"br-lan":    "lan",
		"pppoe-wan": "wan wan_6",
		"eth1":      "wan wan_6", // the modem's page is no line
		"eth2":      "cable cable6",
		"eth3":      "error: device eth3 belongs to lte1 and lte2: name one of them",
		"lte2":      "lte2",
		"eth3.7":    "eth3.7",
		"eth4":      "eth3.7",
		"eth5":      "eth5", // a name comes before a device
		"eth6":      "eth5",
		"eth7":      "ether", // down: only the configuration knows the device
		"eth8":      "guest",
		"eth9":      "",
		"":          "",
	} {
		names, err := meant(lines, word)
		got := strings.Join(names, " ")
		if err != nil {
			got = "error: " + err.Error()
		}
		if got != want {
			t.Errorf("%q means %q, want %q", word, got, want)
		}
	}
	down := []*plan.Line{testLine("wan", "eth0", "eth0", config.On), testLine("wan6", "eth0", "eth0", config.On)}
	if names, err := meant(down, "eth0"); err != nil || len(names) != 2 {
		t.Errorf("two that are down: %q, %v", names, err)
	}
}

func TestAnUnknownNameIsToldWithTheKnownOnes(t *testing.T) {
	t.Parallel()
	lines := []*plan.Line{testLine("wan", "eth0", "eth0", config.On), testLine("x\x1b", "", "", config.Off)}
	_, err := namedLines(lines, "wna\n")
	const want = `no interface or device "wna\n"; known: wan (eth0), x?`
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
