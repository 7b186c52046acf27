// SPDX-License-Identifier: Apache-2.0

// Package openwrt tries the packages that "make packages" makes. What their scripts do is
// in the scripts package_*.txtar of cmd/mptcpctl.
package openwrt

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/netlab/packed"
)

// limit is how long a program may take that makes a package.
const limit = 10 * time.Minute

// tree is the top folder of the repository.
const tree = ".."

// run runs a program in a tree, and returns what it printed.
func run(t *testing.T, dir string, name string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "MAKE") || strings.HasPrefix(v, "MAN_DIR=")
	}), "SOURCE_DATE_EPOCH=1800000000")
	text, err := cmd.CombinedOutput()
	return string(text), err
}

// build makes a package in a tree of a program that does nothing, and returns its path.
func build(t *testing.T, dir, format, architecture, version string) string {
	t.Helper()
	to := t.TempDir()
	program := filepath.Join(to, "program")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if text, err := run(t, dir, ".ci/package", format, architecture, version, program, to); err != nil {
		t.Fatalf("%s %s %s: %v\n%s", format, architecture, version, err, text)
	}
	built, err := filepath.Glob(filepath.Join(to, "*."+format))
	if err != nil || len(built) != 1 {
		t.Fatalf("built %q, %v", built, err)
	}
	return built[0]
}

func open(t *testing.T, name string) *packed.Package {
	t.Helper()
	p, err := packed.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// apkVersion is the grammar of apk's versions (apk-package(5); src/version.c of apk-tools).
var apkVersion = regexp.MustCompile(`(?m)^pkgver = [0-9]+(\.[0-9]+)*[a-z]?(_(alpha|beta|pre|rc|cvs|svn|git|hg|p)[0-9]*)*(~[0-9a-f]+)?(-r[0-9]+)?$`)

func TestVersions(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"", "devel", "main", "v0.2.0", "0.2", "0.2.0-rc.1", "0.2.0-5-g1234567", "0.2.0-dirty", "0.2.0+git5", "0.2.0-rc1\nx"} {
		to := t.TempDir()
		text, err := run(t, tree, ".ci/package", "apk", "x86_64", version, "/bin/true", to)
		if err == nil || !strings.Contains(text, "is not the version of a package") {
			t.Errorf("version %q: %v\n%s", version, err, text)
		}
		if made, _ := os.ReadDir(to); len(made) > 0 {
			t.Errorf("version %q is made: %v", version, made)
		}
	}
	for version, want := range map[string][]string{
		"0.2.0":     {"pkgver = 0.2.0-r1\n", "Version: 0.2.0-r1\n"},
		"0.2.0-rc1": {"pkgver = 0.2.0_rc1-r1\n", "Version: 0.2.0~rc1-r1\n"},
	} {
		info := open(t, build(t, tree, "apk", "x86_64", version)).Control["PKGINFO"].Data
		if !apkVersion.Match(info) || !strings.Contains(string(info), want[0]) {
			t.Errorf("version %s:\n%s", version, info)
		}
		control := open(t, build(t, tree, "ipk", "x86_64", version)).Control["control"].Data
		if !strings.Contains(string(control), want[1]) {
			t.Errorf("version %s:\n%s", version, control)
		}
	}
}

// TestOpenWrtPackages: both formats say what OpenWrt's own build would say.
func TestOpenWrtPackages(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	feed := func(name string) string {
		found := regexp.MustCompile(`(?m)^ *` + name + `:=(.*)$`).FindSubmatch(text)
		if found == nil {
			t.Fatalf("openwrt/Makefile has no %s", name)
		}
		return string(found[1])
	}
	var depends []string
	for word := range strings.FieldsSeq(feed("DEPENDS")) {
		if name, is := strings.CutPrefix(word, "+"); is {
			depends = append(depends, name)
		}
	}
	conflicts := feed("CONFLICTS")
	for _, architecture := range []string{"mipsel_24kc", "arm_cortex-a7_neon-vfpv4"} {
		apk, ipk := build(t, tree, "apk", architecture, "0.2.0"), build(t, tree, "ipk", architecture, "0.2.0")
		for _, file := range []string{apk, ipk} {
			if name, want := filepath.Base(file), "mptcpctl_0.2.0-r1_"+architecture+filepath.Ext(file); name != want {
				t.Errorf("the package is %s, want %s", name, want)
			}
			owned(t, open(t, file))
		}
		info := string(open(t, apk).Control["PKGINFO"].Data)
		want := []string{"pkgname = mptcpctl\n", "arch = " + architecture + "\n", "depend = !" + conflicts + "\n", "license = " + feed("PKG_LICENSE") + "\n"}
		control := "\n" + string(open(t, ipk).Control["control"].Data)
		wantControl := []string{"\nPackage: mptcpctl\n", "\nArchitecture: " + architecture + "\n", "\nConflicts: " + conflicts + "\n",
			"\nDepends: " + strings.Join(depends, ", ") + "\n", "\nAlternatives: " + feed("ALTERNATIVES") + "\n"}
		for _, name := range depends {
			want = append(want, "depend = "+name+"\n")
		}
		contains(t, info, want)
		contains(t, control, wantControl)
		if got := string(open(t, apk).Data["/lib/apk/packages/mptcpctl.alternatives"].Data); strings.TrimSpace(got) != feed("ALTERNATIVES") {
			t.Errorf("alternatives %q", got)
		}
		// A file that is changed would be overwritten, except by opkg below /etc.
		if got := strings.TrimSpace(string(open(t, ipk).Control["conffiles"].Data)); got != "" {
			t.Errorf("conffiles: %s", got)
		}
	}
}

func contains(t *testing.T, text string, parts []string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("there is no %q in\n%s", part, text)
		}
	}
}

// owned asserts that files are root's, and that others may not write to them.
func owned(t *testing.T, p *packed.Package) {
	t.Helper()
	if len(p.Data) == 0 {
		t.Error("the package has no files")
	}
	for name, f := range p.Data {
		if f.Owner != "root" && f.Owner != "" || f.Mode.Perm()&^0o755 != 0 || f.Mode.Perm()&0o444 != 0o444 || f.ModTime.Unix() != 1800000000 {
			t.Errorf("%s is %s of %q, of %s", name, f.Mode, f.Owner, f.ModTime)
		}
	}
}

// TestPackagesAreReproducible makes packages in two copies of the tree that differ in
// what a clone does not have of its own: its place, the time, and who may read it. With
// E2E in the environment (make e2e) it makes all of a release, programs too, in two
// clones of the last commit.
func TestPackagesAreReproducible(t *testing.T) {
	t.Parallel()
	if os.Getenv("E2E") != "" {
		releaseTwice(t)
		return
	}
	first, second := t.TempDir(), filepath.Join(t.TempDir(), "elsewhere")
	copyTree(t, first, 0, time.Unix(1700000000, 0))
	copyTree(t, second, 0o077, time.Unix(1700000123, 0))
	for _, kind := range []struct{ format, architecture string }{{"ipk", "mipsel_24kc"}, {"apk", "mipsel_24kc"}, {"ipk", "all"}, {"apk", "all"}} {
		one, err := os.ReadFile(build(t, first, kind.format, kind.architecture, "0.2.0"))
		if err != nil {
			t.Fatal(err)
		}
		other, err := os.ReadFile(build(t, second, kind.format, kind.architecture, "0.2.0"))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(one, other) {
			t.Errorf("%s %s: %d and %d bytes, which are not the same", kind.format, kind.architecture, len(one), len(other))
		}
	}
}

func releaseTwice(t *testing.T) {
	var sums []string
	for range 2 {
		dir := filepath.Join(t.TempDir(), "clone")
		if text, err := run(t, tree, "git", "clone", "-q", ".", dir); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if text, err := run(t, dir, "make", "release", "VERSION=0.2.0"); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		text, err := os.ReadFile(filepath.Join(dir, "dist/release/SHA256SUMS"))
		if err != nil {
			t.Fatal(err)
		}
		sums = append(sums, string(text))
	}
	if sums[0] != sums[1] {
		t.Errorf("one clone has\n%s\nthe other\n%s", sums[0], sums[1])
	}
	// Twelve for OpenWrt, three for Debian, five programs with an SBOM each, two archives.
	if n := strings.Count(sums[0], "\n"); n < 12+3+2*5+2 {
		t.Errorf("%d files are released:\n%s", n, sums[0])
	}
}

// copyTree copies what packages are made of, with a page for LuCI.
func copyTree(t *testing.T, to string, umask os.FileMode, written time.Time) {
	t.Helper()
	write := func(path string, data []byte, mode os.FileMode) {
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if err == nil {
			err = os.WriteFile(path, data, mode&^umask)
		}
		if err == nil {
			err = os.Chtimes(path, written, written)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, part := range []string{".ci", "cmd", "docs", "hotplug", "openwrt", "pkg", "CHANGELOG.md", "LICENSE", "Makefile", "go.mod", "go.sum"} {
		err := filepath.WalkDir(filepath.Join(tree, part), func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.Name() == "testdata" || d.Name() == "luci-app-mptcpctl" {
				return fs.SkipDir
			}
			if !d.Type().IsRegular() {
				return nil
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			data, err := os.ReadFile(path)
			relative, _ := filepath.Rel(tree, path)
			write(filepath.Join(to, relative), data, info.Mode().Perm())
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	page := filepath.Join(to, "openwrt/luci-app-mptcpctl")
	write(filepath.Join(page, "htdocs/luci-static/resources/view/mptcpctl.js"), []byte("'use strict';\n"), 0o644)
	write(filepath.Join(page, "root/usr/share/luci/menu.d/luci-app-mptcpctl.json"), []byte("{}\n"), 0o644)
}

// TestLuCIPage: a page of LuCI beside the package is a package of its own, for all
// architectures.
func TestLuCIPage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	copyTree(t, dir, 0, time.Now())
	for format, want := range map[string]struct{ name, control, architecture, depends string }{
		"ipk": {"luci-app-mptcpctl_0.2.0-r1_all.ipk", "control", "\nArchitecture: all\n", "\nDepends: luci-base, mptcpctl\n"},
		"apk": {"luci-app-mptcpctl_0.2.0-r1_noarch.apk", "PKGINFO", "\narch = noarch\n", "\ndepend = luci-base\ndepend = mptcpctl\n"},
	} {
		file := build(t, dir, format, "all", "0.2.0")
		if name := filepath.Base(file); name != want.name {
			t.Errorf("the package is %s, want %s", name, want.name)
		}
		p := open(t, file)
		owned(t, p)
		contains(t, "\n"+string(p.Control[want.control].Data), []string{want.architecture, want.depends})
		for _, name := range []string{"/www/luci-static/resources/view/mptcpctl.js", "/usr/share/luci/menu.d/luci-app-mptcpctl.json"} {
			if !p.Data[name].Mode.IsRegular() || p.Data[name].Data == nil {
				t.Errorf("%s has no %s", want.name, name)
			}
		}
		if p.Data["/usr/bin/mptcpctl"].Data != nil {
			t.Errorf("%s has the program", want.name)
		}
	}
}

// TestLicences: all that is linked into the program has its licence in the package.
func TestLicences(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "mptcpctl")
	if text, err := run(t, tree, "go", "build", "-o", program, "./cmd/mptcpctl"); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	p := open(t, build(t, tree, "ipk", "x86_64", "0.2.0"))
	text := string(p.Data["/usr/share/licenses/mptcpctl/libraries"].Data)
	want := []string{"==== Go, its runtime and standard library: LICENSE\n"}
	for _, module := range info.Deps {
		want = append(want, fmt.Sprintf("==== %s %s: LICENSE", module.Path, module.Version))
	}
	if len(want) < 2 {
		t.Fatal("nothing is linked")
	}
	contains(t, text, want)
	if got, want := strings.Count(text, "==== "), strings.Count(text, "\nCopyright "); want < len(info.Deps) {
		t.Errorf("%d texts with %d copyrights", got, want)
	}
	contains(t, string(p.Data["/usr/share/licenses/mptcpctl/LICENSE"].Data), []string{"Apache License"})
}
