// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/uci"
)

// runtimeModes are the interfaces whose mode is a runtime choice: what the
// file of the runtime choices says of sections that have no options yet.
func (o *options) runtimeModes(cfg *config.Config) map[string]bool {
	pkg := &uci.Package{Name: uciPackage}
	for _, i := range cfg.Interfaces {
		pkg.Sections = append(pkg.Sections, uci.Section{Type: "interface", Name: i.Name})
	}
	chosen := make(map[string]bool)
	// Who may not read the file sees no choices, as everywhere.
	data, err := os.ReadFile(filepath.Join(o.source().StateDir, uciPackage))
	if err != nil || len(data) > uci.MaxSize {
		return chosen
	}
	uci.ApplyDelta(pkg, data)
	for _, s := range pkg.Sections {
		_, chosen[s.Name] = s.Get(config.OptionMultipath)
	}
	return chosen
}

// readSaved notes the saved mode of each interface whose mode is a runtime
// choice. The file is read again only where there is one.
func (o *options) readSaved(ctx context.Context, cfg *config.Config) error {
	chosen := o.runtimeModes(cfg)
	var saved *uci.Package
	for i := range cfg.Interfaces {
		one := &cfg.Interfaces[i]
		if !one.Own || !chosen[one.Name] {
			continue
		}
		if saved == nil {
			var err error
			if saved, err = o.source().Saved(ctx, uciPackage); err != nil {
				return exitError{exitConfig, err}
			}
		}
		section, _ := saved.Section(one.Name)
		value, _ := section.Get(config.OptionMultipath)
		if mode, ok := config.ParseMode(value); ok {
			cfg.SetSaved(one.Name, mode)
		}
	}
	return nil
}
