// SPDX-License-Identifier: Apache-2.0

package uci

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkParse reads a configuration of many interfaces.
func BenchmarkParse(b *testing.B) {
	for _, n := range []int{2, 64} {
		b.Run(fmt.Sprintf("%d interfaces", n), func(b *testing.B) {
			var text strings.Builder
			text.WriteString("config globals 'globals'\n\toption multipath 'enable'\n\n")
			for i := range n {
				fmt.Fprintf(&text, "config interface 'wan%d'\n\toption device 'eth%d'\n\toption proto 'dhcp'\n\toption metric '%d'\n\toption multipath 'on'\n\n", i, i, i)
			}
			data := []byte(text.String())
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse("network", data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
