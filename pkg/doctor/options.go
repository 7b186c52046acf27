// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"strings"

	"github.com/mptcpctl/mptcpctl/pkg/config"
)

// options finds options that are misspelt, and those that only other programs read.
func (e *examination) options() {
	var idle, fix []string
	for i := 0; e.Network != nil && i < len(e.Network.Sections); i++ {
		s := &e.Network.Sections[i]
		for k := range s.Options {
			option := s.Options[k].Name
			remove := "uci delete network." + s.Name + "." + option
			switch meant, read := closestOption(s.Type, option); {
			case !read, meant == option:
			case meant != "":
				e.add(UnknownOption, s.Name, "unknown option "+option+": did you mean "+meant+"?",
					append([]string{remove}, modeSetting(s.Name+"."+meant+"="+quoted(word(s, option)))...)...)
			case strings.HasPrefix(option, "mptcp"), strings.HasPrefix(option, "multipath"):
				idle = append(idle, option)
				fix = append(fix, remove)
			}
		}
	}
	if len(idle) > 0 {
		e.add(IdleOption, "", "options that have no effect here: "+list(idle), append(fix, "uci commit network")...)
	}
}

// closestOption is the option whose name differs by two letters at most; empty: none.
// read is false for sections of which none is read.
func closestOption(section, name string) (option string, read bool) {
	for _, known := range config.Names(section) {
		switch {
		case known == name:
			return name, true
		case distance(known, name, 2) <= 2:
			option = known
		}
		read = true
	}
	return option, read
}

// quoted is a word that a shell takes as it is.
func quoted(word string) string {
	if strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == "" {
		return word
	}
	return "VALUE"
}

// distance is how many letters are too many, missing or wrong in a, or swapped with the
// next, if it were b (Levenshtein, Damerau); it is more than most where it is larger.
func distance(a, b string, most int) int {
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	switch {
	case len(a) == 0, len(b) == 0:
		return len(a) + len(b)
	case most == 0:
		return 1
	}
	d := min(distance(a[1:], b, most-1), distance(a, b[1:], most-1), distance(a[1:], b[1:], most-1))
	if len(a) > 1 && len(b) > 1 && a[0] == b[1] && a[1] == b[0] {
		d = min(d, distance(a[2:], b[2:], most-1))
	}
	return 1 + d
}
