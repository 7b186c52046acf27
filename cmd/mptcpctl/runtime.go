// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/uci"
)

// readSaved notes which modes are runtime choices, and what the configuration says
// below them. The file is read again only where there is one.
func (o *options) readSaved(ctx context.Context, pkg *uci.Package, cfg *config.Config) error {
	chosen, err := o.source().Chosen(ctx, pkg)
	if err != nil {
		return exitError{exitConfig, err}
	}
	var saved *uci.Package
	for i := range cfg.Interfaces {
		one := &cfg.Interfaces[i]
		if _, one.Chosen = ownMode(chosen, one.Name); !one.Own || !one.Chosen {
			continue
		}
		if saved == nil {
			if saved, err = o.source().Saved(ctx, uciPackage); err != nil {
				return exitError{exitConfig, err}
			}
		}
		word, _ := ownMode(saved, one.Name)
		if mode, ok := config.ParseMode(word); ok {
			cfg.SetSaved(one.Name, mode)
		}
	}
	return nil
}

// ownMode is the option of a section; a section that is only staged stands in no
// file yet.
func ownMode(pkg *uci.Package, name string) (word string, ok bool) {
	section, there := pkg.Section(name)
	if !there {
		return "", false
	}
	return section.Get(config.OptionMultipath)
}
