// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"

	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// wordHelp is a part of the help of all commands that take a name.
const wordHelp = `NAME can be a device, if only one line uses it or its sections are the IPv4 and
IPv6 halves of one line (wan and wan6).`

// meant resolves a word of the command line: the interface of that name, or else
// those on the device of that name. It returns several interfaces only if they are
// the two families of one line; other lines that share a device are an error that
// names them. For an unknown word it returns nothing, without an error.
func meant(lines []*plan.Line, word string) ([]string, error) {
	all := candidates(lines, word)
	for i, l := range all {
		for _, other := range all[:i] {
			if shareFamily(l, other) {
				return nil, ambiguous(word, all)
			}
		}
	}
	return namesOf(all), nil
}

// namedLines is as meant, but an unknown word is an error.
func namedLines(lines []*plan.Line, word string) ([]string, error) {
	names, err := meant(lines, word)
	if err == nil && len(names) == 0 {
		err = unknownName(lines, word)
	}
	return names, err
}

// candidates are the interface of a name, or those on the device of that name:
// lines before interfaces that take no part (the modem's page beside PPPoE), and
// those whose addresses are on the device before those that have another one on
// top of it, with whatever else is on that.
func candidates(lines []*plan.Line, word string) (all []*plan.Line) {
	if word == "" {
		return nil
	}
	if i := slices.IndexFunc(lines, func(l *plan.Line) bool { return l.Name == word }); i >= 0 {
		return lines[i : i+1]
	}
	above := func(l *plan.Line) bool { return l.Device == word }
	base := func(l *plan.Line) bool { return l.Netifd.Device == word || l.Interface.Device == word }
	onBase := make(map[string]bool)
	for _, l := range lines {
		if base(l) {
			onBase[l.Device] = l.Device != ""
		}
	}
	below := func(l *plan.Line) bool { return base(l) || onBase[l.Device] }
	wanted := func(l *plan.Line) bool { return l.Wanted() }
	takesPart := func(l *plan.Line) bool { return !l.Unmanaged() }
	for _, counts := range []func(*plan.Line) bool{wanted, takesPart, func(*plan.Line) bool { return true }} {
		for _, on := range []func(*plan.Line) bool{above, below} {
			for _, l := range lines {
				if counts(l) && on(l) {
					all = append(all, l)
				}
			}
			if len(all) > 0 {
				return all
			}
		}
	}
	return nil
}

// shareFamily reports whether two interfaces have addresses of one family, so that
// they cannot be the two families of one line.
func shareFamily(a, b *plan.Line) bool {
	for _, f := range plan.Families {
		if hasFamily(a, f) && hasFamily(b, f) {
			return true
		}
	}
	return false
}

func hasFamily(l *plan.Line, f plan.Family) bool {
	for _, a := range l.Netifd.Addresses {
		if plan.FamilyOf(a.Prefix.Addr()) == f {
			return true
		}
	}
	return f == plan.IPv6 && len(l.Netifd.Prefixes) > 0
}
