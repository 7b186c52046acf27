// SPDX-License-Identifier: Apache-2.0

//lint:file-ignore ST1005 these are the words of uci

package netlab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/mptcpctl/mptcpctl/pkg/uci"
)

// show prints a package, a section or an option as uci show does.
func (c *uciCommand) show(p *uci.Package, tuple string) error {
	found := false
	for _, s := range p.Sections {
		section := p.Name + "." + s.Name
		if tuple == p.Name || tuple == section {
			fmt.Fprintf(c.out, "%s=%s\n", section, s.Type)
			found = true
		}
		for _, o := range s.Options {
			option := section + "." + o.Name
			if tuple == p.Name || tuple == section || tuple == option {
				fmt.Fprintf(c.out, "%s='%s'\n", option, strings.Join(o.Values, "' '"))
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
	f, err := os.OpenFile(filepath.Join(c.save, p.Name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(line); err != nil {
		return errors.Join(err, f.Close())
	}
	return f.Close()
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
		if _, err := c.out.Write(data); err != nil {
			return err
		}
	}
	return nil
}

// revert drops the staged changes of a package, a section or an option.
func (c *uciCommand) revert(name, tuple string) error {
	file := filepath.Join(c.save, name)
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
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
	if kept.Len() == 0 {
		return os.Remove(file)
	}
	return os.WriteFile(file, []byte(kept.String()), 0o600)
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
