// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// listed is a line that ip(8) prints of an object.
type listed struct{ family, list, line string }

// listBatches are the lists of a situation, by the family that ip(8) is told: one
// process prints several.
var listBatches = []struct{ family, lists string }{
	{"-4", "rule\nroute show table all\n"}, {"-6", "rule\nroute show table all\n"}, {"", "nexthop\nmptcp endpoint\nmptcp limits\n"},
}

// listed are the objects of every list, in the kernel's order.
func (s *script) listed(options string) (all []listed, err error) {
	file := filepath.Join(s.dir, "batch")
	for _, batch := range listBatches {
		if err := os.WriteFile(file, []byte(batch.lists), 0o600); err != nil {
			return nil, err
		}
		text, err := s.ip("ip " + options + " " + batch.family + " -batch " + file)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(text) {
			list := listOf(line, batch.family)
			family := batch.family
			if list == "endpoints" && strings.Contains(line, ":") {
				family = "-6"
			} else if list == "endpoints" {
				family = "-4"
			}
			all = append(all, listed{family, list, line})
		}
	}
	return all, nil
}

var ruleLine = regexp.MustCompile(`^[0-9]+:\s`)

// listOf tells from which list of a batch a line is.
func listOf(line, family string) string {
	switch {
	case family == "" && strings.HasPrefix(line, "id "):
		return "nexthops"
	case family == "" && strings.HasPrefix(line, "add_addr_accepted "):
		return "limits"
	case family == "":
		return "endpoints"
	case ruleLine.MatchString(line):
		return "rules"
	}
	return "routes"
}
