// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"slices"
	"strings"

	"github.com/mptcpctl/mptcpctl/pkg/config"
)

// options finds options that are misspelt, and those that only other programs read.
func (e *examination) options() {
	if e.Network == nil {
		return
	}
	var idle, mend []string
	for i := range e.Network.Sections {
		s := &e.Network.Sections[i]
		known := known(s.Type)
		for _, o := range s.Options {
			if len(known) == 0 || slices.Contains(known, o.Name) {
				continue
			}
			name := s.Name + "." + o.Name
			meant := slices.IndexFunc(known, func(k string) bool { return distance(o.Name, k, 2) <= 2 })
			switch {
			case meant >= 0:
				e.add(UnknownOption, s.Name, "option "+o.Name+" is not known: "+known[meant]+" is",
					append([]string{"uci delete network." + name}, modeSetting(s.Name+"."+known[meant]+"="+quoted(word(s, o.Name)))...)...)
			case strings.HasPrefix(o.Name, "mptcp"), strings.HasPrefix(o.Name, "multipath"):
				idle = append(idle, o.Name)
				mend = append(mend, "uci delete network."+name)
			}
		}
	}
	if len(idle) > 0 {
		e.add(IdleOption, "", "options that have no effect here: "+list(idle), append(mend, "uci commit network")...)
	}
}

// known are the options of a type of section.
func known(section string) (names []string) {
	for _, o := range config.Options() {
		if o.Section == section {
			names = append(names, o.Name)
		}
	}
	return names
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
