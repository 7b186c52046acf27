// SPDX-License-Identifier: Apache-2.0

//lint:file-ignore ST1005 these are the words of uci

package netlab

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/mptcpctl/mptcpctl/pkg/uci"
)

// add stages a new section without a name, and prints the one that uci makes up.
func (c *uciCommand) add(name, typ string) error {
	p, err := c.load(name)
	if err != nil {
		return err
	}
	next, err := uci.Parse(name, []byte(p.Unnamed()+"\nconfig "+typ+"\n"))
	if err != nil || len(next.Sections) != len(p.Sections)+1 {
		return errors.New("Invalid argument")
	}
	section := next.Sections[len(p.Sections)].Name
	if err := c.stage(p, fmt.Sprintf("+%s.%s='%s'\n", name, section, typ)); err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.out, section)
	return err
}

// resolve puts the name of a section in place of its type and position, as in
// network.@device[0].ports; from the end a position is negative.
func resolve(p *uci.Package, tuple string) (string, error) {
	before, rest, ok := strings.Cut(tuple, ".@")
	if !ok {
		return tuple, nil
	}
	typ, rest, opened := strings.Cut(rest, "[")
	number, option, closed := strings.Cut(rest, "]")
	position, err := strconv.Atoi(number)
	if !opened || !closed || err != nil {
		return "", errors.New("Invalid argument")
	}
	var names []string
	for _, s := range p.Sections {
		if s.Type == typ {
			names = append(names, s.Name)
		}
	}
	if position < 0 {
		position += len(names)
	}
	if position < 0 || position >= len(names) {
		return "", errNoEntry
	}
	return before + "." + names[position] + option, nil
}

// shown is how uci show names a section of a package: one without a name of its own
// by its type and position.
func shown(p *uci.Package, at int) string {
	s := p.Sections[at]
	if !s.Anonymous {
		return s.Name
	}
	position := 0
	for _, earlier := range p.Sections[:at] {
		if earlier.Type == s.Type {
			position++
		}
	}
	return fmt.Sprintf("@%s[%d]", s.Type, position)
}
