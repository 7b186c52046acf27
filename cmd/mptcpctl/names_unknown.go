// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"

	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// ambiguous is the error for a device that several lines share.
func ambiguous(device string, all []*plan.Line) error {
	names, last := namesOf(all), len(all)-1
	text := fmt.Sprintf("device %s belongs to %s and %s: name one of them", device, strings.Join(names[:last], ", "), names[last])
	return usage("%s", strings.Map(printable, text))
}

// unknownName is the error for an unknown name. It lists the known ones.
func unknownName(lines []*plan.Line, word string) error {
	return usage("no interface or device %q%s", word, knownNames(lines))
}

// maxKnown is how many names a message lists.
const maxKnown = 20

// knownNames are the interfaces with their devices, for the end of a message.
func knownNames(lines []*plan.Line) string {
	var names []string
	for i, l := range lines {
		if i == maxKnown {
			names = append(names, fmt.Sprintf("and %d more", len(lines)-i))
			break
		}
		name := l.Name
		if l.Device != "" && l.Device != l.Name {
			name += " (" + l.Device + ")"
		}
		names = append(names, strings.Map(printable, name))
	}
	if len(names) == 0 {
		return ""
	}
	return "; known: " + strings.Join(names, ", ")
}

func namesOf(lines []*plan.Line) (names []string) {
	for _, l := range lines {
		names = append(names, l.Name)
	}
	return names
}

// linesOf are the lines of a plan, without their state.
func linesOf(lines []plan.LineUse) []*plan.Line {
	all := make([]*plan.Line, len(lines))
	for i := range lines {
		all[i] = &lines[i].Line
	}
	return all
}
