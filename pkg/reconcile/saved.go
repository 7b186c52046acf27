// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"context"
	"errors"
	"io/fs"
	"slices"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/uci"
)

// readSaved notes which modes are runtime choices, and what the configuration says
// below them. The file is read again only where there is one.
func readSaved(ctx context.Context, source uci.Source, pkg *uci.Package, cfg *config.Config) error {
	chosen, err := source.Chosen(ctx, pkg)
	if errors.Is(err, fs.ErrPermission) {
		cfg.Hidden = true
		cfg.Warnings = append(cfg.Warnings, "modes may be others, runtime choices cannot be read: "+err.Error())
		return nil
	}
	if err != nil {
		return err
	}
	// Those that name a file are about the state. uci passes over such lines.
	if !slices.ContainsFunc(pkg.Warnings, func(w uci.Warning) bool { return w.File != "" }) {
		for _, w := range chosen.Warnings {
			cfg.Warnings = append(cfg.Warnings, w.String())
		}
	}
	choices := Modes(chosen)
	var saved map[string]string
	old := make(map[string]string)
	for i := range cfg.Interfaces {
		one := &cfg.Interfaces[i]
		if _, runtime := choices[one.Name]; !one.Own || !runtime {
			continue
		}
		if saved == nil {
			pkg, err := source.Saved(ctx, Package)
			if err != nil {
				return err
			}
			saved = Modes(pkg)
		}
		old[one.Name] = saved[one.Name]
	}
	if len(old) > 0 {
		cfg.SetSaved(old)
	}
	return nil
}

// Modes are the modes that sections set, by their names, as they are written. Of a
// section that is only staged there is none in the file.
func Modes(pkg *uci.Package) map[string]string {
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
