// SPDX-License-Identifier: Apache-2.0

package openwrt

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestSBOM: the bill of materials has what Go has noted in the program.
func TestSBOM(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "mptcpctl")
	if text, err := run(t, tree, "go", "build", "-o", program, "./cmd/mptcpctl"); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	text, err := run(t, tree, ".ci/sbom", program, "0.2.0")
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	type component struct{ Type, Name, Version, Purl string }
	var bom struct {
		BomFormat, SpecVersion string
		Metadata               struct {
			Timestamp time.Time
			Component struct {
				component
				Hashes []struct{ Alg, Content string }
			}
		}
		Components []component
	}
	if err := json.Unmarshal([]byte(text), &bom); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if bom.BomFormat != "CycloneDX" || bom.SpecVersion != "1.5" || bom.Metadata.Timestamp.Unix() != 1800000000 {
		t.Errorf("%s %s of %s", bom.BomFormat, bom.SpecVersion, bom.Metadata.Timestamp)
	}
	data, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	own := bom.Metadata.Component
	if own.Version != "0.2.0" || own.Name != info.Main.Path || len(own.Hashes) != 1 || own.Hashes[0].Content != fmt.Sprintf("%x", sha256.Sum256(data)) {
		t.Errorf("the program is %+v", own)
	}
	release, _, _ := strings.Cut(strings.TrimPrefix(info.GoVersion, "go"), "-")
	want := []component{{"library", "std", release, "pkg:golang/std@" + release}}
	for _, m := range info.Deps {
		want = append(want, component{"library", m.Path, m.Version, "pkg:golang/" + m.Path + "@" + m.Version})
	}
	if !slices.Equal(bom.Components, want) {
		t.Errorf("components\n%v\nwant\n%v", bom.Components, want)
	}

	// A program without that has no bill, not an empty one.
	if text, err := run(t, tree, ".ci/sbom", "/bin/sh", "0.2.0"); err == nil {
		t.Errorf("the bill of a shell is\n%s", text)
	}
}

// TestSource: the source archive of a commit, and the feed's Makefile with its hash.
func TestSource(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	copyTree(t, dir, 0, time.Now())
	git := func(args ...string) {
		t.Helper()
		named := []string{"-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "init.defaultBranch=main"}
		if text, err := run(t, dir, "git", append(named, args...)...); err != nil {
			t.Fatalf("git %q: %v\n%s", args, err, text)
		}
	}
	git("init", "-q")
	git("add", ".")
	git("commit", "-q", "-m", "all")
	source := func(version string) (string, map[string]string) {
		t.Helper()
		to := t.TempDir()
		text, err := run(t, dir, ".ci/source", version, to)
		if err != nil {
			return text, nil
		}
		made := map[string]string{}
		entries, err := os.ReadDir(to)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			data, err := os.ReadFile(filepath.Join(to, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			made[e.Name()] = string(data)
		}
		return text, made
	}
	text, first := source("0.2.0")
	archive, feed := first["mptcpctl-0.2.0.tar.gz"], first["mptcpctl-0.2.0-feed.tar.gz"]
	if len(first) != 2 || archive == "" || feed == "" {
		t.Fatalf("%d files\n%s", len(first), text)
	}
	_, second := source("0.2.0")
	if second["mptcpctl-0.2.0.tar.gz"] != archive || second["mptcpctl-0.2.0-feed.tar.gz"] != feed {
		t.Error("the same commit gives other bytes the second time")
	}
	if files := untar(t, archive); files["mptcpctl-0.2.0/go.mod"] == "" || files["mptcpctl-0.2.0/.ci/licences"] == "" {
		t.Errorf("the archive has %d files without go.mod or .ci/licences", len(files))
	}
	files := untar(t, feed)
	contains(t, files["net/mptcpctl/Makefile"], []string{"\nPKG_VERSION:=0.2.0\n", fmt.Sprintf("\nPKG_HASH:=%x\n", sha256.Sum256([]byte(archive)))})
	if files["net/mptcpctl/files/etc/init.d/mptcpctl"] == "" || files["net/mptcpctl/test.sh"] == "" {
		t.Error("the feed lacks files")
	}
	if _, made := source("0.2.0-rc1"); len(made) != 1 {
		t.Errorf("%d files of a pre-release, want the archive alone", len(made))
	}
	if text, made := source("0.2"); made != nil || !strings.Contains(text, "is not the version of a package") {
		t.Errorf("version 0.2: %s", text)
	}
	if text, err := run(t, dir, "git", "tag"); err != nil || text != "" {
		t.Errorf("tags: %s, %v", text, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "more"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if text, made := source("0.2.0"); made != nil || !strings.Contains(text, "not committed") {
		t.Errorf("with a change: %s", text)
	}
}

func untar(t *testing.T, data string) map[string]string {
	t.Helper()
	unzipped, err := gzip.NewReader(strings.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for archive := tar.NewReader(unzipped); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		files[h.Name] = string(text)
	}
}
