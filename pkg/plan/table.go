// SPDX-License-Identifier: Apache-2.0

package plan

import "github.com/mptcpctl/mptcpctl/pkg/config"

// firstFree is where the numbers begin for interfaces whose own is taken.
const firstFree = 1000

// numberTables gives every line its table numbers: a fixed one, else 1 + its position,
// else, where that is taken, the first free one from 1000 up. A number is taken if
// another section fixes it, if netifd fills that table itself, or if the configuration
// puts a default route into it.
func numberTables(cfg *config.Config, lines []Line) {
	taken := make(map[uint32]string, len(lines)) // the line that may have the number all the same
	for i := range lines {
		l := &lines[i]
		for _, table := range []uint32{l.IP4Table, l.IP6Table, l.Netifd.IP4Table, l.Netifd.IP6Table} {
			taken[table] = ""
		}
	}
	for _, table := range cfg.DefaultTables {
		taken[table] = ""
	}
	for i := range lines {
		if l := &lines[i]; l.Table != 0 {
			taken[l.Table] = parentName(l)
		}
	}
	for _, f := range Families {
		numberFamily(cfg, lines, f, taken)
	}
}

// numberFamily numbers the sections first, since their numbers depend on the
// configuration alone. An interface that netifd made has the number of its parent,
// unless another line has that in this family.
func numberFamily(cfg *config.Config, lines []Line, f Family, taken map[uint32]string) {
	next := uint32(max(firstFree, len(cfg.Interfaces)+2))
	free := func() uint32 {
		for _, is := taken[next]; is; _, is = taken[next] {
			next++
		}
		next++
		return next - 1
	}
	numbers := make(map[string]uint32)
	used := make(map[string]bool) // a line of the family has the number
	for i := range lines {
		l := &lines[i]
		if parentName(l) != l.Name {
			continue
		}
		if l.Tables[f] = number(l, taken); l.Tables[f] == 0 && l.Mode != config.Off {
			l.Tables[f] = free()
		}
		numbers[l.Name], used[l.Name] = l.Tables[f], l.reported(f)
	}
	for i := range lines {
		l := &lines[i]
		name := parentName(l)
		switch {
		case name == l.Name:
		case !used[name] || !l.reported(f):
			l.Tables[f] = numbers[name]
			used[name] = used[name] || l.reported(f)
		case l.Mode != config.Off:
			l.Tables[f] = free()
		}
	}
}

// number is the fixed or positional number of a line, 0 if that one is taken.
func number(l *Line, taken map[uint32]string) uint32 {
	if l.Table != 0 {
		return l.Table
	}
	table := uint32(l.Position) + 1
	if name, is := taken[table]; config.ReservedTable(table) || is && name != parentName(l) {
		return 0
	}
	return table
}

// parentName is the name of the line that owns the table: a dynamic interface uses that
// of its parent, in the family that the parent lacks.
func parentName(l *Line) string {
	if l.Netifd.Dynamic && l.From != "" {
		return l.From
	}
	return l.Name
}
