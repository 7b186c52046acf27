// SPDX-License-Identifier: Apache-2.0

package uci

import (
	"fmt"
	"strconv"
	"strings"
)

// The character sets are those of uci_validate_str and uci_validate_text in
// libuci's util.c. There is no limit on length.

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}

func all(s string, accept func(c byte) bool) bool {
	for i := range len(s) {
		if !accept(s[i]) {
			return false
		}
	}
	return true
}

// validName is for the names of sections and options.
func validName(s string) bool { return s != "" && all(s, isWord) }

// validPackage is for the word of a package line.
func validPackage(s string) bool {
	return s != "" && all(s, func(c byte) bool { return isWord(c) || c == '-' })
}

// validType is for section types: any printable ASCII character but the space.
func validType(s string) bool {
	return s != "" && all(s, func(c byte) bool { return c >= 33 && c <= 126 })
}

// validText is for values that go through a delta file.
func validText(s string) bool {
	return all(s, func(c byte) bool { return c >= ' ' || c == '\t' || c == '\n' || c == '\r' })
}

// checkPackage accepts less than libuci, which would take any printable
// character: the name becomes part of a path and an argument of a program.
func checkPackage(name string) error {
	if !validPackage(name) || strings.HasPrefix(name, "-") {
		return fmt.Errorf("package name %s: %w (letters, digits, _ and -)", quote(name), ErrInvalid)
	}
	return nil
}

// checkSetting accepts what can be written as PACKAGE.SECTION.OPTION.
func checkSetting(pkg, section, option string) error {
	if err := checkPackage(pkg); err != nil {
		return err
	}
	if !validName(section) {
		return fmt.Errorf("section name %s: %w (letters, digits and _)", quote(section), ErrInvalid)
	}
	if !validName(option) {
		return fmt.Errorf("option name %s: %w (letters, digits and _)", quote(option), ErrInvalid)
	}
	return nil
}

// checkValue refuses the empty value because UCI takes it as a deletion.
func checkValue(value string) error {
	if value == "" || !validText(value) {
		return fmt.Errorf("value %s: %w (not empty, no control characters)", quote(value), ErrInvalid)
	}
	return nil
}

// quote makes foreign text fit for a message: printable, and of bounded length.
func quote(s string) string {
	const limit = 40
	if len(s) > limit {
		return strconv.Quote(s[:limit]) + "..."
	}
	return strconv.Quote(s)
}

// anonymousName makes up the name of the n-th section of a file, counting every
// section from 1, as uci_fixup_section in libuci's list.c does. Its hash covers
// the type alone, since the options are read later.
func anonymousName(n int, typ string) string {
	return fmt.Sprintf("cfg%02x%s", n, typeHash(typ))
}

// typeHash is D. J. Bernstein's hash, which starts with 5381, cut to 16 bits.
func typeHash(typ string) string {
	hash := uint32(5381)
	for i := range len(typ) {
		hash = hash*33 + uint32(typ[i])
	}
	return fmt.Sprintf("%04x", uint16(hash))
}

// madeUp reports whether the section's name is one that anonymousName makes.
func madeUp(s Section) bool {
	number, ok := strings.CutPrefix(s.Name, "cfg")
	if !ok {
		return false
	}
	number, ok = strings.CutSuffix(number, typeHash(s.Type))
	if !ok || len(number) < 2 {
		return false
	}
	n, err := strconv.ParseUint(number, 16, 31)
	return err == nil && anonymousName(int(n), s.Type) == s.Name
}
