// SPDX-License-Identifier: Apache-2.0

package uci

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestSetStateWritesTheLineThatUCIWouldWrite(t *testing.T) {
	withoutUCI(t)
	for value, line := range map[string]string{
		"backup":       "network.wan2.multipath='backup'\n",
		"it's":         `network.wan2.multipath='it'\''s'` + "\n",
		"''":           `network.wan2.multipath=''\'''\'''` + "\n",
		"a=b.c#d;e\\":  `network.wan2.multipath='a=b.c#d;e\'` + "\n",
		"two\nlines":   "network.wan2.multipath='two\nlines'\n",
		"z\u00fcrich ": "network.wan2.multipath='z\u00fcrich '\n",
	} {
		s := source(t, twoLines, "")
		if err := s.SetState(t.Context(), "network", "wan2", "multipath", value); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(line, string(read(t, s.statePath("network")))); diff != "" {
			t.Errorf("%q (-want +got):\n%s", value, diff)
		}
		p, err := s.Read(t.Context(), "network")
		if err != nil {
			t.Fatal(err)
		}
		wan2, _ := p.Section("wan2")
		if got, _ := wan2.Get("multipath"); got != value {
			t.Errorf("%q is read back as %q", value, got)
		}
	}
}

func TestEditsKeepEveryOtherLine(t *testing.T) {
	const others = "# comment\n\nnetwork.wan.multipath='master'\ngarbage='x\ny'\n-network.lan.ipaddr\n firewall.x.y = z\n"
	const mine = "network.wan2.multipath='on'\n"
	const set = "network.wan2.multipath='backup'\n"
	const removed = "-network.wan2.multipath\n"
	const twoLines = "network.wan2.multipath='a\nb'\n"
	for _, test := range []struct{ name, before, afterSet, afterUnset string }{
		{"in an empty file", "", set, ""},
		{"that stand alone", others, others + set, others},
		{"around one of ours", mine + others, mine + others + set, others},
		{"between several of ours", mine + others + mine + mine, mine + others + mine + mine + set, others},
		{"with a removal of ours", others + removed, others + removed + set, others},
		{"with a value over two lines", others + twoLines, others + twoLines + set, others},
		{"with the same choice", others + set, others + set, others},
		{"with the same choice, and another one since", set + mine, set + mine + set, ""},
		{"with the same words in another value", "network.wan.a='x\n" + set, set, "network.wan.a='x\n" + set},
		{"of another option", "network.wan2.multipath2='1'\n", "network.wan2.multipath2='1'\n" + set, "network.wan2.multipath2='1'\n"},
		{"of another package", "firewall.wan2.multipath='1'\n", "firewall.wan2.multipath='1'\n" + set, "firewall.wan2.multipath='1'\n"},
		{"without a newline", "network.wan.a='1'", "network.wan.a='1'\n" + set, "network.wan.a='1'"},
		{"but a torn last one", others + "network.wan.a='1", others + set, others + "network.wan.a='1"},
		{"but a last backslash", others + "a\\\n", others + set, others + "a\\\n"},
		{"but NUL bytes", "network.wan.a=1\x00\n", set, "network.wan.a=1\x00\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, edit := range []struct {
				name, want string
				run        func(Source) error
			}{
				{"set", test.afterSet, func(s Source) error {
					return s.SetState(t.Context(), "network", "wan2", "multipath", "backup")
				}},
				{"unset", test.afterUnset, func(s Source) error {
					return s.UnsetState(t.Context(), "network", "wan2", "multipath")
				}},
			} {
				s := source(t, "", "")
				write(t, s.statePath("network"), test.before)
				if err := edit.run(s); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(edit.want, string(read(t, s.statePath("network")))); diff != "" {
					t.Errorf("%s (-want +got):\n%s", edit.name, diff)
				}
			}
		})
	}
}

func TestStateFileModes(t *testing.T) {
	s := Source{StateDir: filepath.Join(t.TempDir(), "state")}
	if err := s.UnsetState(t.Context(), "network", "wan2", "multipath"); err != nil {
		t.Errorf("unset without a directory: %v", err)
	}
	mode := func() fs.FileMode {
		info, err := os.Stat(s.statePath("network"))
		if err != nil {
			t.Fatal(err)
		}
		return info.Mode()
	}
	set := func(value string) {
		if err := s.SetState(t.Context(), "network", "wan2", "multipath", value); err != nil {
			t.Fatal(err)
		}
	}
	set("on")
	if got := mode(); got != 0o600 {
		t.Errorf("a new file has mode %o, want 600", got)
	}
	if err := os.Chmod(s.statePath("network"), 0o640); err != nil {
		t.Fatal(err)
	}
	set("backup")
	if got := mode(); got != 0o640 {
		t.Errorf("a changed file has mode %o, want 640", got)
	}
	entries, err := os.ReadDir(s.StateDir)
	if err != nil || len(entries) != 1 {
		t.Errorf("the directory holds %v, error %v, want the state file alone", entries, err)
	}
}

func TestStateRefuses(t *testing.T) {
	for name, args := range map[string][4]string{
		"a package name with a dot":   {"net.work", "wan", "multipath", "on"},
		"a section name with a space": {"network", "my wan", "multipath", "on"},
		"a section name for a shell":  {"network", "$(reboot)", "multipath", "on"},
		"a section name with a line":  {"network", "wan\nx", "multipath", "on"},
		"no section name":             {"network", "", "multipath", "on"},
		"an option name with a dash":  {"network", "wan", "multi-path", "on"},
		"an empty value":              {"network", "wan", "multipath", ""},
		"a value with a NUL byte":     {"network", "wan", "multipath", "a\x00"},
	} {
		t.Run(name, func(t *testing.T) {
			s := source(t, "", "")
			if err := s.SetState(t.Context(), args[0], args[1], args[2], args[3]); !errors.Is(err, ErrInvalid) {
				t.Errorf("SetState: error %v, want %v", err, ErrInvalid)
			}
			if err := s.Commit(t.Context(), args[0], args[1], args[2], args[3]); !errors.Is(err, ErrInvalid) {
				t.Errorf("Commit: error %v, want %v", err, ErrInvalid)
			}
			if entries, err := os.ReadDir(s.StateDir); err != nil || len(entries) != 0 {
				t.Errorf("the state directory holds %v, error %v", entries, err)
			}
		})
	}
}

func TestStateTakesALongName(t *testing.T) {
	withoutUCI(t)
	name := strings.Repeat("n", 300)
	s := source(t, "config interface '"+name+"'\n", "")
	if err := s.SetState(t.Context(), "network", name, "multipath", "on"); err != nil {
		t.Fatal(err)
	}
	p, err := s.Read(t.Context(), "network")
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := p.Sections[0].Get("multipath"); got != "on" {
		t.Errorf("multipath %q, want on", got)
	}
}

func TestStateFileThatIsNoFileIsRefused(t *testing.T) {
	withoutUCI(t)
	for name, make := range map[string]func(path string) error{
		"a symbolic link": func(path string) error {
			return os.Symlink(filepath.Join(filepath.Dir(path), "target"), path)
		},
		"a pipe":      func(path string) error { return unix.Mkfifo(path, 0o600) },
		"a directory": func(path string) error { return os.Mkdir(path, 0o700) },
	} {
		t.Run(name, func(t *testing.T) {
			s := source(t, twoLines, "")
			write(t, filepath.Join(s.StateDir, "target"), "untouched\n")
			if err := make(s.statePath("network")); err != nil {
				t.Fatal(err)
			}
			if err := s.SetState(t.Context(), "network", "wan2", "multipath", "on"); err == nil {
				t.Error("SetState: no error")
			}
			if err := s.UnsetState(t.Context(), "network", "wan2", "multipath"); err == nil {
				t.Error("UnsetState: no error")
			}
			if _, err := s.Read(t.Context(), "network"); err == nil {
				t.Error("Read: no error")
			}
			if got := string(read(t, filepath.Join(s.StateDir, "target"))); got != "untouched\n" {
				t.Errorf("the target now holds %q", got)
			}
		})
	}
}

func TestStateFileWithAnotherNameIsNotWritten(t *testing.T) {
	withoutUCI(t)
	s := source(t, twoLines, "")
	target := filepath.Join(s.StateDir, "target")
	write(t, target, "untouched\n")
	if err := os.Link(target, s.statePath("network")); err != nil {
		t.Fatal(err)
	}
	if err := s.SetState(t.Context(), "network", "wan2", "multipath", "on"); err == nil {
		t.Error("SetState: no error")
	}
	if got := string(read(t, target)); got != "untouched\n" {
		t.Errorf("the target now holds %q", got)
	}
}

func TestStateWaitsForTheLock(t *testing.T) {
	withoutUCI(t)
	const before = "network.wan.multipath='on'\n"
	s := source(t, twoLines, before)
	holder, err := openLocked(t.Context(), s.statePath("network"), 0)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.SetState(ctx, "network", "wan2", "multipath", "on"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("SetState under another's lock: error %v, want %v", err, context.DeadlineExceeded)
	}
	if got := string(read(t, s.statePath("network"))); got != before {
		t.Errorf("the file changed to %q", got)
	}
	if err := holder.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.SetState(t.Context(), "network", "wan2", "multipath", "on"); err != nil {
		t.Errorf("SetState with the lock free: %v", err)
	}
}

func TestWritersAtTheSameTimeLoseNothing(t *testing.T) {
	withoutUCI(t)
	const writers, rounds = 8, 10
	s := source(t, twoLines, "")
	var wg sync.WaitGroup
	failures := make(chan error, writers*rounds)
	for i := range writers {
		wg.Go(func() {
			for round := range rounds {
				failures <- s.SetState(t.Context(), "network", "wan2", fmt.Sprint("o", i), fmt.Sprint("v", round))
			}
		})
	}
	wg.Wait()
	close(failures)
	for err := range failures {
		if err != nil {
			t.Error(err)
		}
	}
	p, err := s.Read(t.Context(), "network")
	if err != nil {
		t.Fatal(err)
	}
	wan2, _ := p.Section("wan2")
	for i := range writers {
		if got, _ := wan2.Get(fmt.Sprint("o", i)); got != fmt.Sprint("v", rounds-1) {
			t.Errorf("option o%d is %q", i, got)
		}
	}
	if n := strings.Count(string(read(t, s.statePath("network"))), "\n"); n != writers*rounds {
		t.Errorf("the file has %d lines, want %d", n, writers*rounds)
	}
}

// TestAnotherWriterThatWaits lets another program open the file and wait for its lock,
// as "uci -P" does at every ifup (/etc/hotplug.d/iface/00-netstate), while runtime
// choices are made and taken back.
func TestAnotherWriterThatWaits(t *testing.T) {
	withoutUCI(t)
	const before = "network.wan2.multipath='on'\nnetwork.wan.multipath='master'\n"
	const theirs = "network.wan.up='1'\n"
	full := strings.Repeat(before, maxState/len(before)+1)
	for name, test := range map[string]struct {
		before, want string
		edit         func(s Source) error
	}{
		"a choice is made": {before, before + "network.wan2.multipath='off'\n" + theirs, func(s Source) error {
			return s.SetState(t.Context(), "network", "wan2", "multipath", "off")
		}},
		"a choice is made in a large file": {full, "network.wan.multipath='master'\n" + "network.wan2.multipath='off'\n" + theirs, func(s Source) error {
			return s.SetState(t.Context(), "network", "wan2", "multipath", "off")
		}},
		"a choice is taken back": {before, "network.wan.multipath='master'\n" + theirs, func(s Source) error {
			return s.UnsetState(t.Context(), "network", "wan2", "multipath")
		}},
		"the last choice is taken back": {"network.wan2.multipath='on'\n", theirs, func(s Source) error {
			return s.UnsetState(t.Context(), "network", "wan2", "multipath")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := source(t, twoLines, test.before)
			f, err := os.OpenFile(s.statePath("network"), os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if err := test.edit(s); err != nil {
				t.Fatal(err)
			}
			// uci_open_stream of libuci: the lock, then the end of the file.
			err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
			if err == nil {
				_, err = f.Seek(0, io.SeekEnd)
			}
			if err == nil {
				_, err = f.WriteString(theirs)
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(read(t, s.statePath("network")))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestTwoWritersOfDifferentMakeLoseNothing lets a writer that does what libuci does work
// against one of ours, which makes choices, takes them back, and tidies the file up.
func TestTwoWritersOfDifferentMakeLoseNothing(t *testing.T) {
	withoutUCI(t)
	const rounds = 3000
	s := source(t, twoLines, strings.Repeat("network.wan2.multipath='on'\n", maxState/28))
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range rounds {
			f, err := os.OpenFile(s.statePath("network"), os.O_RDWR|os.O_CREATE, 0o600)
			if err == nil {
				err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
			}
			if err == nil {
				_, err = f.Seek(0, io.SeekEnd)
			}
			if err == nil {
				_, err = fmt.Fprintf(f, "network.wan.up%d='1'\n", i)
			}
			if err = errors.Join(err, f.Close()); err != nil {
				t.Error(err)
				return
			}
		}
	})
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	for i := 0; ; i++ {
		err := s.SetState(t.Context(), "network", "wan2", "multipath", []string{"on", "backup"}[i%2])
		if err == nil && i%5 == 4 {
			err = s.UnsetState(t.Context(), "network", "wan2", "multipath")
		}
		if err != nil {
			t.Fatal(err)
		}
		select {
		case <-done:
		default:
			continue
		}
		break
	}
	data := string(read(t, s.statePath("network")))
	if n := strings.Count(data, "network.wan.up"); n != rounds {
		t.Errorf("%d lines of the other writer, want %d", n, rounds)
	}
	for line := range strings.Lines(data) {
		if !strings.HasPrefix(line, "network.wan") || !strings.HasSuffix(line, "'\n") {
			t.Fatalf("a line %q", line)
		}
	}
}

func TestALargeStateFileIsTidiedUp(t *testing.T) {
	withoutUCI(t)
	const others = "network.wan.up='1'\nnetwork.wan.multipath2='a'\nfirewall.wan2.multipath='x'\n|network.wan2.multipath='y'\n"
	const mine = "network.wan.multipath='on'\nnetwork.wan2.multipath='master'\n"
	for _, test := range []struct{ name, before, want string }{
		{
			"over the bound", others + strings.Repeat(mine, maxState/len(mine)+1),
			others + "network.wan.multipath='on'\n" + "network.wan2.multipath='off'\n",
		},
		{"below the bound", others + mine + mine, others + mine + mine + "network.wan2.multipath='off'\n"},
		{
			"by the lines of others", strings.Repeat(others, maxState/len(others)+1),
			strings.Repeat(others, maxState/len(others)+1) + "network.wan2.multipath='off'\n",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := source(t, twoLines, test.before)
			if err := s.SetState(t.Context(), "network", "wan2", "multipath", "off"); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(read(t, s.statePath("network")))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestAKilledWriterLeavesTheOldOrTheNewChoice(t *testing.T) {
	program := install(t, programWriter)
	const others = "# comment\nnetwork.wan.multipath='master'\n"
	s := source(t, twoLines, others)
	for range 30 {
		kill(t, program, s.StateDir)
		data := string(read(t, s.statePath("network")))
		mine, ok := strings.CutPrefix(data, others)
		if !ok {
			t.Fatalf("the other lines are not what they were: %q", data)
		}
		for line := range strings.Lines(mine) {
			switch line {
			case "\n", "network.wan2.multipath='on'\n", "network.wan2.multipath='backup'\n", `network.wan2.multipath='it'\''s'` + "\n":
			default:
				t.Fatalf("half a line: %q in %q", line, mine)
			}
		}
	}
}

// kill lets the writer begin, and ends it at some moment of its work.
func kill(t *testing.T, program, dir string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if line != "begun\n" {
		t.Errorf("the writer says %q, error %v", line, err)
	}
	time.Sleep(time.Duration(rand.IntN(3000)) * time.Microsecond)
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	var killed *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &killed) || killed.ExitCode() != -1 {
		t.Errorf("the writer ended by itself: %v", err)
	}
}
