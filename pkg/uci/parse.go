// SPDX-License-Identifier: Apache-2.0

package uci

import (
	"errors"
	"fmt"
	"strings"
)

// Parse reads a configuration file as libuci does in non-strict mode: a line that
// cannot be read becomes a warning, and what follows still counts. The name is
// the package's; a package line in the file does not change it.
//
// The error wraps ErrTooLarge or ErrInvalid (the name), or ErrUnterminated; in
// that last case the package is returned too, with what comes before.
func Parse(name string, data []byte) (*Package, error) {
	if err := checkPackage(name); err != nil {
		return nil, err
	}
	if len(data) > MaxSize {
		return nil, fmt.Errorf("package %s: %w", name, ErrTooLarge)
	}
	p := parser{
		lexer:    lexer{in: data},
		pkg:      &Package{Name: name},
		current:  -1,
		sections: make(map[string]int),
		options:  make(map[optionKey]int),
	}
	var open error
	for p.next() {
		err := p.commands()
		if errors.Is(err, ErrUnterminated) && open == nil {
			open = fmt.Errorf("package %s: line %d: %w", name, p.first, err)
		}
		if err != nil {
			p.pkg.Warnings = append(p.pkg.Warnings, Warning{Line: p.first, Text: err.Error()})
		}
	}
	return p.pkg, open
}

// parser builds a package. The two indexes keep the time linear in the length of
// the file.
type parser struct {
	lexer
	pkg      *Package
	current  int // the section that options go to, -1 for none
	sections map[string]int
	options  map[optionKey]int
}

type optionKey struct {
	section int
	name    string
}

var (
	errMissing   = errors.New("an argument is missing")
	errNoSection = errors.New("option or list before the first section")
)

// commands runs all commands of one logical line. The first that fails takes the
// rest of its line with it.
func (p *parser) commands() error {
	p.skipSpace()
	for {
		keyword, followed := p.word()
		if keyword == "" || keyword[0] == '#' {
			return nil
		}
		run, ok := p.command(keyword)
		switch {
		case !ok:
			return p.unknown(keyword)
		case p.current < 0 && strings.IndexByte("ol", keyword[0]) >= 0:
			return errNoSection
		case !followed:
			return errMissing
		}
		if err := run(); err != nil {
			return err
		}
	}
}

func (p *parser) command(keyword string) (run func() error, ok bool) {
	switch keyword {
	case "p", "package":
		return p.packageLine, true
	case "c", "config":
		return p.config, true
	case "o", "option":
		return func() error { return p.option(false) }, true
	case "l", "list":
		return func() error { return p.option(true) }, true
	}
	return nil, false
}

// unknown explains a word that is no command, as one is not that ends its line.
func (p *parser) unknown(keyword string) error {
	keyword = strings.TrimRight(keyword, "\r\n")
	if _, ok := p.command(keyword); ok {
		return errMissing
	}
	return fmt.Errorf("unknown command %s", quote(keyword))
}

// required reads an argument that must be there.
func (p *parser) required(what string, valid func(string) bool) (string, error) {
	s, err := p.arg()
	if err == nil && s == "" {
		err = errMissing
	}
	if err == nil && !valid(s) {
		err = fmt.Errorf("the %s %s has a character that UCI does not allow there", what, quote(s))
	}
	return s, err
}

// end skips one argument too many, as libuci does, which looks for no further.
func (p *parser) end() error {
	_, err := p.arg()
	return err
}

func (p *parser) packageLine() error {
	if _, err := p.required("package name", validPackage); err != nil {
		return err
	}
	return p.end()
}

func (p *parser) config() error {
	typ, err := p.required("section type", validType)
	if err != nil {
		return err
	}
	name, err := p.required("section name", validName)
	if err != nil && !errors.Is(err, errMissing) {
		return err
	}
	if err := p.end(); err != nil {
		return err
	}
	if i, ok := p.sections[name]; ok {
		p.pkg.Sections[i].setType(typ)
		p.current = i
		return nil
	}
	p.current = len(p.pkg.Sections)
	s := Section{Type: typ, Name: name, Line: p.first}
	if name == "" {
		s.Anonymous = true
		s.Name = anonymousName(p.current+1, typ)
	}
	p.pkg.Sections = append(p.pkg.Sections, s)
	if _, ok := p.sections[s.Name]; !ok {
		p.sections[s.Name] = p.current
	}
	return nil
}

// setType changes the type. libuci allocates a section again when the new type
// does not have the old one's length, and forgets that it was anonymous.
func (s *Section) setType(typ string) {
	if len(typ) != len(s.Type) {
		s.Anonymous = false
	}
	s.Type = typ
}

func (p *parser) option(list bool) error {
	name, err := p.required("option name", validName)
	if err != nil {
		return err
	}
	value, err := p.arg()
	if err != nil {
		return err
	}
	if err := p.end(); err != nil {
		return err
	}
	if value == "" && !list {
		return nil
	}
	s := &p.pkg.Sections[p.current]
	key := optionKey{p.current, name}
	i, ok := p.options[key]
	if !ok {
		p.options[key] = len(s.Options)
		s.Options = append(s.Options, Option{Name: name, Values: []string{value}, List: list})
		return nil
	}
	s.Options[i].put(value, list)
	return nil
}

// put replaces the value, or makes the option a list and adds to it.
func (o *Option) put(value string, list bool) {
	if list {
		o.Values = append(o.Values, value)
	} else {
		o.Values = []string{value}
	}
	o.List = list
}
