// SPDX-License-Identifier: Apache-2.0

package uci

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// layered is what Read reads, by the names of the recorded files: config, override,
// staged, state. What is missing is no file.
type layered map[string][]byte

// source puts it into directories.
func (l layered) source(t testing.TB) Source {
	t.Helper()
	s := Source{ConfigDir: t.TempDir(), OverrideDir: t.TempDir(), StagedDir: t.TempDir(), StateDir: t.TempDir(), Netifd: true}
	for name, dir := range map[string]string{"config": s.ConfigDir, "override": s.OverrideDir, "staged": s.StagedDir, "state": s.StateDir} {
		if data, ok := l[name]; ok {
			write(t, filepath.Join(dir, "network"), string(data))
		}
	}
	return s
}

// merged are the recorded layers, each with what uci of OpenWrt 25.12 (66127cd) made of
// it: "uci -S -n -c DIR -C DIR -t DIR -P DIR export network".
func merged(t testing.TB) map[string]layered {
	t.Helper()
	files, err := filepath.Glob("testdata/merged/*/*")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded layers: %v", err)
	}
	all := make(map[string]layered)
	for _, file := range files {
		name := filepath.Base(filepath.Dir(file))
		if all[name] == nil {
			all[name] = make(layered)
		}
		all[name][filepath.Base(file)] = read(t, file)
	}
	return all
}

func TestReadMergesWhatUciMerges(t *testing.T) {
	for name, layers := range merged(t) {
		t.Run(name, func(t *testing.T) {
			p, err := layers.source(t).Read(t.Context(), "network")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(layers["out"]), p.String()); diff != "" {
				t.Errorf("export (-want +got):\n%s", diff)
			}
			file, err := Parse("network", layers["config"])
			if err != nil {
				t.Fatal(err)
			}
			if p.Saved == nil {
				p.Saved = p
			}
			if diff := cmp.Diff(file.String(), p.Saved.String()); diff != "" {
				t.Errorf("what is saved (-want +got):\n%s", diff)
			}
		})
	}
}

// TestReadMergesWhatThisMachinesUciMerges asks the real program, where there is one,
// about layers made at random.
func TestReadMergesWhatThisMachinesUciMerges(t *testing.T) {
	program, err := exec.LookPath("uci")
	if errors.Is(err, exec.ErrNotFound) {
		t.Log("there is no uci here; its answers are recorded in testdata/merged")
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	all, blank := merged(t), regexp.MustCompile(`=['"\\]*\s`)
	for range 2000 {
		layers := randomLayers(all)
		// libuci removes an item of a list by a number that it has not set (uci_delete in
		// list.c, where sscanf of blanks gives EOF).
		if blank.Match(layers["staged"]) || blank.Match(layers["state"]) {
			continue
		}
		s := layers.source(t)
		cmd := exec.Command(program, "-S", "-n", "-c", s.ConfigDir, "-C", s.OverrideDir, "-t", s.StagedDir, "-P", s.StateDir, "export", "network")
		want, failed := cmd.Output()
		p, err := s.Read(t.Context(), "network")
		if errors.Is(err, ErrUnterminated) {
			continue // uci goes on with what comes before
		}
		if (err == nil) != (failed == nil) {
			t.Fatalf("error %v, that of uci %v, of %q", err, failed, layers)
		}
		if err != nil {
			continue
		}
		if diff := cmp.Diff(string(want), p.String()); diff != "" {
			t.Fatalf("export of %q (-want +got):\n%s", layers, diff)
		}
	}
}

// randomLayers mixes lines of recorded layers, and changes some of their bytes.
func randomLayers(all map[string]layered) layered {
	var lines [2][][]byte // of configurations, of deltas
	for _, layers := range all {
		for name, data := range layers {
			kind := 0
			if name == "staged" || name == "state" {
				kind = 1
			}
			if name != "out" {
				lines[kind] = append(lines[kind], bytes.SplitAfter(data, []byte("\n"))...)
			}
		}
	}
	layers := make(layered)
	for name, kind := range map[string]int{"config": 0, "override": 0, "staged": 1, "state": 1} {
		if name != "config" && rand.IntN(3) == 0 || name == "override" && rand.IntN(3) > 0 {
			continue
		}
		var data []byte
		for range rand.IntN(30) {
			data = append(data, lines[kind][rand.IntN(len(lines[kind]))]...)
		}
		for range rand.IntN(4) {
			if len(data) > 0 {
				data[rand.IntN(len(data))] = "\x00\n'\"\\;#=.-+@^|~ \tn0"[rand.IntN(19)]
			}
		}
		layers[name] = data
	}
	return layers
}

// without are layers of which one is left out.
func (l layered) without(name string) layered {
	rest := make(layered)
	for other, data := range l {
		if other != name {
			rest[other] = data
		}
	}
	return rest
}

// TestWhatOthersMayHaveWrittenIsLeftOut puts into the place of staged changes and of an
// override what another user may have put there. Each is one warning, and nothing else
// of it counts.
func TestWhatOthersMayHaveWrittenIsLeftOut(t *testing.T) {
	const config = "config interface 'wan'\n\toption multipath 'master'\n"
	texts := map[string]string{"staged": "network.wan.multipath='off'\n", "override": "config interface 'wan'\n\toption multipath 'off'\n"}
	const untrusted = "users other than root and this one may write to it"
	for name, test := range map[string]struct {
		spoil func(t *testing.T, dir, file, text string) error
		what  string // empty: nothing is wrong
		inDir bool   // the warning is about the directory
	}{
		"nothing wrong":          {func(*testing.T, string, string, string) error { return nil }, "", false},
		"a file others may read": {func(_ *testing.T, _, file, _ string) error { return os.Chmod(file, 0o644) }, "", false},
		"a file of all":          {func(_ *testing.T, _, file, _ string) error { return os.Chmod(file, 0o666) }, untrusted, false},
		"a file of the group":    {func(_ *testing.T, _, file, _ string) error { return os.Chmod(file, 0o660) }, untrusted, false},
		"a directory of all":     {func(_ *testing.T, dir, _, _ string) error { return os.Chmod(dir, 0o1777) }, untrusted, true},
		"a directory of a group": {func(_ *testing.T, dir, _, _ string) error { return os.Chmod(dir, 0o775) }, untrusted, true},
		"somebody else's file":   {func(t *testing.T, _, file, _ string) error { return giveAway(t, file) }, untrusted, false},
		"somebody else's folder": {func(t *testing.T, dir, _, _ string) error { return giveAway(t, dir) }, untrusted, true},
		"a symbolic link":        {linked, "a symbolic link", false},
		"a linked directory":     {linkedDir, "not a directory", true},
		"a file as the directory": {func(_ *testing.T, dir, _, text string) error {
			return replace(dir, func() error { return os.WriteFile(dir, []byte(text), 0o600) })
		}, "not a directory", true},
		"a pipe": {func(_ *testing.T, _, file, _ string) error {
			return replace(file, func() error { return unix.Mkfifo(file, 0o600) })
		}, "not a regular file", false},
		"a directory": {func(_ *testing.T, _, file, _ string) error {
			return replace(file, func() error { return os.Mkdir(file, 0o700) })
		}, "not a regular file", false},
		"a socket": {func(t *testing.T, _, file, _ string) error {
			return replace(file, func() error { return listen(t, file) })
		}, "not a regular file", false},
		"larger than 1 MiB": {func(_ *testing.T, _, file, text string) error {
			return os.WriteFile(file, bytes.Repeat([]byte(text), MaxSize/len(text)+1), 0o600)
		}, "larger than 1 MiB", false},
		"sparse, of a terabyte": {func(_ *testing.T, _, file, _ string) error { return os.Truncate(file, 1<<40) }, "larger than 1 MiB", false},
	} {
		for layer, text := range texts {
			t.Run(name+", "+layer, func(t *testing.T) {
				s := layered{"config": []byte(config), layer: []byte(text)}.source(t)
				dir := map[string]string{"staged": s.StagedDir, "override": s.OverrideDir}[layer]
				file := filepath.Join(dir, "network")
				if err := test.spoil(t, dir, file, text); errors.Is(err, errOneUser) {
					t.Log(err)
					return
				} else if err != nil {
					t.Fatal(err)
				}
				p, err := s.Read(t.Context(), "network")
				if err != nil {
					t.Fatal(err)
				}
				var want []Warning
				mode := "off"
				if test.what != "" {
					mode = "master"
					path := file
					if test.inDir {
						path = dir
					}
					leftOut := map[string]string{"staged": "uncommitted changes are left out: ", "override": "the override is left out: "}[layer]
					want = []Warning{{File: path, Text: leftOut + test.what}}
				}
				if diff := cmp.Diff(want, p.Warnings); diff != "" {
					t.Errorf("warnings (-want +got):\n%s", diff)
				}
				if got, _ := p.Sections[0].Get("multipath"); got != mode {
					t.Errorf("multipath is %q, want %q", got, mode)
				}
			})
		}
	}
}

// TestWhatIsReadIsNamed says which file the lines of warnings count in, and keeps what
// the other file says.
func TestWhatIsReadIsNamed(t *testing.T) {
	const good, bad = "config interface 'wan'\n\toption a '1'\n", "config interface 'wan'\n\toption a '2'\nfoo\n"
	for _, program := range []bool{false, true} {
		if program {
			withUCI(t)
		}
		for name, test := range map[string]struct {
			layers      layered
			read, saved string // a in either
			lines       int    // with a warning
		}{
			"only the file":                        {layered{"config": []byte(bad)}, "2", "2", 1},
			"an override":                          {layered{"config": []byte(bad), "override": []byte(good)}, "1", "2", 0},
			"an override with a bad line":          {layered{"config": []byte(good), "override": []byte(bad)}, "2", "1", 1},
			"an override without the file":         {layered{"override": []byte(bad)}, "2", "", 1},
			"an override of a file that is broken": {layered{"config": []byte("config '"), "override": []byte(good)}, "1", "", 0},
		} {
			s := test.layers.source(t)
			s.Program = program
			p, err := s.Read(t.Context(), "network")
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			dir := s.ConfigDir
			if _, there := test.layers["override"]; there {
				dir = s.OverrideDir
			}
			if want := filepath.Join(dir, "network"); p.File != want || len(p.Warnings) != test.lines {
				t.Errorf("%s: read %s with %v, want %s with %d warnings", name, p.File, p.Warnings, want, test.lines)
			}
			if got := first(p); got != test.read {
				t.Errorf("%s: a is %q, want %q", name, got, test.read)
			}
			if p.Saved != nil {
				p = p.Saved
			}
			if got := first(p); got != test.saved {
				t.Errorf("%s: a is saved as %q, want %q", name, got, test.saved)
			}
		}
	}
}

// first is option a of the first section.
func first(p *Package) string {
	if len(p.Sections) == 0 {
		return ""
	}
	value, _ := p.Sections[0].Get("a")
	return value
}

// commit does as uci commit: under the lock of the file it takes the staged changes away,
// and puts a new file into the place of the old one.
func (s Source) commit(text string, between func()) error {
	f, err := os.OpenFile(s.configPath("network"), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	fresh := s.configPath(".network.uci-XXXXXX")
	err = errors.Join(unix.Flock(int(f.Fd()), unix.LOCK_EX), os.Truncate(filepath.Join(s.StagedDir, "network"), 0))
	between()
	return errors.Join(err, os.WriteFile(fresh, []byte(text), 0o600), os.Rename(fresh, f.Name()))
}

func withA(i int) string { return fmt.Sprintf("config interface 'wan'\n\toption a '%d'\n", i) }

// TestChangesThatAreBeingCommittedAreNotMissed reads again and again while there is a
// commit every few milliseconds.
func TestChangesThatAreBeingCommittedAreNotMissed(t *testing.T) {
	s := layered{"config": []byte(withA(0)), "staged": nil}.source(t)
	const commits = 50
	done := make(chan error)
	go func() {
		var err error
		for i := 1; i <= commits && err == nil; i++ {
			err = os.WriteFile(filepath.Join(s.StagedDir, "network"), fmt.Appendf(nil, "network.wan.a='%d'\n", i), 0o600)
			err = errors.Join(err, s.commit(withA(i), func() { time.Sleep(time.Millisecond) }))
			time.Sleep(10 * time.Millisecond) // times of files have ticks of some milliseconds
		}
		done <- err
	}()
	for last, running := 0, true; running; {
		select {
		case err := <-done:
			if running = false; err != nil {
				t.Fatal(err)
			}
		default:
		}
		p, err := s.Read(t.Context(), "network")
		if err != nil {
			t.Fatal(err)
		}
		a, err := strconv.Atoi(first(p))
		if err != nil || a < last || !running && a != commits {
			t.Fatalf("a is %d after %d: %v", a, last, err)
		}
		last = a
	}
}

// TestACommitIsWaitedFor but not one that does not end, nor where nothing was ever staged.
func TestACommitIsWaitedFor(t *testing.T) {
	for name, test := range map[string]struct {
		layers layered
		ends   bool
		want   string
	}{
		"a commit":                  {layered{"config": []byte(withA(1)), "staged": nil}, true, "2"},
		"a commit to an override":   {layered{"config": []byte(withA(0)), "override": []byte(withA(1)), "staged": nil}, true, "2"},
		"a lock that is not uci's":  {layered{"config": []byte(withA(1)), "staged": nil}, false, "1"},
		"a lock and nothing staged": {layered{"config": []byte(withA(1))}, false, "1"},
	} {
		t.Run(name, func(t *testing.T) {
			s := test.layers.source(t)
			where := s
			if _, there := test.layers["override"]; there {
				where.ConfigDir = s.OverrideDir
			}
			if _, there := test.layers["staged"]; !there {
				where.StagedDir = t.TempDir()
				write(t, filepath.Join(where.StagedDir, "network"), "")
			}
			locked, end, done := make(chan struct{}), make(chan struct{}), make(chan error)
			go func() { done <- where.commit(withA(2), func() { close(locked); <-end }) }()
			<-locked
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if test.ends {
				time.AfterFunc(50*time.Millisecond, func() { close(end) })
			} else {
				defer func() {
					close(end)
					<-done
				}()
				ctx, cancel = context.WithTimeout(ctx, 50*time.Millisecond)
				defer cancel()
			}
			p, err := s.Read(ctx, "network")
			if err != nil {
				t.Fatal(err)
			}
			if got := first(p); got != test.want {
				t.Errorf("a is %q, want %q", got, test.want)
			}
			if test.ends {
				if err := <-done; err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func replace(path string, by func() error) error { return errors.Join(os.RemoveAll(path), by()) }

func linked(_ *testing.T, _, file, _ string) error {
	return errors.Join(os.Rename(file, file+".real"), os.Symlink(file+".real", file))
}

func linkedDir(_ *testing.T, dir, _, _ string) error {
	return errors.Join(os.Rename(dir, dir+".real"), os.Symlink(dir+".real", dir))
}

func listen(t *testing.T, path string) error {
	t.Helper()
	short := t.TempDir() // a path of a socket has 107 bytes at most
	if err := os.Symlink(filepath.Dir(path), filepath.Join(short, "d")); err != nil {
		return err
	}
	l, err := net.Listen("unix", filepath.Join(short, "d", filepath.Base(path)))
	if err == nil {
		t.Cleanup(func() { _ = l.Close() })
	}
	return err
}

var errOneUser = errors.New("this user may give nothing away")

const nobody = 65534

func giveAway(t *testing.T, path string) error {
	t.Helper()
	err := os.Chown(path, nobody, nobody)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EINVAL) {
		return errOneUser
	}
	return err
}

// TestLayersAreReadOnlyWhereTheyAreMeant counts on a user who does not ask for them, or
// has no netifd.
func TestLayersAreReadOnlyWhereTheyAreMeant(t *testing.T) {
	for layer, forget := range map[string]func(s *Source){
		"staged":   func(s *Source) { s.StagedDir = "" },
		"override": func(s *Source) { s.OverrideDir = "" },
		"state":    func(s *Source) { s.StateDir = "" },
	} {
		all := merged(t)["override_option"]
		all["staged"], all["state"] = []byte("network.wan2.metric='5'\n"), []byte("network.wan2.device='eth5'\n")
		full := all.source(t)
		without := all.without(layer).source(t)
		partly := full
		forget(&partly)
		if got, want := export(t, partly), export(t, without); got != want {
			t.Errorf("without %s: %s, want %s", layer, got, want)
		}
		if got, other := export(t, partly), export(t, full); got == other {
			t.Errorf("%s makes no difference: %s", layer, got)
		}
		bare := full
		bare.Netifd = false
		if got, want := export(t, bare), export(t, all.without("override").without("staged").source(t)); got != want {
			t.Errorf("without netifd: %s, want %s", got, want)
		}
	}
}

func export(t *testing.T, s Source) string {
	t.Helper()
	p, err := s.Read(t.Context(), "network")
	if err != nil {
		t.Fatal(err)
	}
	return p.String()
}

// TestTheLockOfStagedChangesIsWaitedFor as libuci waits: half a line may be there.
func TestTheLockOfStagedChangesIsWaitedFor(t *testing.T) {
	for _, layer := range []string{"staged", "override", "state"} {
		s := merged(t)["override_staged_and_state"].source(t)
		dir := map[string]string{"staged": s.StagedDir, "override": s.OverrideDir, "state": s.StateDir}[layer]
		f, err := os.OpenFile(filepath.Join(dir, "network"), os.O_RDWR, 0)
		if err == nil {
			err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
		}
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, err = s.Read(ctx, "network")
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), filepath.Join(dir, "network")) {
			t.Errorf("%s: error %v", layer, err)
		}
		time.AfterFunc(50*time.Millisecond, func() { _ = f.Close() })
		export(t, s)
	}
}

// TestARuntimeChoiceIsMarked says which options the state has set, whatever they were.
func TestARuntimeChoiceIsMarked(t *testing.T) {
	eachWay(t, func(t *testing.T, source func(config, state string) Source) {
		s := source("config interface 'wan'\n\toption a '1'\n\toption b '1'\n\tlist c '1'\n\tlist d '1'\n\toption e '1'\n",
			"network.wan.a='1'\n-network.wan.b\n|network.wan.c='2'\n~network.wan.d='1'\nnetwork.wan.f='1'\n@network.wan.e='g'\n|network.wan.h='1'\n"+
				"network.wan2='interface'\nnetwork.wan2.a='1'\n")
		p, err := s.Read(t.Context(), "network")
		if err != nil {
			t.Fatal(err)
		}
		got := make(map[string]bool)
		for _, section := range p.Sections {
			for _, o := range section.Options {
				got[section.Name+"."+o.Name] = o.Runtime
			}
		}
		want := map[string]bool{"wan.a": true, "wan.c": true, "wan.f": true, "wan.g": false, "wan.h": true, "wan2.a": true}
		delete(got, "wan.d") // by uci a list without values is none
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("marks (-want +got):\n%s", diff)
		}
	})
}

// FuzzLayers lets two delta files change a package, of which what is saved, and the
// package that the first one alone gives, stay as they are.
func FuzzLayers(f *testing.F) {
	for _, layers := range merged(f) {
		f.Add(layers["staged"], layers["state"])
	}
	for _, delta := range deltas(f) {
		f.Add(delta, delta)
	}
	f.Fuzz(func(t *testing.T, staged, state []byte) {
		p, want := basePackage(t), basePackage(t)
		before := p.String()
		saved := p.clone()
		p.addDelta("staged", staged, false)
		first := p.clone()
		between := p.String()
		p.addDelta("state", state, true)
		if got := saved.String(); got != before {
			t.Errorf("what is saved has become %q, of %q", got, before)
		}
		if got := first.String(); got != between {
			t.Errorf("what is staged has become %q, of %q", got, between)
		}
		ApplyDelta(want, staged)
		ApplyDelta(want, state)
		if diff := cmp.Diff(want.String(), p.String()); diff != "" {
			t.Errorf("export (-want +got):\n%s", diff)
		}
		for _, section := range first.Sections {
			for _, o := range section.Options {
				if o.Runtime {
					t.Errorf("staged, not chosen: %s.%s", section.Name, o.Name)
				}
			}
		}
	})
}
