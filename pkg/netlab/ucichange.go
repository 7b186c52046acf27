// SPDX-License-Identifier: Apache-2.0

//lint:file-ignore ST1005 these are the words of uci

package netlab

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/uci"
)

// show prints a package, a section or an option as uci show does.
func (c *uciCommand) show(p *uci.Package, tuple string) error {
	found := false
	for at, s := range p.Sections {
		section := p.Name + "." + s.Name
		words := section
		if tuple == p.Name {
			words = p.Name + "." + shown(p, at)
		}
		if tuple == p.Name || tuple == section {
			fmt.Fprintf(c.out, "%s=%s\n", words, s.Type)
			found = true
		}
		for _, o := range s.Options {
			if tuple == p.Name || tuple == section || tuple == section+"."+o.Name {
				fmt.Fprintf(c.out, "%s.%s='%s'\n", words, o.Name, strings.Join(o.Values, "' '"))
				found = true
			}
		}
	}
	if !found && tuple != p.Name {
		return errNoEntry
	}
	return nil
}

// get prints an option's value, or a section's type.
func (c *uciCommand) get(p *uci.Package, tuple string) error {
	parts := strings.Split(tuple, ".")
	if len(parts) < 2 {
		return errors.New("Invalid argument")
	}
	s, ok := p.Section(parts[1])
	if !ok {
		return errNoEntry
	}
	text := s.Type
	if len(parts) > 2 {
		if text, ok = s.Get(parts[2]); !ok {
			return errNoEntry
		}
	}
	_, err := fmt.Fprintln(c.out, text)
	return err
}

// stage writes one change to the delta file if it fits the package.
func (c *uciCommand) stage(p *uci.Package, line string) error {
	if refused := uci.ApplyDelta(p, []byte(line)); len(refused) > 0 {
		return errNoEntry
	}
	if err := os.MkdirAll(c.save, 0o755); err != nil {
		return err
	}
	f, err := lockedDelta(filepath.Join(c.save, p.Name), os.O_CREATE)
	if err != nil {
		return err
	}
	_, err = f.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = f.WriteString(line)
	}
	return errors.Join(err, f.Close())
}

// lockedDelta opens a file of changes and takes its lock, in the order of
// uci_open_stream in libuci's util.c: who waits goes on in the file that it has opened.
func lockedDelta(path string, flags int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|flags, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// changes prints what is staged, of every package or of one.
func (c *uciCommand) changes(name string) error {
	if name == "" {
		name = "*"
	}
	files, err := filepath.Glob(filepath.Join(c.save, name))
	if err != nil {
		return err
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(data)) {
			if _, err := io.WriteString(c.out, change(line)); err != nil {
				return err
			}
		}
	}
	return nil
}

// change is how uci changes prints a line of the file in which they are staged.
func change(line string) string {
	switch line[0] {
	case '+':
		return line[1:]
	case '|':
		return strings.Replace(line[1:], "=", "+=", 1)
	case '~':
		return strings.Replace(line[1:], "=", "-=", 1)
	}
	return line
}

// revert drops the staged changes of a package, a section or an option.
func (c *uciCommand) revert(name, tuple string) error {
	f, err := lockedDelta(filepath.Join(c.save, name), 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	var kept strings.Builder
	for line := range strings.Lines(string(data)) {
		about, _, _ := strings.Cut(strings.TrimLeft(strings.TrimRight(line, "\n"), "+-@^|~"), "=")
		if about != tuple && !strings.HasPrefix(about, tuple+".") {
			kept.WriteString(line)
		}
	}
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err = f.WriteAt([]byte(kept.String()), 0)
	return err
}

// commit writes the staged changes into the configuration; with -P there is
// nothing to commit to, and nothing happens.
func (c *uciCommand) commit(name string) error {
	staged := filepath.Join(c.save, name)
	if _, err := os.Stat(staged); c.noCommit || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	p, err := c.load(name)
	if err != nil {
		return err
	}
	_, text, _ := strings.Cut(p.Unnamed(), "\n") // The file does not name its package.
	file := filepath.Join(c.config, name)
	if err := os.WriteFile(file+".new", []byte(text), 0o644); err != nil {
		return err
	}
	return errors.Join(os.Rename(file+".new", file), os.Remove(staged))
}
