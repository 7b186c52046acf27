// SPDX-License-Identifier: Apache-2.0

package uci

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// MaxSize is the largest file, and the longest answer of a program, that this
// package reads, in bytes. A router's network configuration has a few thousand.
const MaxSize = 1 << 20

var (
	// ErrUnterminated says that the input ends inside an open quote, so that
	// everything after that quote is unknown.
	ErrUnterminated = errors.New("the file ends inside an open quote")

	// ErrTooLarge says that the input is longer than MaxSize.
	ErrTooLarge = errors.New("larger than 1 MiB")

	// ErrInvalid says that a name or a value is not one that UCI can hold.
	ErrInvalid = errors.New("not valid in UCI")
)

// A Package is one configuration file: its sections in file order. Sections may
// share a name after a rename in a delta file; the first one counts then.
type Package struct {
	Name     string
	Sections []Section
	// File is the path of the file that Read has read; Parse knows none.
	File string
	// Warnings holds one entry for each line that could not be read, and for each file
	// that was left out.
	Warnings []Warning

	// Saved is what the file alone says; nil: the same. Hidden is why the runtime choices
	// are not in the package: the caller may not read them (fs.ErrPermission). Both are
	// filled in by Read only.
	Saved  *Package
	Hidden error
}

// A Section is one "config TYPE 'NAME'" with its options in file order.
type Section struct {
	Type string
	// Name is never empty: a section without one has the name that libuci
	// makes up, as "cfg0192bd".
	Name string
	// Anonymous says that the file gives no name.
	Anonymous bool
	Options   []Option
	// Line is where the section begins in the parsed file, counting from 1. It
	// is 0 when a program or a delta file brought the section.
	Line int
}

// An Option is one "option" (exactly one value, not empty) or all the "list"
// lines of one name. A list can hold empty values, and a delta file can leave it
// without any.
type Option struct {
	Name   string
	Values []string
	List   bool
	// Runtime says that a runtime choice has set it.
	Runtime bool
}

// A Warning is about a line that was skipped. Line counts from 1; 0 means that
// the warning is about the file as a whole. File is empty for that of the package.
type Warning struct {
	File string
	Line int
	Text string
}

// String returns the warning as "line 3: text", or "file: line 3: text".
func (w Warning) String() string {
	text := w.Text
	if w.Line != 0 {
		text = fmt.Sprintf("line %d: %s", w.Line, text)
	}
	if w.File != "" {
		text = w.File + ": " + text
	}
	return text
}

// Section returns the first section of that name. The pointer is into p, and is
// valid until sections are added or removed.
func (p *Package) Section(name string) (*Section, bool) {
	i := p.index(name)
	if i < 0 {
		return nil, false
	}
	return &p.Sections[i], true
}

func (p *Package) index(name string) int {
	return slices.IndexFunc(p.Sections, func(s Section) bool { return s.Name == name })
}

func (s *Section) index(name string) int {
	return slices.IndexFunc(s.Options, func(o Option) bool { return o.Name == name })
}

// Get returns the option's value and whether it is set at all. A list gives its
// values with one space between, as "uci get" prints them; a list without values
// counts as not set. An option can not be set to the empty string: UCI takes that
// as not set.
func (s Section) Get(option string) (string, bool) {
	values := s.Values(option)
	return strings.Join(values, " "), len(values) > 0
}

// Values returns the values of a list, or the one value of an option, unsplit. It
// is nil when the option is not set.
func (s Section) Values(option string) []string {
	i := s.index(option)
	if i < 0 {
		return nil
	}
	return s.Options[i].Values
}

// Runtime reports whether a runtime choice has set the option.
func (s Section) Runtime(option string) bool {
	i := s.index(option)
	return i >= 0 && s.Options[i].Runtime
}

// clone copies a package, so that changes of a delta file to the one do not show in the
// other: they replace values, and add some behind those of the copy.
func (p *Package) clone() *Package {
	c := *p
	c.Sections = append([]Section(nil), p.Sections...)
	for i := range c.Sections {
		c.Sections[i].Options = append([]Option(nil), c.Sections[i].Options...)
	}
	return &c
}

// String returns the package in canonical form, byte for byte what
// "uci -n export" prints. Parse reads it back as the same sections unless a
// section type holds one of the characters # ; \ ' " which UCI accepts in a
// quoted type but does not quote on output.
func (p *Package) String() string { return p.format(true) }

// Unnamed returns what "uci export" prints: as String, but anonymous sections
// have no name.
func (p *Package) Unnamed() string { return p.format(false) }

func (p *Package) format(named bool) string {
	var b strings.Builder
	b.WriteString("package " + escape(p.Name) + "\n")
	for _, s := range p.Sections {
		b.WriteString("\nconfig " + escape(s.Type))
		if named || !s.Anonymous {
			b.WriteString(" '" + escape(s.Name) + "'")
		}
		b.WriteByte('\n')
		for _, o := range s.Options {
			o.format(&b)
		}
	}
	b.WriteByte('\n')
	return b.String()
}

func (o Option) format(b *strings.Builder) {
	keyword := "option"
	if o.List {
		keyword = "list"
	}
	for _, v := range o.Values {
		b.WriteString("\t" + keyword + " " + o.Name + " '" + escape(v) + "'\n")
	}
}

// escape makes s safe between single quotes, where only the quote itself has a
// meaning.
func escape(s string) string { return strings.ReplaceAll(s, "'", `'\''`) }
