// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"path/filepath"
	"slices"
	"testing"
)

// FuzzHint: the content of the lock file is read in bounds, and what is written is
// read again.
func FuzzHint(f *testing.F) {
	f.Add("2 3 4\n")
	f.Add("255 4294967295 7")
	f.Add("256\n")
	f.Add("\x00 1\n")
	f.Add("7 3 4 limit=5\n")
	f.Fuzz(func(t *testing.T, text string) {
		h := parseHint(text)
		if !h.known && (h.lastID != 0 || h.tables != nil) {
			t.Errorf("%+v of %q", h, text)
		}
		lock, err := Acquire(t.Context(), filepath.Join(t.TempDir(), "lock"), 0)
		if err != nil {
			t.Fatal(err)
		}
		defer lock.Release()
		if err := lock.write(hint{}, h); err != nil {
			t.Fatal(err)
		}
		again, err := lock.read()
		if err != nil {
			t.Fatal(err)
		}
		if h.known && len(text) < maxHint/2 && (again.lastID != h.lastID || again.limit != h.limit || !slices.Equal(again.tables, h.tables)) {
			t.Errorf("%+v came back as %+v", h, again)
		}
	})
}
