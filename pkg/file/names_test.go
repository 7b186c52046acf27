// SPDX-License-Identifier: Apache-2.0

package file

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestNamesOfMoreThanOneBuffer(t *testing.T) {
	path := t.TempDir()
	var want []string
	for i := range 1000 {
		name := fmt.Sprintf("a-file-with-a-long-name-%04d", i)
		if err := os.WriteFile(filepath.Join(path, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		want = append(want, name)
	}
	got, err := Names(path)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("names (-want +got), error %v:\n%s", err, diff)
	}
}

func TestNamesOfAnEmptyDirectory(t *testing.T) {
	if got, err := Names(t.TempDir()); len(got) != 0 || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestWhatIsNoDirectoryIsAnError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Names(file); !errors.Is(err, unix.ENOTDIR) {
		t.Errorf("a file: %v", err)
	}
	if _, err := Names(file + "s"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no such directory: %v", err)
	}
}
