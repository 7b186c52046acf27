// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"slices"
	"testing"
)

// BenchmarkMake is a plan alone, by the number of lines and of addresses per
// line: the first one, and one for which nothing is to do.
func BenchmarkMake(b *testing.B) {
	for _, size := range []struct{ lines, addresses int }{{2, 1}, {8, 1}, {64, 1}, {250, 1}, {2, 64}} {
		s := newScene(b, append([]string{"master"}, slices.Repeat([]string{"on"}, size.lines-1)...)...)
		for n := 1; n <= size.lines; n++ {
			for i := 1; i < size.addresses; i++ {
				s.address(fmt.Sprint("wan", n), fmt.Sprintf("10.%d.%d.2/24", n, i))
			}
		}
		name := fmt.Sprintf("%d lines of %d addresses/", size.lines, size.addresses)
		first := s.whole()
		b.Run(name+"everything to do", func(b *testing.B) { makes(b, first) })
		s.settled()
		second := s.whole()
		b.Run(name+"nothing to do", func(b *testing.B) { makes(b, second) })
	}
}

func makes(b *testing.B, in Input) {
	b.ReportAllocs()
	for b.Loop() {
		Make(in)
	}
}
