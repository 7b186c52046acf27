// SPDX-License-Identifier: Apache-2.0

package uci

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

const twoLines = `config interface 'wan'
	option proto 'dhcp'

config interface 'wan2'
	option proto 'dhcp'

config rule
	option name 'r'
`

// source returns a Source on fresh directories, with the given files in them.
func source(t *testing.T, config, state string) Source {
	t.Helper()
	s := Source{ConfigDir: t.TempDir(), StateDir: t.TempDir(), Netifd: true}
	if config != "" {
		write(t, filepath.Join(s.ConfigDir, "network"), config)
	}
	if state != "" {
		write(t, filepath.Join(s.StateDir, "network"), state)
	}
	return s
}

// withUCI puts the stand-in on the PATH and returns the log of its calls.
func withUCI(t *testing.T) string {
	t.Helper()
	install(t, programUCI)
	log := filepath.Join(t.TempDir(), "calls")
	t.Setenv(envLog, log)
	return log
}

func withoutUCI(t *testing.T) {
	t.Helper()
	t.Setenv("PATH", t.TempDir())
}

// eachWay runs a test on a Source that asks the uci program and on one that reads the
// files: both read the same.
func eachWay(t *testing.T, test func(t *testing.T, source func(config, state string) Source)) {
	t.Helper()
	way := func(program bool) func(config, state string) Source {
		return func(config, state string) Source {
			s := source(t, config, state)
			s.Program = program
			return s
		}
	}
	t.Run("by uci", func(t *testing.T) { withUCI(t); test(t, way(true)) })
	t.Run("by the files", func(t *testing.T) { withoutUCI(t); test(t, way(false)) })
}

func TestReadMergesTheRuntimeChoices(t *testing.T) {
	eachWay(t, func(t *testing.T, source func(config, state string) Source) {
		s := source(twoLines, "network.wan2.multipath='on'\nnetwork.wan2.multipath='backup'\n")
		p, err := s.Read(t.Context(), "network")
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range []*Package{p, p.Saved} {
			for i := range p.Sections {
				p.Sections[i].Line = 0
			}
		}
		p.Saved.File = ""
		dhcp := Option{Name: "proto", Values: []string{"dhcp"}}
		wan := Section{Type: "interface", Name: "wan", Options: []Option{dhcp}}
		rule := Section{Type: "rule", Name: "cfg0392bd", Anonymous: true, Options: []Option{{Name: "name", Values: []string{"r"}}}}
		want := &Package{
			Name: "network",
			File: filepath.Join(s.ConfigDir, "network"),
			Sections: []Section{
				wan, {Type: "interface", Name: "wan2", Options: []Option{dhcp, {Name: "multipath", Values: []string{"backup"}, Runtime: true}}}, rule,
			},
			Saved: &Package{Name: "network", Sections: []Section{wan, {Type: "interface", Name: "wan2", Options: []Option{dhcp}}, rule}},
		}
		if diff := cmp.Diff(want, p); diff != "" {
			t.Errorf("package (-want +got):\n%s", diff)
		}
	})
}

func TestReadKeepsMadeUpNamesWhenASectionIsRemoved(t *testing.T) {
	eachWay(t, func(t *testing.T, source func(config, state string) Source) {
		s := source("config rule\nconfig rule\n\toption a 'b'\n", "-network.cfg0192bd\n")
		p, err := s.Read(t.Context(), "network")
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Sections) != 1 || p.Sections[0].Name != "cfg0292bd" || !p.Sections[0].Anonymous {
			t.Errorf("got %+v, want the anonymous cfg0292bd", p.Sections)
		}
	})
}

func TestReadFails(t *testing.T) {
	for _, test := range []struct {
		name, config, pkg string
		want              error
		text              string
	}{
		{"without the file", "", "network", fs.ErrNotExist, ""},
		{"with an open quote", "config interface 'wan'\n\toption a 'b\n", "network", ErrUnterminated, "line 2"},
		{"with a file too large", strings.Repeat("config rule\n", MaxSize/12+1), "network", ErrTooLarge, ""},
		{"with a package that is a path", twoLines, "../network", ErrInvalid, `"../network"`},
		{"with a package that is an option", twoLines, "-f", ErrInvalid, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			eachWay(t, func(t *testing.T, source func(config, state string) Source) {
				s := source(test.config, "")
				_, err := s.Read(t.Context(), test.pkg)
				if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.text) {
					t.Errorf("error %v, want %v with %q", err, test.want, test.text)
				}
			})
		})
	}
}

func TestReadWarnsOfLinesThatCannotBeRead(t *testing.T) {
	eachWay(t, func(t *testing.T, source func(config, state string) Source) {
		s := source("foo\n"+twoLines+"bar\n", "")
		p, err := s.Read(t.Context(), "network")
		if err != nil {
			t.Fatal(err)
		}
		var lines []int
		for _, w := range p.Warnings {
			lines = append(lines, w.Line)
		}
		if diff := cmp.Diff([]int{1, 10}, lines); diff != "" {
			t.Errorf("lines with a warning (-want +got):\n%s", diff)
		}
	})
}

// TestReadWarnsOfTheStateFilesLines has also a line about a section that is gone, as
// every event of netifd leaves some (/etc/hotplug.d/iface/00-netstate).
func TestReadWarnsOfTheStateFilesLines(t *testing.T) {
	eachWay(t, func(t *testing.T, source func(config, state string) Source) {
		s := source(twoLines, "garbage\nnetwork.wan.a='1'\nnetwork.gone.up='1'\n-network.wan.b\n")
		p, err := s.Read(t.Context(), "network")
		if err != nil {
			t.Fatal(err)
		}
		want := []Warning{{File: filepath.Join(s.StateDir, "network"), Line: 1, Text: `"garbage" is not PACKAGE.SECTION or PACKAGE.SECTION.OPTION`}}
		if diff := cmp.Diff(want, p.Warnings); diff != "" {
			t.Errorf("warnings (-want +got):\n%s", diff)
		}
	})
}

// TestTheNameOfASectionThatCannotBeReadIsTold by uci too, which says only in which line
// it is.
func TestTheNameOfASectionThatCannotBeReadIsTold(t *testing.T) {
	const behind = "count for the one before it, \"wan\""
	for name, want := range map[string]string{"by uci": behind, "with netifd": behind, "without netifd": "are left out"} {
		t.Run(name, func(t *testing.T) {
			withUCI(t)
			s := source(t, "config interface 'wan'\n\nconfig interface 'br-ex'\n\toption multipath 'on'\n", "")
			s.Netifd, s.Program = name != "without netifd", name == "by uci"
			for _, read := range []func(context.Context, string) (*Package, error){s.Read, s.Saved} {
				p, err := read(t.Context(), "network")
				if err != nil || len(p.Sections) != 1 {
					t.Fatalf("%+v, error %v", p, err)
				}
				if got, there := p.Sections[0].Get("multipath"); there != s.Netifd {
					t.Errorf("wan has multipath %q", got)
				}
				if len(p.Warnings) != 1 || p.Warnings[0].Line != 3 || !strings.Contains(p.Warnings[0].Text, `"br-ex"`) || !strings.HasSuffix(p.Warnings[0].Text, want) {
					t.Errorf("warnings %q, want one with \"br-ex\" that ends with %q", p.Warnings, want)
				}
			}
		})
	}
}

func TestWhatCannotBeAStateFileIsNamedAndRemoved(t *testing.T) {
	eachWay(t, func(t *testing.T, source func(config, state string) Source) {
		for name, bad := range map[string]func(path string) error{
			"a symbolic link":    func(path string) error { return os.Symlink("target", path) },
			"not a regular file": func(path string) error { return unix.Mkfifo(path, 0o600) },
			"larger than 1 MiB":  func(path string) error { return os.WriteFile(path, make([]byte, MaxSize+1), 0o600) },
		} {
			s := source(twoLines, "")
			path := s.statePath("network")
			write(t, filepath.Join(s.StateDir, "target"), "untouched\n")
			if err := bad(path); err != nil {
				t.Fatal(err)
			}
			_, err := s.Read(t.Context(), "network")
			if want := path + ": not a file of runtime choices: " + name; !errors.Is(err, ErrState) || err.Error() != want {
				t.Errorf("%s: error %v, want %s", name, err, want)
			}
			if removed, err := s.RemoveState(t.Context(), "network"); err != nil || removed != path {
				t.Errorf("%s: removed is %q, error %v", name, removed, err)
			}
			if _, err := s.Read(t.Context(), "network"); err != nil {
				t.Errorf("%s: after that: %v", name, err)
			}
			if got := string(read(t, filepath.Join(s.StateDir, "target"))); got != "untouched\n" {
				t.Errorf("the target holds %q", got)
			}
		}
		s := source(twoLines, "network.wan.multipath='on'\n")
		if removed, err := s.RemoveState(t.Context(), "network"); err != nil || removed != "" {
			t.Errorf("a good file: removed is %q, error %v", removed, err)
		}
		read(t, s.statePath("network"))
	})
}

func TestReadStartsNoProcess(t *testing.T) {
	log := withUCI(t)
	s := source(t, twoLines, "network.wan.multipath='on'\n")
	if _, err := s.Read(t.Context(), "network"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(log); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("uci was called: %q", noted(t, log))
	}
}

func TestReadByTheProgramIsOneProcess(t *testing.T) {
	log := withUCI(t)
	s := source(t, twoLines, "")
	s.Program = true
	if _, err := s.Read(t.Context(), "network"); err != nil {
		t.Fatal(err)
	}
	want := []string{`["-c" ` + strconv.Quote(s.ConfigDir) + ` "-S" "-n" "-P" ` + strconv.Quote(s.StateDir) + ` "export" "network"]` + "\n"}
	if diff := cmp.Diff(want, noted(t, log)); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestUCIThatMisbehavesIsAnError(t *testing.T) {
	for _, test := range []struct {
		behave, text string
		want         error
	}{
		{"export fails", "exit status 1: uci: I/O error", nil},
		{"floods", "", ErrTooLarge},
		{"hangs", ": no answer within 5s", ErrProgram},
		{"hangs", ": context canceled", context.Canceled},
		{"interrupted", ": context canceled", context.Canceled},
		{"interrupted", "", ErrProgram},
		{"crashes", ": signal: terminated", ErrProgram},
		{"colours", ": exit status 1: uci: Not found", nil},
	} {
		t.Run(test.behave+test.text, func(t *testing.T) {
			withUCI(t)
			t.Setenv(envBehave, test.behave)
			ctx := t.Context()
			if test.behave == "hangs" && test.want == ErrProgram {
				short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
				defer cancel()
				ctx = short
			}
			if test.behave == "hangs" && test.want == context.Canceled {
				short, cancel := context.WithCancel(ctx)
				time.AfterFunc(100*time.Millisecond, cancel)
				ctx = short
			}
			s := source(t, twoLines, "")
			s.Program = true
			_, err := s.Read(ctx, "network")
			if err == nil || !strings.Contains(err.Error(), test.text) || test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v with %q", err, test.want, test.text)
			}
		})
	}
}

func TestAnOpenQuoteIsFoundAfterManyOtherWarnings(t *testing.T) {
	withUCI(t)
	s := source(t, strings.Repeat("x\n", MaxSize/32)+"config rule 'r\n", "")
	s.Program = true
	if _, err := s.Read(t.Context(), "network"); !errors.Is(err, ErrUnterminated) {
		t.Errorf("error %v, want %v", err, ErrUnterminated)
	}
}

func TestChangesListsWhatIsStaged(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"nothing":         {"", nil},
		"two options":     {"network.wan.a='1'\n-network.wan.b\n", []string{"network.wan.a='1'", "-network.wan.b"}},
		"several lines":   {"network.wan.a='1\n2'\nnetwork.wan.b='3'\n", []string{"network.wan.a='1\n2'", "network.wan.b='3'"}},
		"a quote":         {`network.wan.a='it'\''s'` + "\nnetwork.wan.b='3'\n", []string{`network.wan.a='it'\''s'`, "network.wan.b='3'"}},
		"without newline": {"network.wan.a='1'", []string{"network.wan.a='1'"}},
	} {
		t.Run(name, func(t *testing.T) {
			log := withUCI(t)
			t.Setenv(envChanges, test.text)
			got, err := Source{}.Changes(t.Context(), "network")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{`["changes" "network"]` + "\n"}, noted(t, log)); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCommitSetsAndCommits(t *testing.T) {
	log := withUCI(t)
	if err := (Source{}).Commit(t.Context(), "network", "wan2", "multipath", "it's; $(x)"); err != nil {
		t.Fatal(err)
	}
	want := []string{
		`["set" "network.wan2.multipath=it's; $(x)"]` + "\n",
		`["commit" "network"]` + "\n",
	}
	if diff := cmp.Diff(want, noted(t, log)); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestCommitThatFailsTakesTheSettingBack(t *testing.T) {
	log := withUCI(t)
	t.Setenv(envBehave, "commit fails")
	err := (Source{}).Commit(t.Context(), "network", "wan2", "multipath", "backup")
	if err == nil || !strings.HasSuffix(err.Error(), "uci commit network: exit status 1: uci: I/O error") {
		t.Errorf("error %v", err)
	}
	want := []string{
		`["set" "network.wan2.multipath=backup"]` + "\n",
		`["commit" "network"]` + "\n",
		`["revert" "network.wan2.multipath"]` + "\n",
	}
	if diff := cmp.Diff(want, noted(t, log)); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestPermanentChangesNeedUCI(t *testing.T) {
	withoutUCI(t)
	if _, err := (Source{}).Changes(t.Context(), "network"); !errors.Is(err, ErrNoProgram) {
		t.Errorf("Changes: error %v, want %v", err, ErrNoProgram)
	}
	if err := (Source{}).Commit(t.Context(), "network", "wan", "a", "b"); !errors.Is(err, ErrNoProgram) {
		t.Errorf("Commit: error %v, want %v", err, ErrNoProgram)
	}
	s := source(t, twoLines, "")
	s.Program = true
	if _, err := s.Read(t.Context(), "network"); !errors.Is(err, ErrNoProgram) {
		t.Errorf("Read: error %v, want %v", err, ErrNoProgram)
	}
}
