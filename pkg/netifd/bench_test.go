// SPDX-License-Identifier: Apache-2.0

package netifd

import (
	"os"
	"path/filepath"
	"testing"
)

// BenchmarkParse reads a recorded dump.
func BenchmarkParse(b *testing.B) {
	data, err := os.ReadFile(filepath.Join("testdata", "dump-static-v6-dhcp-ip4table.json"))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(data); err != nil {
			b.Fatal(err)
		}
	}
}
