// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/mptcpctl/mptcpctl/pkg/kernel"
)

func TestBoundsAreThoseOfTheRunningKernel(t *testing.T) {
	for release, want := range map[string]bounds{kernel.Release(): {8, 64}, "other": {}} {
		h := parseHint("7 3 limit=5 kernel=" + release + " endpoints=8 most=64\n")
		if !h.known || h.lastID != 7 || h.limit != 5 || h.bounds != want {
			t.Errorf("of %s: %+v", release, h)
		}
	}
}

// FuzzHint: the content of the lock file is read in bounds, and what is written is
// read again.
func FuzzHint(f *testing.F) {
	f.Add("2 3 4\n")
	f.Add("255 4294967295 7")
	f.Add("256\n")
	f.Add("\x00 1\n")
	f.Add("7 3 4 limit=5\n")
	f.Add("7 3 4 limit=5 flags=1 removed=12 laminar=6 laminar=7 vain=wan2:1a2b3c4d\n")
	f.Add("7 3 kernel=" + kernel.Release() + " endpoints=8 most=64\n")
	f.Add("7 kernel=other endpoints=8\n")
	f.Add("7" + strings.Repeat(" 3", (usualHint-2)/2) + "\n") // as long as the buffer
	f.Add("7" + strings.Repeat(" 3", usualHint) + "\n")
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
		if h.known && len(text) < maxHint/2 && again.text() != h.text() {
			t.Errorf("%+v came back as %+v", h, again)
		}
	})
}
