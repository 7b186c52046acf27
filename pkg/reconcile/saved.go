// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"context"
	"errors"
	"io/fs"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/uci"
)

// readSaved notes which modes are runtime choices, and what the configuration says
// below them. The file is read again only where there is one.
func (r *Runner) readSaved(ctx context.Context, pkg *uci.Package, cfg *config.Config) error {
	chosen, err := r.Source().Chosen(ctx, pkg)
	if errors.Is(err, fs.ErrPermission) {
		cfg.Hidden = true
		cfg.Warnings = append(cfg.Warnings, "modes may be others, runtime choices cannot be read: "+err.Error())
		return nil
	}
	if err != nil {
		return err
	}
	told := false // by uci, which passes over such lines
	for _, w := range pkg.Warnings {
		told = told || len(chosen.Warnings) > 0 && w.File == chosen.Warnings[0].File
	}
	for _, w := range chosen.Warnings {
		if !told {
			cfg.Warnings = append(cfg.Warnings, w.String())
		}
	}
	choices := modes(chosen)
	var saved map[string]string
	old := make(map[string]string)
	for i := range cfg.Interfaces {
		one := &cfg.Interfaces[i]
		if _, runtime := choices[one.Name]; !one.Own || !runtime {
			continue
		}
		if saved == nil {
			pkg, err := r.Source().Saved(ctx, Package)
			if err != nil {
				return err
			}
			saved = modes(pkg)
		}
		old[one.Name] = saved[one.Name]
	}
	if len(old) > 0 {
		cfg.SetSaved(old)
	}
	return nil
}

// modes are the modes that sections set, by their names, as they are written.
func modes(pkg *uci.Package) map[string]string {
	words := make(map[string]string)
	seen := make(map[string]bool, len(pkg.Sections))
	for _, section := range pkg.Sections {
		word, ok := section.Get(config.OptionMultipath)
		if ok && !seen[section.Name] {
			words[section.Name] = word
		}
		seen[section.Name] = true // of two with one name the first counts
	}
	return words
}

// ModeOf is the mode that a section sets, as it is written. A section that is only
// staged is in no file yet.
func ModeOf(pkg *uci.Package, name string) (word string, ok bool) {
	section, there := pkg.Section(name)
	if !there {
		return "", false
	}
	return section.Get(config.OptionMultipath)
}
