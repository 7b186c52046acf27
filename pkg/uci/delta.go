// SPDX-License-Identifier: Apache-2.0

package uci

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ApplyDelta makes the changes that a delta file (/var/state/network, or
// /tmp/.uci/network) holds, in order, as libuci's delta.c does. A line that
// cannot be read or applied changes nothing and is one warning; later lines still
// count. Empty lines and comments are skipped silently.
func ApplyDelta(p *Package, data []byte) []Warning { return applyDelta(p, data, false) }

// addDelta applies the delta file at path. What it says about a section or an option
// that is not there any more is passed over.
func (p *Package) addDelta(path string, data []byte, runtime bool) {
	for _, w := range applyDelta(p, data, runtime) {
		if w.Text != errNotThis.Error() {
			w.File = path
			p.Warnings = append(p.Warnings, w)
		}
	}
}

func applyDelta(p *Package, data []byte, runtime bool) []Warning {
	var warnings []Warning
	d := delta{Package: p}
	l := lexer{in: data}
	for l.next() {
		c, err := readChange(&l)
		c.runtime = runtime
		if err == nil {
			err = d.apply(c)
		}
		if err != nil && !errors.Is(err, errBlank) {
			warnings = append(warnings, Warning{Line: l.first, Text: err.Error()})
		}
	}
	return warnings
}

// The kinds of change, by the character in front of the line (uci_command_char in
// delta.c). A setting has none.
const (
	opSet     = '='
	opAdd     = '+' // as set, and the section is anonymous
	opRemove  = '-'
	opRename  = '@'
	opReorder = '^'
	opListAdd = '|'
	opListDel = '~'
)

// change is one line of a delta file. Without option it is about the section.
type change struct {
	op                   byte
	pkg, section, option string
	value                string
	hasValue             bool
	runtime              bool // it is a runtime choice
}

var (
	errBlank   = errors.New("nothing on this line")
	errNoValue = errors.New("a value is missing")
	errNotThis = errors.New("no such section or option")
)

// readChange reads the logical line at which the lexer is.
func readChange(l *lexer) (change, error) {
	arg, err := l.arg()
	switch {
	case err != nil:
		return change{}, err
	case l.rest():
		return change{}, errors.New("text after the end of the change")
	case arg == "":
		return change{}, errBlank
	}
	c := change{op: opSet}
	if strings.IndexByte("+-@^|~", arg[0]) >= 0 {
		c.op = arg[0]
		arg = arg[1:]
	}
	tuple, value, hasValue := strings.Cut(arg, "=")
	c.value, c.hasValue = value, hasValue
	names := strings.Split(tuple, ".")
	c.pkg = names[0]
	if len(names) > 1 {
		c.section = names[1]
	}
	if len(names) > 2 {
		c.option = names[2]
	}
	return c, c.check(names)
}

// check refuses what libuci refuses before it looks at the package.
func (c change) check(names []string) error {
	if len(names) < 2 || len(names) > 3 || !all(strings.Join(names[1:], ""), isWord) ||
		slices.Contains(names, "") {
		return fmt.Errorf("%s is not PACKAGE.SECTION or PACKAGE.SECTION.OPTION", quote(strings.Join(names, ".")))
	}
	switch {
	case !validText(c.value):
		return fmt.Errorf("the value %s has a control character", quote(c.value))
	case c.op != opRemove && !c.hasValue:
		return errNoValue
	case c.op == opReorder && c.option != "":
		return errors.New("only sections have a position")
	case c.op == opRename && !validName(c.value):
		return fmt.Errorf("the new name %s has a character that UCI does not allow there", quote(c.value))
	case (c.op == opListAdd || c.op == opListDel) && c.option == "":
		return errors.New("only options can be lists")
	}
	return nil
}

// delta is a package that changes. The index keeps the time linear in the number of
// changes, but for those that move, rename or remove a section.
type delta struct {
	*Package
	places map[string]int // of the first section of each name; nil: to be made again
}

func (d *delta) place(name string) (at int, ok bool) {
	if d.places == nil {
		d.places = make(map[string]int, len(d.Sections))
		for i := len(d.Sections) - 1; i >= 0; i-- {
			d.places[d.Sections[i].Name] = i
		}
	}
	at, ok = d.places[name]
	return at, ok
}

// apply makes one change.
func (d *delta) apply(c change) error {
	if c.pkg != d.Name {
		return fmt.Errorf("this is about package %s, not %s", quote(c.pkg), d.Name)
	}
	at, there := d.place(c.section)
	if !there {
		if (c.op == opSet || c.op == opAdd) && c.option == "" {
			return d.addSection(c)
		}
		return errNotThis
	}
	if c.option != "" {
		return d.Sections[at].apply(c)
	}
	s := &d.Sections[at]
	switch {
	case c.op == opRename:
		s.Name, s.Anonymous = c.value, false
		d.places = nil
	case c.op == opReorder:
		to, _ := leadingNumber(c.value)
		d.move(at, to)
		d.places = nil
	case c.op == opRemove || c.value == "":
		d.Sections = append(d.Sections[:at], d.Sections[at+1:]...)
		d.places = nil
	case !validType(c.value):
		return badType(c.value)
	default:
		s.setType(c.value)
		s.Anonymous = s.Anonymous || c.op == opAdd
	}
	return nil
}

func (d *delta) addSection(c change) error {
	if c.value == "" {
		return nil
	}
	if !validType(c.value) {
		return badType(c.value)
	}
	d.places[c.section] = len(d.Sections)
	d.Sections = append(d.Sections, Section{Type: c.value, Name: c.section, Anonymous: c.op == opAdd})
	return nil
}

func badType(typ string) error {
	return fmt.Errorf("the section type %s has a character that UCI does not allow there", quote(typ))
}

// move puts section number from at index to, counting without it.
func (p *Package) move(from, to int) {
	to = min(max(to, 0), len(p.Sections)-1)
	for ; from < to; from++ {
		p.Sections[from], p.Sections[from+1] = p.Sections[from+1], p.Sections[from]
	}
	for ; from > to; from-- {
		p.Sections[from], p.Sections[from-1] = p.Sections[from-1], p.Sections[from]
	}
}

// apply makes a change to one of the section's options.
func (s *Section) apply(c change) error {
	at := s.index(c.option)
	if at < 0 {
		return s.applyNew(c)
	}
	o := &s.Options[at]
	switch c.op {
	case opRename:
		o.Name = c.value
	case opListAdd:
		o.put(c.value, true)
		o.Runtime = c.runtime
	case opListDel:
		if o.List {
			o.removeValue(c.value)
		}
	case opRemove:
		if o.List && c.value != "" {
			return o.removeItem(c.value)
		}
		s.Options = append(s.Options[:at], s.Options[at+1:]...)
	default:
		if c.value == "" {
			s.Options = append(s.Options[:at], s.Options[at+1:]...)
			return nil
		}
		o.put(c.value, false)
		o.Runtime = c.runtime
	}
	return nil
}

// applyNew makes a change to an option that is not there.
func (s *Section) applyNew(c change) error {
	switch c.op {
	case opRename, opRemove:
		return errNotThis
	case opListDel:
		return nil
	case opListAdd:
		s.Options = append(s.Options, Option{Name: c.option, Values: []string{c.value}, List: true, Runtime: c.runtime})
	default:
		if c.value != "" {
			s.Options = append(s.Options, Option{Name: c.option, Values: []string{c.value}, Runtime: c.runtime})
		}
	}
	return nil
}

// removeItem removes the list's item of that number, counting from 0. A number
// behind the end removes nothing.
func (o *Option) removeItem(number string) error {
	i, ok := leadingNumber(number)
	if !ok {
		return fmt.Errorf("%s is not the number of an item", quote(number))
	}
	if i >= 0 && i < len(o.Values) {
		o.Values = append(o.Values[:i:i], o.Values[i+1:]...) // another package may have these values
	}
	return nil
}

func (o *Option) removeValue(value string) {
	left := []string{} // it may be without any
	for _, v := range o.Values {
		if v != value {
			left = append(left, v)
		}
	}
	o.Values = left
}

// leadingNumber returns the number that value begins with, after white space and a sign,
// as C makes an int of it: its 32 lower bits. What does not fit in 64 is -1.
func leadingNumber(value string) (n int, ok bool) {
	value = strings.TrimLeft(value, " \t\n\v\f\r")
	negative := false
	if value != "" && (value[0] == '-' || value[0] == '+') {
		negative = value[0] == '-'
		value = value[1:]
	}
	end := 0
	for end < len(value) && value[end] >= '0' && value[end] <= '9' {
		end++
	}
	if end == 0 {
		return 0, false
	}
	n64, err := strconv.ParseUint(value[:end], 10, 64)
	switch {
	case err != nil:
		return -1, true
	case negative:
		n64 = -n64
	}
	return int(int32(n64)), true
}
