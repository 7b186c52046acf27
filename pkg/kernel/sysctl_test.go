// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSettingsOfEveryLengthAreReadWhole(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, usualSetting - 1, usualSetting, usualSetting + 1, maxSetting} {
		file := filepath.Join(t.TempDir(), "setting")
		want := strings.Repeat("x", n)
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		if got, err := readWhole(file); got != want || err != nil {
			t.Errorf("%d bytes: read %d, %v", n, len(got), err)
		}
	}
}
