// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mptcpctl/mptcpctl/pkg/plan"
	"github.com/mptcpctl/mptcpctl/pkg/uci"
)

// firewall finds lines by which the LAN's packets leave with the addresses of the
// LAN, since no zone of the firewall that they are in masquerades.
func (e *examination) firewall() {
	if e.Firewall == nil {
		return
	}
	for _, l := range e.participants() {
		if !l.Use[plan.IPv4].Usable || l.Mode.Announces() || tunnel(l.Netifd.Proto) {
			continue
		}
		name := l.Name
		if l.Netifd.Dynamic && l.From != "" {
			name = l.From // its zone is that of the interface that it was made for
		}
		e.masquerade(l, name)
	}
}

func (e *examination) masquerade(l *plan.LineUse, name string) {
	own, other := "", "" // the zone of the line, and one that masquerades
	place := -1
	for i := range e.Firewall.Sections {
		s := &e.Firewall.Sections[i]
		if s.Type == "zone" {
			place++
		}
		switch {
		case falseWord(word(s, "enabled")):
			continue
		case s.Type == "nat" && (word(s, "target") == "MASQUERADE" || word(s, "target") == "SNAT"):
			return // that may be meant for it
		case s.Type != "zone":
			continue
		}
		section := fmt.Sprintf("firewall.@zone[%d]", place)
		masq := trueWord(word(s, "masq")) && word(s, "family") != "ipv6"
		inside := holds(s, name, l.Device)
		switch {
		case masq && (inside || word(s, "subnet") != ""):
			return
		case inside:
			own = section
		case masq && other == "":
			other = section
		}
	}
	fix := "# put it into a zone with option masq '1'"
	switch {
	case own != "":
		fix = "uci set " + own + ".masq=1"
	case other != "":
		fix = "uci add_list " + other + ".network=" + name
	}
	e.add(NoMasquerade, l.Name, "no zone of the firewall masquerades it: packets from the LAN leave with LAN addresses",
		fix, "uci commit firewall", "/etc/init.d/firewall reload")
}

// holds reports whether a zone has an interface or its device; "tun+" are all that
// begin with tun.
func holds(zone *uci.Section, name, device string) bool {
	words := func(option string) []string { return strings.Fields(strings.Join(zone.Values(option), " ")) }
	networks := words("network")
	devices := words("device")
	if len(networks)+len(devices) == 0 {
		networks = zone.Values("name")
	}
	return slices.Contains(networks, name) || slices.ContainsFunc(devices, func(d string) bool {
		start, any := strings.CutSuffix(d, "+")
		return d == device || any && strings.HasPrefix(device, start)
	})
}
