// SPDX-License-Identifier: Apache-2.0

package uci

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/child"
)

// DefaultConfigDir is where uci looks unless told otherwise (UCI_CONFDIR in
// libuci's uci.h).
const DefaultConfigDir = "/etc/config"

// Source is where configuration comes from. The zero value is DefaultConfigDir
// without runtime choices.
type Source struct {
	ConfigDir string // empty: DefaultConfigDir
	StateDir  string // holds the runtime choices; empty: there are none
}

var (
	// ErrNoProgram says that there is no uci program on the PATH, which permanent
	// changes need.
	ErrNoProgram = errors.New("no uci on the PATH")

	// ErrProgram says that the uci program could not run to its end, whatever is in the
	// files.
	ErrProgram = errors.New("uci did not finish")

	// ErrState says that what is in the place of the state file cannot be one.
	ErrState = errors.New("not a file of runtime choices")

	errReadState = errors.New("reading the runtime choices")
)

// Read returns the package with everything that is to be merged into it. With a uci
// program on the PATH it executes exactly one process, which also adds the changes
// that are staged in /tmp/.uci; without one it reads the file in ConfigDir and puts
// the delta file in StateDir on top.
//
// Without one, the options of a section whose first line cannot be read are left out;
// uci, and so netifd, gives them to the section before.
//
// The error wraps ErrTooLarge, ErrUnterminated, ErrInvalid (the name of the package),
// fs.ErrNotExist (no such file), ErrState or ErrProgram; any other means that the
// program failed, and carries the first line that it had to say about it.
func (s Source) Read(ctx context.Context, pkg string) (*Package, error) {
	if err := errors.Join(checkPackage(pkg), s.checkState(pkg)); err != nil {
		return nil, err
	}
	p, err := s.export(ctx, pkg)
	if errors.Is(err, ErrNoProgram) {
		p, err = s.readFiles(ctx, pkg)
	}
	return p, s.about(pkg, err)
}

// about names the file that an error is about, unless that is a program, or the error
// names the file of the state.
func (s Source) about(pkg string, err error) error {
	if err == nil || errors.Is(err, ErrProgram) || errors.Is(err, errReadState) {
		return err
	}
	return fmt.Errorf("%s: %w", s.configPath(pkg), err)
}

// Saved returns what the file alone says, without staged changes and runtime
// choices. It executes no process. The errors are those of Read.
func (s Source) Saved(ctx context.Context, pkg string) (*Package, error) {
	if err := checkPackage(pkg); err != nil {
		return nil, err
	}
	p, err := Source{ConfigDir: s.ConfigDir}.readFiles(ctx, pkg)
	return p, s.about(pkg, err)
}

func (s Source) configDir() string {
	if s.ConfigDir == "" {
		return DefaultConfigDir
	}
	return s.ConfigDir
}

func (s Source) configPath(pkg string) string { return filepath.Join(s.configDir(), pkg) }

// export asks uci. The option -n keeps the names that libuci gives to anonymous
// sections, which a second count would get wrong where a delta file removed one;
// -q is not given, as it would silence the reason of a failure.
func (s Source) export(ctx context.Context, pkg string) (*Package, error) {
	args := []string{"-S", "-n"}
	if s.StateDir != "" {
		args = append(args, "-P", s.StateDir)
	}
	stdout, stderr, err := s.uci(ctx, append(args, "export", pkg)...)
	if err != nil {
		if _, missing := os.Stat(s.configPath(pkg)); errors.Is(missing, fs.ErrNotExist) {
			return nil, fmt.Errorf("%w (%w)", err, fs.ErrNotExist)
		}
		return nil, err
	}
	p, err := Parse(pkg, []byte(stdout))
	if err != nil {
		return nil, fmt.Errorf("output of uci export: %w", err)
	}
	for i := range p.Sections {
		p.Sections[i].Anonymous = madeUp(p.Sections[i])
		p.Sections[i].Line = 0
	}
	var own []Warning
	for _, line := range child.Lines(stderr) {
		w, ok := readWarning(line)
		if ok && strings.HasPrefix(w.Text, warningOpenQuote) {
			return nil, fmt.Errorf("line %d: %w", w.Line, ErrUnterminated)
		}
		if !ok {
			continue
		}
		if len(p.Warnings) == 0 {
			if file, err := s.Saved(ctx, pkg); err == nil {
				own = file.Warnings
			}
		}
		// Both are in the order of the lines. Those of uci do not name the section.
		for len(own) > 0 && own[0].Line < w.Line {
			own = own[1:]
		}
		if len(own) > 0 && own[0].Line == w.Line {
			w.Text = own[0].Text
		}
		p.Warnings = append(p.Warnings, w)
	}
	return p, nil
}

// What uci -S writes to its stderr for each line that it cannot read, while it goes
// on: "Parse error (REASON) at line 3, byte 7" (uci_get_errorstr in libuci.c).
const (
	warningStart     = "Parse error ("
	warningLine      = ") at line "
	warningOpenQuote = "EOF with unterminated"
)

func readWarning(line string) (Warning, bool) {
	reason, ok := strings.CutPrefix(line, warningStart)
	if !ok {
		return Warning{}, false
	}
	reason, place, ok := strings.Cut(reason, warningLine)
	if !ok {
		return Warning{}, false
	}
	number, _, _ := strings.Cut(place, ",")
	n, err := strconv.Atoi(number)
	return Warning{Line: n, Text: reason}, err == nil
}

// readFiles does what uci would, without staged changes: they need uci to be made.
func (s Source) readFiles(ctx context.Context, pkg string) (*Package, error) {
	f, err := openRegular(s.configPath(pkg))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := readAll(f)
	if err != nil {
		return nil, err
	}
	_, netifd := child.LookPath("uci")
	p, err := parse(pkg, data, !netifd)
	if err != nil {
		return nil, err
	}
	if s.StateDir == "" {
		return p, nil
	}
	if err := s.addState(ctx, p); !errors.Is(err, fs.ErrPermission) {
		return p, err
	}
	return p, nil // as uci does; Chosen tells
}

// openRegular opens a file to be read. A pipe would be waited for, under the lock of a
// run.
func openRegular(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errNotRegular
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Chosen returns the runtime choices alone: the sections of p with no options but
// those. The error wraps fs.ErrPermission for who may not read them, whom Read gives
// the configuration without.
func (s Source) Chosen(ctx context.Context, p *Package) (*Package, error) {
	chosen := &Package{Name: p.Name}
	if s.StateDir == "" {
		return chosen, nil
	}
	for _, section := range p.Sections {
		section.Options = nil
		chosen.Sections = append(chosen.Sections, section)
	}
	err := s.addState(ctx, chosen)
	warnings := chosen.Warnings
	chosen.Warnings = nil
	for _, w := range warnings {
		if w.Text != errNotThis.Error() { // what takes an option away finds none here
			chosen.Warnings = append(chosen.Warnings, w)
		}
	}
	return chosen, err
}

// addState puts the runtime choices on top.
func (s Source) addState(ctx context.Context, p *Package) error {
	path := s.statePath(p.Name)
	f, err := openLocked(ctx, path, os.O_RDONLY, unix.LOCK_SH)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("%w: %w", errReadState, err)
	}
	defer f.Close()
	data, err := readAll(f)
	if err != nil {
		return fmt.Errorf("%w: %s: %w", errReadState, path, err)
	}
	for _, w := range ApplyDelta(p, data) {
		w.File = path
		p.Warnings = append(p.Warnings, w)
	}
	return nil
}

// checkState refuses a state file that would end a reader badly: uci waits for the
// other end of a pipe.
func (s Source) checkState(pkg string) error {
	if s.StateDir == "" {
		return nil
	}
	path := s.statePath(pkg)
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, unix.ENOTDIR):
		return fmt.Errorf("%s: %w: %w", path, ErrState, unix.ENOTDIR)
	case err != nil: // there is none, or it may not be read
		return nil
	case info.Mode()&fs.ModeSymlink != 0:
		return fmt.Errorf("%s: %w: a symbolic link", path, ErrState)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s: %w: not a regular file", path, ErrState)
	case info.Size() > MaxSize:
		return fmt.Errorf("%s: %w: %w", path, ErrState, ErrTooLarge)
	}
	return nil
}

// RemoveState removes what is in the place of the state file and cannot be one (ErrState).
// removed is its path, empty where there was nothing to remove.
func (s Source) RemoveState(pkg string) (removed string, err error) {
	if err := checkPackage(pkg); err != nil {
		return "", err
	}
	bad := s.checkState(pkg)
	if bad == nil {
		return "", nil
	}
	if err := os.Remove(s.statePath(pkg)); err != nil {
		return "", fmt.Errorf("%w; %w", bad, err)
	}
	return s.statePath(pkg), nil
}

// Changes lists the changes to the package that have been staged and not
// committed, each as uci prints it: network.wan.proto='dhcp'. Without a uci program
// the error is ErrNoProgram.
func (s Source) Changes(ctx context.Context, pkg string) ([]string, error) {
	if err := checkPackage(pkg); err != nil {
		return nil, err
	}
	stdout, _, err := s.uci(ctx, "changes", pkg)
	if err != nil {
		return nil, err
	}
	return splitChanges(stdout), nil
}

// splitChanges splits at newlines, but not at those in quoted values.
func splitChanges(text string) []string {
	var changes []string
	quoted, start := false, 0
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && !quoted:
			i++
		case text[i] == '\'':
			quoted = !quoted
		case text[i] == '\n' && !quoted:
			if i > start {
				changes = append(changes, text[start:i])
			}
			start = i + 1
		}
	}
	if start < len(text) {
		changes = append(changes, text[start:])
	}
	return changes
}

// Commit sets an option for good: uci set and uci commit. The commit takes along
// whatever else is staged in the package, so ask Changes first. Both run in strict
// mode, since committing a file with unreadable lines would remove those. If the
// commit fails, the set is taken back, even if ctx has ended.
func (s Source) Commit(ctx context.Context, pkg, section, option, value string) error {
	if err := errors.Join(checkSetting(pkg, section, option), checkValue(value)); err != nil {
		return err
	}
	name := pkg + "." + section + "." + option
	if _, _, err := s.uci(ctx, "set", name+"="+value); err != nil {
		return err
	}
	if _, _, err := s.uci(ctx, "commit", pkg); err != nil {
		_, _, undo := s.uci(context.Background(), "revert", name)
		return errors.Join(err, undo)
	}
	return nil
}

// uci executes the program with the given arguments. Options come first, because
// musl's getopt stops at the command.
func (s Source) uci(ctx context.Context, args ...string) (stdout, stderr string, err error) {
	path, found := child.LookPath("uci")
	if !found {
		return "", "", ErrNoProgram
	}
	if dir := s.configDir(); dir != DefaultConfigDir {
		args = append([]string{"-c", dir}, args...)
	}
	return run(ctx, path, args)
}
