// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// Counted is a line whose packets are counted.
type Counted struct {
	Device string
	Family plan.Family
	// Near are the line's own networks: what the modem says is no sign of life.
	Near []netip.Prefix
	// Ours are addresses and networks that tell the line from others on its device;
	// empty: it is alone there.
	Ours []netip.Prefix
}

// Networks that are on the link: broadcast and multicast (RFC 919, RFC 5771), and in IPv6
// link-local and multicast (RFC 4291 sections 2.5.6 and 2.7).
var onLink = [...][]netip.Prefix{
	plan.IPv4: {netip.MustParsePrefix("255.255.255.255/32"), netip.MustParsePrefix("224.0.0.0/4"), netip.MustParsePrefix("169.254.0.0/16")},
	plan.IPv6: {netip.MustParsePrefix("fe80::/10"), netip.MustParsePrefix("ff00::/8")},
}

// CounterRules is what nft is told, as one transaction, to count the packets of lines.
// They are counted before connection tracking translates what is received, and after
// it has translated what is sent. Answers of name servers do not count: a modem may
// give them itself. Those to probes are judged by their content.
func CounterRules(lines []Counted) string {
	var b strings.Builder
	b.WriteString(RemoveCounters + "\nadd table inet " + CounterTable + "\n")
	for n := range lines {
		for _, kind := range []rune{CounterReceived, CounterSent, CounterEnded} {
			fmt.Fprintf(&b, "add counter inet %s %c%d\n", CounterTable, kind, n)
		}
	}
	for _, hook := range []struct {
		name, hook, priority, device, far, near, port string
		kind                                          rune
	}{
		// -450 and 350 are before and behind all that the kernel itself does there
		// (include/uapi/linux/netfilter_ipv4.h).
		{"received", "prerouting", "-450", "iifname", "saddr", "daddr", "sport", CounterReceived},
		{"sent", "postrouting", "350", "oifname", "daddr", "saddr", "dport", CounterSent},
	} {
		chain := fmt.Sprintf("inet %s %s", CounterTable, hook.name)
		fmt.Fprintf(&b, "add chain %s { type filter hook %s priority %s; }\n", chain, hook.hook, hook.priority)
		fmt.Fprintf(&b, "add rule %s udp %s 53 accept\n", chain, hook.port)
		for n, l := range lines {
			ip := [...]string{plan.IPv4: "ip", plan.IPv6: "ip6"}[l.Family]
			match := fmt.Sprintf("add rule %s %s %q %s %s != %s", chain, hook.device, l.Device, ip, hook.far, set(append(onLink[l.Family], l.Near...)))
			if len(l.Ours) > 0 {
				match += fmt.Sprintf(" %s %s %s", ip, hook.near, set(l.Ours))
			}
			fmt.Fprintf(&b, "%s counter name %c%d\n", match, hook.kind, n)
			fmt.Fprintf(&b, "%s tcp flags & (fin | rst) != 0 counter name %c%d\n", match, CounterEnded, n)
		}
	}
	return b.String()
}

// RemoveCounters is what nft is told to remove the table, which need not be there.
const RemoveCounters = "add table inet " + CounterTable + "\ndelete table inet " + CounterTable

// set is a set of nft; each network once, and none within another.
func set(all []netip.Prefix) string {
	var words []string
	for i, p := range all {
		within := false
		for j, other := range all {
			within = within || other.Bits() < p.Bits() && other.Contains(p.Addr()) || j < i && other == p
		}
		if !within {
			words = append(words, p.String())
		}
	}
	return "{ " + strings.Join(words, ", ") + " }"
}
