// SPDX-License-Identifier: Apache-2.0

package config

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/uci"
)

// Check says how the health of a line is examined.
type Check struct {
	// Set says that the section has one of the options itself.
	Set bool
	// Bad says that one of them has a bad value.
	Bad bool
	// Targets are asked. None: those that the line itself offers.
	Targets []Target
	// Interval is the time between probes while a line carries nothing; 0: it is not
	// probed then.
	Interval time.Duration
	// Patience is how long a dead line keeps the traffic of the LAN.
	Patience time.Duration
	// Up is how many answers in a row bring a line back.
	Up int
	// Latency and Loss, a percentage, are the limits beyond which a line is degraded;
	// 0: none.
	Latency time.Duration
	Loss    int
}

// Target is a host that a probe asks.
type Target struct {
	Kind TargetKind
	Addr netip.Addr
	Port uint16 // of TCP
}

// TargetKind is how a target is asked.
type TargetKind uint8

// The kinds, as the option spells them.
const (
	TargetDNS  TargetKind = iota // a question to a name server, by UDP
	TargetTCP                    // a SYN: its answer, or its refusal
	TargetPing                   // an ICMP echo, where the kernel lets the program send one
	// TargetHop is the next router beyond the modem, which no option names.
	TargetHop
)

var targetWords = [...]string{TargetDNS: "dns", TargetTCP: "tcp", TargetPing: "ping"}

// String is the target as the option spells it.
func (t Target) String() string {
	switch t.Kind {
	case TargetTCP:
		return "tcp:" + netip.AddrPortFrom(t.Addr, t.Port).String()
	case TargetHop:
		return "next hop"
	}
	return targetWords[t.Kind] + ":" + t.Addr.String()
}

// ParseTarget reads a target. The port of TCP follows the last colon, and an IPv6
// address may have brackets.
func ParseTarget(word string) (t Target, ok bool) {
	kind, rest, _ := strings.Cut(word, ":")
	switch kind {
	case "dns":
	case "ping":
		t.Kind = TargetPing
	case "tcp":
		cut := strings.LastIndexByte(rest, ':')
		port, err := strconv.ParseUint(rest[cut+1:], 10, 16)
		if cut < 0 || err != nil || port == 0 {
			return t, false
		}
		t.Kind, t.Port, rest = TargetTCP, uint16(port), rest[:cut]
	default:
		return t, false
	}
	if len(rest) > 1 && rest[0] == '[' && rest[len(rest)-1] == ']' {
		rest = rest[1 : len(rest)-1]
	}
	var err error
	t.Addr, err = netip.ParseAddr(rest)
	return t, err == nil && t.Addr.Zone() == "" && !t.Addr.Is4In6() && !t.Addr.IsUnspecified() && Gateway(t.Addr)
}

const optionCheckHost = "mptcp_check_host"

// checkNumber is one of the options of a check that is a number.
type checkNumber struct {
	name           string
	low, high, std int
	set            func(c *Check, n int)
}

var checkNumbers = [...]checkNumber{
	{"mptcp_check_interval", 0, 3600, 10, func(c *Check, n int) { c.Interval = time.Duration(n) * time.Second }},
	{"mptcp_check_patience", 0, 60, 3, func(c *Check, n int) { c.Patience = time.Duration(n) * time.Second }},
	{"mptcp_check_up", 1, 100, 3, func(c *Check, n int) { c.Up = n }},
	{"mptcp_check_latency", 1, 10000, 0, func(c *Check, n int) { c.Latency = time.Duration(n) * time.Millisecond }},
	{"mptcp_check_loss", 1, 100, 0, func(c *Check, n int) { c.Loss = n }},
}

// check reads how the health of a line is examined.
func (p *parser) check(s uci.Section) (c Check) {
	refuse := func(name, word string) {
		c.Bad = true
		p.cfg.Problems = append(p.cfg.Problems, p.refused(s, sectionInterface, name, word))
	}
	for _, value := range s.Values(optionCheckHost) {
		for _, word := range strings.Fields(value) {
			c.Set = true
			if t, good := ParseTarget(word); good {
				c.Targets = append(c.Targets, t)
			} else {
				refuse(optionCheckHost, word)
			}
		}
	}
	for i := range checkNumbers {
		one := &checkNumbers[i]
		n := one.std
		if word, there := s.Get(one.name); there && word != "" {
			var err error
			if n, err = strconv.Atoi(word); err != nil || n < one.low || n > one.high {
				refuse(one.name, word)
			}
			c.Set = true
		}
		one.set(&c, n)
	}
	return c
}

// inheritChecks gives a section without any option of a check those of the section whose
// mode it takes over, else those of another on its device: a line has one of IPv4 and
// one of IPv6.
func (c *Config) inheritChecks() {
	var set []*Interface // few have such options
	for i := range c.Interfaces {
		if c.Interfaces[i].Check.Set {
			set = append(set, &c.Interfaces[i])
		}
	}
	for i := range c.Interfaces {
		one := &c.Interfaces[i]
		if one.Check.Set {
			continue
		}
		for _, other := range set {
			beside := one.Device != "" && one.Device == other.Device && !one.Families.Overlap(other.Families)
			if other.Name == one.From || one.From == "" && beside {
				one.Check = other.Check
				one.Check.Set = false
				one.Frozen = one.Frozen || other.Check.Bad
				break
			}
		}
	}
}
