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
func Parse(name string, data []byte) (*Package, error) { return parse(name, data, false) }

// parse is Parse. With apart, the options behind a "config" line that cannot be read
// are left out; libuci gives them to the section before that line.
func parse(name string, data []byte, apart bool) (*Package, error) {
	if err := checkPackage(name); err != nil {
		return nil, err
	}
	if len(data) > MaxSize {
		return nil, fmt.Errorf("package %s: %w", name, ErrTooLarge)
	}
	p := parser{
		lexer:    lexer{in: data},
		pkg:      &Package{Name: name},
		current:  noSection,
		apart:    apart,
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
	current  int // the section that options go to, or one of the constants below
	apart    bool
	sections map[string]int
	options  map[optionKey]int
}

const (
	noSection      = -1 // there has been none yet
	skippedSection = -2 // its first line could not be read
)

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
		if err := p.run(keyword, followed); err != nil {
			if word := strings.TrimRight(keyword, "\r\n"); word == "c" || word == "config" {
				err = p.lost(err)
			}
			return err
		}
	}
}

// run runs one command. followed says that something follows its keyword.
func (p *parser) run(keyword string, followed bool) error {
	run, ok := p.command(keyword)
	switch {
	case !ok:
		return p.unknown(keyword)
	case p.current == noSection && strings.IndexByte("ol", keyword[0]) >= 0:
		return errNoSection
	case !followed:
		return errMissing
	}
	return run()
}

// lost is the error of a section's first line, with what becomes of the options
// behind it.
func (p *parser) lost(err error) error {
	switch {
	case errors.Is(err, ErrUnterminated):
		return err
	case p.apart:
		p.current = skippedSection
		return fmt.Errorf("%w; the options of this section are left out", err)
	case p.current >= 0:
		return fmt.Errorf("%w; the options of this section count for the one before it, %s", err, quote(p.pkg.Sections[p.current].Name))
	}
	return err
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

const sectionName = "section name"

// required reads an argument that must be there.
func (p *parser) required(what string, valid func(string) bool) (string, error) {
	s, err := p.arg()
	if err == nil && s == "" {
		err = errMissing
	}
	if err == nil && !valid(s) {
		err = fmt.Errorf("the %s %s has a character that UCI does not allow there", what, quote(s))
		if what == sectionName {
			err = fmt.Errorf("%w: only letters, digits and _", err)
		}
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
	name, err := p.required(sectionName, validName)
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
	if value == "" && !list || p.current == skippedSection {
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
