// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"slices"
	"strconv"
	"strings"
)

// marks are the values that a firewall mark may get; any: they cannot be told.
type marks struct {
	values []uint32
	any    bool
}

// reach reports whether a rule for a mark takes one of them.
func (m *marks) reach(mark, mask uint32) bool {
	return m.any || slices.ContainsFunc(m.values, func(v uint32) bool { return v&mask == mark })
}

// chain is one of nftables: the marks that its own rules set, and the chains
// to which they jump.
type chain struct {
	marks
	output bool // its hook is output
	to     []string
	seen   bool
}

// outputMarks are the marks that are set on the way from an output hook, as
// "nft list ruleset" shows it (nft(8)): packets that the router makes get
// another route then.
func outputMarks(ruleset string) *marks {
	chains := make(map[string]*chain)
	var table string
	var at *chain
	for _, line := range strings.Split(ruleset, "\n") {
		line, _, _ = strings.Cut(line, ` comment "`)
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
		case words[0] == "table":
			table, at = strings.Join(words[1:], " ")+" ", nil
		case words[0] == "chain" && len(words) > 1:
			at = &chain{}
			chains[table+words[1]] = at
		case words[0] == "}":
			at = nil
		case at != nil:
			at.read(words, table)
		}
	}
	all := &marks{}
	for _, c := range chains {
		if c.output {
			c.collect(chains, all)
		}
	}
	return all
}

// read takes note of one line of a chain.
func (c *chain) read(words []string, table string) {
	for i, word := range words {
		rest := words[i+1:]
		switch {
		case len(rest) == 0:
		case word == "hook":
			c.output = rest[0] == "output"
		case word == "jump", word == "goto":
			c.to = append(c.to, table+strings.TrimSuffix(rest[0], ","))
		case word == "mark" && rest[0] == "set" && words[max(i-1, 0)] == "meta":
			c.set(rest[1:])
		case word == "target" && strings.Contains(rest[0], "MARK"): // of iptables, when nft cannot show what it does
			c.any = true
		}
	}
}

// set takes note of what a mark is set to: a number, the old mark with some bits
// changed, or what only a packet tells.
func (c *chain) set(words []string) {
	for i, word := range words {
		switch word {
		case "meta", "mark", "&", "|", "^", "and", "or", "xor":
			continue
		}
		n, err := strconv.ParseUint(word, 0, 32)
		switch {
		case err != nil:
			c.any = c.any || i == 0 // a map, the mark of the connection
			return
		case i > 0 && (words[i-1] == "&" || words[i-1] == "and"): // the bits that are kept
		default:
			c.values = append(c.values, uint32(n))
		}
	}
}

func (c *chain) collect(chains map[string]*chain, all *marks) {
	if c == nil || c.seen {
		return
	}
	c.seen = true
	all.values, all.any = append(all.values, c.values...), all.any || c.any
	for _, name := range c.to {
		chains[name].collect(chains, all)
	}
}
