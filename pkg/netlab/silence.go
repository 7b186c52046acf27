// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"context"
	"fmt"
	"strings"
)

// Silence makes the provider of a line forward nothing any more, both ways, without a
// word. Unlike BlackHole it leaves the modem alive: the gateway goes on to answer, as it
// does in most outages.
func (l *Lab) Silence(name string) ([]Event, error) {
	return l.change(name, func(_ *state, n *line, _ *Interface) ([]Event, error) {
		table := silentTable(n)
		return nil, l.Internet.nft(fmt.Sprintf("add table %[1]s; add chain %[1]s c { type filter hook forward priority -300; }; "+
			"add rule %[1]s c iifname %[2]s drop; add rule %[1]s c oifname %[2]s drop", table, n.Far))
	})
}

// Speak ends what Silence has begun.
func (l *Lab) Speak(name string) ([]Event, error) {
	return l.change(name, func(_ *state, n *line, _ *Interface) ([]Event, error) {
		return nil, l.Internet.nft("delete table " + silentTable(n))
	})
}

// Lose drops a percentage of what a line carries, each way, by chance; 0: none any more.
func (l *Lab) Lose(name string, percent int) error {
	_, err := l.change(name, func(_ *state, n *line, _ *Interface) ([]Event, error) {
		table := "inet lossy_" + n.Far
		commands := "add table " + table + "; delete table " + table
		if percent > 0 {
			commands += fmt.Sprintf("; add table %[1]s; add chain %[1]s c { type filter hook forward priority -300; }; "+
				"add rule %[1]s c iifname %[2]s numgen random mod 100 < %[3]d drop; add rule %[1]s c oifname %[2]s numgen random mod 100 < %[3]d drop",
				table, n.Far, percent)
		}
		return nil, l.Internet.nft(commands)
	})
	return err
}

func silentTable(n *line) string { return "inet silent_" + n.Far }

// Masquerade gives what the LAN sends over a line the address of the line, as the
// firewall of a router does, and has the providers drop what has not the addresses that
// they gave (RFC 2827), as nearly all do.
func (l *Lab) Masquerade() error { return l.update(l.masquerade) }

func (l *Lab) masquerade(s *state) error {
	var devices, checks []string
	for i := range s.Lines {
		n := &s.Lines[i]
		devices = append(devices, n.Device)
		var own []string
		for _, g := range n.Gateways {
			if g.Is4() {
				own = append(own, fmt.Sprintf("%s/%d", g, subnetBits(g)))
			}
		}
		if len(own) > 0 {
			checks = append(checks, fmt.Sprintf("add rule inet source c iifname %s ip saddr != { %s } drop", n.Far, strings.Join(own, ", ")))
		}
	}
	err := l.Router.nft("add table ip nat; add chain ip nat c { type nat hook postrouting priority srcnat; }; " +
		"add rule ip nat c oifname { " + strings.Join(devices, ", ") + " } masquerade")
	if err != nil {
		return err
	}
	return l.Internet.nft("add table inet source; add chain inet source c { type filter hook prerouting priority -300; }; " + strings.Join(checks, "; "))
}

// nft has nft obey commands in the namespace.
func (n *Namespace) nft(commands string) error {
	_, err := n.Output(context.Background(), "nft", commands)
	return err
}
