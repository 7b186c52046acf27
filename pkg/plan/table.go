// SPDX-License-Identifier: Apache-2.0

package plan

import "github.com/mptcpctl/mptcpctl/pkg/config"

// firstFree is where numbers start for interfaces whose own is taken.
const firstFree = 1000

// numberTables gives every line its table numbers: a fixed one, else 1 + its
// position, else, when that is taken, the first free one from 1000 up.
func numberTables(cfg *config.Config, lines []Line) {
	for _, f := range Families {
		owner := make(map[uint32]string, len(lines))
		for i := range lines {
			l := &lines[i]
			for _, table := range []uint32{l.Table, l.NetifdTable(IPv4), l.NetifdTable(IPv6)} {
				if _, taken := owner[table]; !taken {
					owner[table] = parentName(l)
				}
			}
		}
		for _, table := range cfg.DefaultTables {
			if _, taken := owner[table]; !taken {
				owner[table] = ""
			}
		}
		for i := range lines {
			lines[i].Tables[f] = number(&lines[i], f, owner)
		}
		next := uint32(max(firstFree, len(cfg.Interfaces)+2))
		assigned := make(map[string]uint32)
		for i := range lines {
			l := &lines[i]
			if l.Tables[f] != 0 || l.Mode == config.Off {
				continue
			}
			if table, ok := assigned[parentName(l)]; ok {
				l.Tables[f] = table
				continue
			}
			for _, taken := owner[next]; taken; _, taken = owner[next] {
				next++
			}
			l.Tables[f] = next
			assigned[parentName(l)] = next
			next++
		}
	}
}

// number is a line's fixed or positional number, 0 when that one is taken.
func number(l *Line, f Family, owner map[uint32]string) uint32 {
	if l.Table != 0 {
		return l.Table
	}
	if table := l.NetifdTable(f); table != 0 {
		return table
	}
	table := uint32(l.Position) + 1
	if name, taken := owner[table]; config.ReservedTable(table) || taken && name != parentName(l) {
		return 0
	}
	return table
}

// parentName is the name under which a line owns its table: a dynamic
// interface shares that of its parent.
func parentName(l *Line) string {
	if l.Netifd.Dynamic && l.From != "" {
		return l.From
	}
	return l.Name
}
