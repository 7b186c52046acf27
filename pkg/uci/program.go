// SPDX-License-Identifier: Apache-2.0

package uci

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/child"
)

// readProgram asks uci for the package, with -n for the names that libuci gives to
// anonymous sections. What uci does not tell is read from the files: the lines that
// cannot be read, and what is a runtime choice. Sections that share a name become one,
// as in everything that is read from an export.
func (s *Source) readProgram(ctx context.Context, pkg string) (*Package, error) {
	path, override := s.File(pkg)
	file, missing := s.load(ctx, path, pkg, new(unix.Stat_t))
	switch {
	case errors.Is(missing, fs.ErrNotExist):
		file = &Package{Name: pkg}
	case missing != nil:
		return nil, missing
	}
	saved := file
	if override {
		saved = s.savedBelow(ctx, pkg)
	}
	state, hidden, err := s.readState(ctx, pkg)
	if err != nil {
		return nil, err
	}
	args := []string{"-S", "-n"}
	if s.StateDir != "" {
		args = append(args, "-P", s.StateDir)
	}
	stdout, err := s.uci(ctx, append(args, "export", pkg)...)
	switch {
	case errors.Is(err, ErrProgram), errors.Is(err, ErrNoProgram):
		return nil, err
	case err != nil && missing != nil:
		return nil, missing
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	p, err := Parse(pkg, []byte(stdout))
	if err != nil {
		return nil, fmt.Errorf("output of uci export: %w", err)
	}
	p.File, p.Warnings, p.Saved, p.Hidden = path, file.Warnings, saved, hidden
	chosen := p.clone()
	for i := range p.Sections {
		section := &p.Sections[i]
		section.Anonymous, section.Line = madeUp(*section), 0
		chosen.Sections[i].Options = nil
	}
	chosen.addDelta(s.statePath(pkg), state, true)
	p.Warnings = chosen.Warnings
	for _, section := range p.Sections {
		by, _ := chosen.Section(section.Name)
		for i := range section.Options {
			section.Options[i].Runtime = by != nil && by.Runtime(section.Options[i].Name)
		}
	}
	return p, nil
}

// Changes lists the changes to the package that have been staged and not
// committed, each as uci prints it: network.wan.proto='dhcp'. Without a uci program
// the error is ErrNoProgram.
func (s Source) Changes(ctx context.Context, pkg string) ([]string, error) {
	if err := checkPackage(pkg); err != nil {
		return nil, err
	}
	stdout, err := s.uci(ctx, "changes", pkg)
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
// commit fails, the set is taken back, even if ctx has ended. uci writes into
// File, which may be an override.
func (s Source) Commit(ctx context.Context, pkg, section, option, value string) error {
	if err := errors.Join(checkSetting(pkg, section, option), checkValue(value)); err != nil {
		return err
	}
	name := pkg + "." + section + "." + option
	if _, err := s.uci(ctx, "set", name+"="+value); err != nil {
		return err
	}
	if _, err := s.uci(ctx, "commit", pkg); err != nil {
		_, undo := s.uci(context.Background(), "revert", name)
		return errors.Join(err, undo)
	}
	return nil
}

// uci executes the program with the given arguments. Options come first, because
// musl's getopt stops at the command.
func (s *Source) uci(ctx context.Context, args ...string) (stdout string, err error) {
	path, found := child.LookPath("uci")
	if !found {
		return "", ErrNoProgram
	}
	for _, dir := range [...][3]string{
		{"-c", s.configDir(), DefaultConfigDir}, {"-C", s.OverrideDir, DefaultOverrideDir}, {"-t", s.StagedDir, DefaultStagedDir},
	} {
		if dir[1] != "" && dir[1] != dir[2] {
			args = append([]string{dir[0], dir[1]}, args...)
		}
	}
	return run(ctx, path, args)
}
